package payload_test

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/omninode-ai/omninode/onex/payload"
)

// basket is written the way the generator writes types.
type basket struct {
	ID    string   `json:"id"`
	Items []item   `json:"items"`
	Note  *string  `json:"note,omitempty"`
	Tags  []string `json:"tags,omitzero"`
	Total float64  `json:"total"`
}

type item struct {
	Count int64 `json:"count"`
	Gift  *bool `json:"gift,omitempty"`
}

var notePattern = regexp.MustCompile(`^[a-zé]+$`)

func (b basket) Validate() error {
	return payload.First(
		payload.Field("id", b.ID, payload.MinLength(1), payload.MaxLength(4)),
		payload.Field("items", b.Items, payload.Present, payload.MinItems[item](1), payload.MaxItems[item](3), payload.Each(item.Validate)),
		payload.Optional("note", b.Note, payload.Match(notePattern)),
		payload.OptionalList("tags", b.Tags, payload.Each(payload.OneOf("red", "green"))),
		payload.Field("total", b.Total, payload.Max[float64](9.5)),
	)
}

func (i item) Validate() error {
	return payload.Field("count", i.Count, payload.Min[int64](1), payload.Max[int64](9))
}

func decodeBasket(data []byte) (basket, error) { return payload.Decode(data, readBasket) }

func readBasket(r *payload.Reader) (v basket) {
	r.Object([]string{"id", "items", "total"}, func(name string) {
		switch name {
		case "id":
			v.ID = r.String()
		case "items":
			v.Items = payload.List(r, readItem)
		case "note":
			v.Note = new(r.String())
		case "tags":
			v.Tags = payload.List(r, (*payload.Reader).String)
		case "total":
			v.Total = r.Float()
		}
	})
	return v
}

func readItem(r *payload.Reader) (v item) {
	r.Object([]string{"count"}, func(name string) {
		switch name {
		case "count":
			v.Count = r.Int()
		case "gift":
			v.Gift = new(r.Bool())
		}
	})
	return v
}

func TestDecode(t *testing.T) {
	t.Parallel()
	one := []item{{Count: 1}}
	for _, tc := range []struct {
		name, in string
		want     basket
	}{
		{"required only", `{"id":"a","items":[{"count":1}],"total":0}`, basket{ID: "a", Items: one}},
		{"white space", " {\n\t\"id\" : \"a\" , \"items\" : [ { \"count\" : 1 } ] , \"total\" : -0.5e0 } \r\n", basket{ID: "a", Items: one, Total: -0.5}},
		{"all", `{"id":"a","items":[{"count":9,"gift":true}],"note":"ok","tags":[],"total":9.5}`, basket{
			ID: "a", Items: []item{{Count: 9, Gift: new(true)}}, Note: new("ok"), Tags: []string{}, Total: 9.5,
		}},
		{"unknown fields", `{"x":{"id":["}",{"]":"\""}]},"id":"a","y":[[],{}],"items":[{"count":1,"z":"\\"}],"total":1,"w":null}`, basket{ID: "a", Items: one, Total: 1}},
		{"null is absent", `{"id":"a","items":[{"count":1,"gift":null}],"note":null,"tags":null,"total":1}`, basket{ID: "a", Items: one, Total: 1}},
		{"escapes", `{"\u0069d":"\n\"\u00e9","items":[{"count":1}],"note":"é","total":1}`, basket{ID: "\n\"é", Items: one, Note: new("é"), Total: 1}},
		{"characters, not bytes", `{"id":"éééé","items":[{"count":1}],"total":1}`, basket{ID: "éééé", Items: one, Total: 1}},
		{"names are compared exactly", `{"ID":"x","id":"a","Id":"y","items":[{"count":1}],"total":1}`, basket{ID: "a", Items: one, Total: 1}},
		{"the last of two counts", `{"id":"a","id":"b","items":[{"count":1}],"total":1}`, basket{ID: "b", Items: one, Total: 1}},
		{"integers of any notation", `{"id":"a","items":[{"count":1.0},{"count":2e0},{"count":30e-1}],"total":1}`, basket{ID: "a", Items: []item{{Count: 1}, {Count: 2}, {Count: 3}}, Total: 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := decodeBasket([]byte(tc.in))
			if err != nil || !reflect.DeepEqual(got, tc.want) {
				t.Errorf("decoded %+v, error %v; want %+v", got, err, tc.want)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	with := func(items string) string { return `{"id":"a","items":` + items + `,"total":1}` }
	for _, tc := range []struct{ name, in, want string }{
		{"nothing", ``, "payload is not JSON"},
		{"half", `{"id":`, "payload is not JSON"},
		{"two values", `{} {}`, "payload is not JSON"},
		{"half behind a mismatch", `{"id":5,"items":[`, "payload is not JSON"},
		{"half behind what is read", with(`[{"count":1}]`) + `}`, "payload is not JSON"},
		{"comma at the end", with(`[{"count":1},]`), "payload is not JSON"},
		{"comma before the bracket", `{"id":"a","items":[{"count":1}],"total":1,}`, "payload is not JSON"},
		{"no colon", `{"id" "a"}`, "payload is not JSON"},
		{"no comma", `{"id":"a" "total":1}`, "payload is not JSON"},
		{"no value", `{"id":}`, "payload is not JSON"},
		{"numeral with a zero in front", `{"id":"a","items":[{"count":01}],"total":1}`, "payload is not JSON"},
		{"control character", "{\"id\":\"a\nb\",\"items\":[{\"count\":1}],\"total\":1}", "payload is not JSON"},
		{"escape that is none", `{"id":"\x","items":[{"count":1}],"total":1}`, "payload is not JSON"},
		{"literal that is none", `{"id":"a","items":[{"count":1,"gift":tru}],"total":1}`, "payload is not JSON"},
		{"nested too deep", with(strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)), "payload is not JSON"},
		{"null", `null`, "payload is not an object"},
		{"list", `[]`, "payload is not an object"},
		{"missing", `{"items":[{"count":1}],"total":1}`, "id is required"},
		{"missing in another case", `{"ID":"a","items":[{"count":1}],"total":1}`, "id is required"},
		{"null", `{"id":null,"items":[{"count":1}],"total":1}`, "id is required"},
		{"missing inside", with(`[{"count":1},{}]`), "items[1].count is required"},
		{"wrong type", `{"id":5,"items":[],"total":1}`, "id is not a string"},
		{"text for a number", `{"id":"a","items":[{"count":1}],"total":"1"}`, "total is not a number"},
		{"text for a list", with(`"x"`), "items is not an array"},
		{"object for a list", with(`{}`), "items is not an array"},
		{"null in a list", with(`[null]`), "items[0] is not an object"},
		{"text for true", with(`[{"count":1,"gift":"true"}]`), "items[0].gift is not true or false"},
		{"fraction", with(`[{"count":1.5}]`), "items[0].count is 1.5, want a 64-bit integer"},
		{"large integer", with(`[{"count":9223372036854775808}]`), "items[0].count is 9223372036854775808, want a 64-bit integer"},
		{"large number", `{"id":"a","items":[{"count":1}],"total":1e999}`, "total is 1e999, want a number in the range of 64 bits"},
		{"below minimum", with(`[{"count":0}]`), "items[0].count is 0, want at least 1"},
		{"above maximum", with(`[{"count":1},{"count":10}]`), "items[1].count is 10, want at most 9"},
		{"few items", with(`[]`), "items has 0 items, want at least 1"},
		{"many items", with(`[{"count":1},{"count":1},{"count":1},{"count":1}]`), "items has 4 items, want at most 3"},
		{"short", `{"id":"","items":[{"count":1}],"total":1}`, "id has 0 characters, want at least 1"},
		{"long", `{"id":"ééééé","items":[{"count":1}],"total":1}`, "id has 5 characters, want at most 4"},
		{"pattern", `{"id":"a","items":[{"count":1}],"note":"A","total":1}`, "note does not match ^[a-zé]+$"},
		{"enum", `{"id":"a","items":[{"count":1}],"tags":["red","blue"],"total":1}`, `tags[1] is "blue", want one of red, green`},
		{"float maximum", `{"id":"a","items":[{"count":1}],"total":9.6}`, "total is 9.6, want at most 9.5"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := decodeBasket([]byte(tc.in))
			if err == nil || err.Error() != tc.want {
				t.Errorf("decoded %+v, error %q; want %q", got, err, tc.want)
			}
			if err != nil && !reflect.DeepEqual(got, basket{}) {
				t.Errorf("an error comes with the value %+v", got)
			}
		})
	}
}

func TestNilListIsNotWritten(t *testing.T) {
	t.Parallel()
	err := basket{ID: "a"}.Validate()
	if err == nil || err.Error() != "items is required" {
		t.Errorf("a required list that would be written as null: %v", err)
	}
}

func TestFormats(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name      string
		rule      payload.Rule[string]
		good, bad []string
	}{
		{
			"uuid", payload.UUID,
			[]string{"00eb6f24-533e-5d3d-8609-609610007898", "00EB6F24-533E-5D3D-8609-609610007898"},
			[]string{"", "x", "00eb6f24533e5d3d8609609610007898", "00eb6f24-533e-5d3d-8609-60961000789g", "{0eb6f24-533e-5d3d-8609-609610007898", "00eb6f24-533e-5d3d-8609_609610007898", "urn:uuid:00eb6f24-533e-5d3d-8609-609610007898"},
		},
		{"uri", payload.URI, []string{"https://a.example/b?c", "mailto:a@b.example", "onex://x"}, []string{"", "a/b", "//a", "https:", "%zz:", "a b:c d\x7f"}},
		{"email", payload.Email, []string{"a@b.example"}, []string{"", "a", "A <a@b.example>", "a@b.example, c@d.example"}},
		{"date-time", payload.DateTime, []string{"2026-01-31T08:00:00Z", "2026-01-31T08:00:00.5+01:00"}, []string{"", "2026-01-31", "2026-02-30T08:00:00Z"}},
		{"date", payload.Date, []string{"2024-02-29"}, []string{"", "2026-02-29", "2026-1-1"}},
		{"duration", payload.Duration, []string{"1m30s", "0"}, []string{"", "5", "P1D"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for _, s := range tc.good {
				if err := tc.rule(s); err != nil {
					t.Errorf("%q: %v", s, err)
				}
			}
			for _, s := range tc.bad {
				if tc.rule(s) == nil {
					t.Errorf("%q passes", s)
				}
			}
		})
	}
}

func TestManyRequiredFields(t *testing.T) {
	t.Parallel()
	var names, fields []string
	for i := range 100 {
		names = append(names, fmt.Sprintf("f%d", i))
		fields = append(fields, fmt.Sprintf(`"f%d":1`, i))
	}
	for missing := range names {
		some := strings.Join(append(fields[:missing:missing], fields[missing+1:]...), ",")
		r, err := payload.NewReader([]byte("{" + some + "}"))
		if err != nil {
			t.Fatal(err)
		}
		r.Object(names, func(string) {})
		if want := names[missing] + " is required"; r.Err() == nil || r.Err().Error() != want {
			t.Fatalf("error is %v, want %s", r.Err(), want)
		}
	}
}

// FuzzDecode compares with encoding/json, which must read what we accept, and write what we read.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"id":"a","items":[{"count":1,"gift":true}],"note":"b","tags":["red"],"total":1.5}`,
		`{"id":"\ud800","items":[{"count":1e0}],"total":1,"x":[{"}":"]"}]}`,
		"{\"id\":\"\xff\",\"items\":[{\"count\":1}],\"total\":1}",
		`{"id":"a","ID":"b","items":[{"count":1}],"total":1}`, `[`, `{}`, `null`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := decodeBasket(data)
		if broken := err != nil && err.Error() == "payload is not JSON"; broken == json.Valid(data) {
			t.Fatalf("error is %v, but encoding/json says valid: %t", err, !broken)
		}
		if err != nil {
			return
		}
		if math.IsNaN(got.Total) || math.IsInf(got.Total, 0) {
			t.Fatalf("total is %v", got.Total)
		}
		written, err := json.Marshal(got)
		if err != nil {
			t.Fatalf("cannot be written: %v", err)
		}
		again, err := decodeBasket(written)
		if err != nil || !reflect.DeepEqual(again, got) {
			t.Fatalf("read %+v, wrote %s, read %+v, error %v", got, written, again, err)
		}
		var std basket
		if err := json.Unmarshal(written, &std); err != nil || !reflect.DeepEqual(std, got) {
			t.Fatalf("encoding/json reads %+v, error %v, want %+v", std, err, got)
		}
	})
}

const order = `{"id":"abcd","items":[{"count":1},{"count":2,"gift":true},{"count":3}],"note":"hello","tags":["red","green"],"total":9.25}`

func BenchmarkDecode(b *testing.B) {
	b.SetBytes(int64(len(order)))
	for b.Loop() {
		if _, err := decodeBasket([]byte(order)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStandard is what encoding/json needs for less: it checks nothing.
func BenchmarkStandard(b *testing.B) {
	b.SetBytes(int64(len(order)))
	for b.Loop() {
		var v basket
		if err := json.Unmarshal([]byte(order), &v); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleDecode() {
	_, err := decodeBasket([]byte(`{"id":"a","items":[{"count":1},{"count":0}],"total":1}`))
	fmt.Println(err)
	// Output: items[1].count is 0, want at least 1
}
