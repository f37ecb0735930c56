package export_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/omninode-ai/omninode/catalogue/cataloguetest"
	"github.com/omninode-ai/omninode/catalogue/export"
	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/onex/payload"
)

// schemas compiles the schemas of a fleet, which checks each against the metaschema.
func schemas(t testing.TB, f *contract.Fleet) map[string]*jsonschema.Schema {
	t.Helper()
	files, err := export.JSONSchemas(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	compiled := map[string]*jsonschema.Schema{}
	for _, file := range files {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(file.Data))
		if err != nil {
			t.Fatal(err)
		}
		c := jsonschema.NewCompiler()
		c.AssertFormat()
		if err := c.AddResource(file.Path, doc); err != nil {
			t.Fatal(err)
		}
		if compiled[file.Path], err = c.Compile(file.Path); err != nil {
			t.Fatalf("%s: %v", file.Path, err)
		}
	}
	return compiled
}

func schemaFile(m *contract.Message) string { return path.Join(m.Ref.Node, m.Ref.Local()+".json") }

func accepts(t testing.TB, s *jsonschema.Schema, data []byte) error {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(v)
}

func TestSchemaGolden(t *testing.T) {
	t.Parallel()
	files, err := export.JSONSchemas(cataloguetest.Library(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if file.Path == "books/lend-book.v1.json" || file.Path == "labels/make-label.v1.json" {
			golden(t, "schema/"+path.Base(file.Path), file.Data)
		}
	}
}

// TestSchemasJudge: each schema accepts the minimal example, also with a property nobody knows, and
// refuses it without any of its required properties and with any of them of another type.
func TestSchemasJudge(t *testing.T) {
	t.Parallel()
	for _, f := range []*contract.Fleet{cataloguetest.Library(t), cataloguetest.Shop(t)} {
		compiled := schemas(t, f)
		for _, c := range f.Contracts {
			for _, m := range c.Messages {
				judgeMessage(t, compiled[schemaFile(m)], m)
			}
		}
	}
}

func judgeMessage(t *testing.T, s *jsonschema.Schema, m *contract.Message) {
	t.Helper()
	if err := accepts(t, s, m.Data.Example()); err != nil {
		t.Errorf("%s: the minimal example is refused: %v", m.Ref, err)
	}
	edit := func(change func(map[string]any)) error {
		var v map[string]any
		if err := json.Unmarshal(m.Data.Example(), &v); err != nil {
			t.Fatal(err)
		}
		change(v)
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return accepts(t, s, data)
	}
	if err := edit(func(v map[string]any) { v["nobody_knows"] = 1 }); err != nil {
		t.Errorf("%s: an unknown property is refused: %v", m.Ref, err)
	}
	for _, p := range m.Data.Schema.Properties {
		if p.Required && edit(func(v map[string]any) { delete(v, p.Name) }) == nil {
			t.Errorf("%s: accepted without %s", m.Ref, p.Name)
		}
		if edit(func(v map[string]any) { v[p.Name] = map[string]any{} }) == nil {
			t.Errorf("%s: accepted with an object in place of %s", m.Ref, p.Name)
		}
	}
}

// TestSchemasAgreeWithNodes: what a schema accepts is what generated code reads, on generated values
// near the bounds. There is one difference, which is meant: null for an optional property.
func TestSchemasAgreeWithNodes(t *testing.T) {
	t.Parallel()
	type judged struct {
		message *contract.Message
		schema  *jsonschema.Schema
	}
	var all []judged
	for _, f := range []*contract.Fleet{cataloguetest.Library(t), cataloguetest.Shop(t), everything(t)} {
		compiled := schemas(t, f)
		for _, c := range f.Contracts {
			for _, m := range c.Messages {
				all = append(all, judged{m, compiled[schemaFile(m)]})
			}
		}
	}
	verdicts := map[bool]int{}
	rapid.Check(t, func(r *rapid.T) {
		for range 40 {
			j := rapid.SampledFrom(all).Draw(r, "message")
			data, err := json.Marshal(objects(r, j.message.Data))
			if err != nil {
				r.Fatal(err)
			}
			bySchema, byNode := accepts(t, j.schema, data), read(j.message.Data, data)
			if (bySchema == nil) != (byNode == nil) {
				r.Fatalf("%s: %s\nschema: %v\nnode: %v", j.message.Ref, data, bySchema, byNode)
			}
			verdicts[byNode == nil]++
		}
	})
	if verdicts[true] < 100 || verdicts[false] < 100 {
		t.Errorf("%d values were accepted and %d refused: too few to compare", verdicts[true], verdicts[false])
	}
	null := all[slices.IndexFunc(all, func(j judged) bool { return j.message.Ref.String() == "labels/make-label.v1" })]
	data := []byte(`{"book_id": "00000000-0000-4000-8000-000000000000", "text": "ABC", "colour": null}`)
	if accepts(t, null.schema, data) == nil || read(null.message.Data, data) != nil {
		t.Error("null for an optional property: a node reads it as absent, a schema does not allow it")
	}
}

// everything is a fleet with each constraint of the language.
func everything(t testing.TB) *contract.Fleet {
	t.Helper()
	f, err := contract.ParseFleet(map[string][]byte{"every/contract.yaml": []byte(`
omninode: 1
node: every
version: 1.0.0
kind: effect
commands: {take: {external: true, v1: {key: id, data: All}}}
handles: {take.v1: {}}
types:
  Part: {type: object, required: [number], properties: {number: {type: integer, minimum: -2, maximum: 3}}}
  All:
    type: object
    required: [id, at, parts]
    properties:
      id: {type: string, minLength: 2, maxLength: 4}
      at: {type: string, format: date-time}
      day: {type: string, format: date}
      lasts: {type: string, format: duration}
      lasts_minutes: {type: string, format: duration, pattern: m$, example: 5m}
      mail: {type: string, format: email}
      link: {type: string, format: uri}
      part: {$ref: Part, description: One part.}
      parts: {type: array, minItems: 1, maxItems: 2, items: {$ref: Part}}
      words: {type: array, items: {type: string, enum: [a, b]}}
      share: {type: number, minimum: 0.25, maximum: 0.75}
      sure: {type: boolean}
      code: {type: string, pattern: '^[a-z]+$', example: ab}
`)})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// objects draws an object of a type: mostly right, sometimes with a property missing.
func objects(r *rapid.T, typ *contract.Type) map[string]any {
	v := map[string]any{}
	for _, p := range typ.Schema.Properties {
		if chance := rapid.IntRange(0, 59).Draw(r, p.Name); chance > 0 && (p.Required || chance > 20) {
			v[p.Name] = values(r, p.Schema)
		}
	}
	return v
}

func values(r *rapid.T, s *contract.Schema) any {
	if rapid.IntRange(0, 99).Draw(r, "wrong type") == 0 {
		return rapid.SampledFrom([]any{"", 0, 1.5, true, []any{}, map[string]any{}}).Draw(r, "other")
	}
	switch {
	case s.Ref != nil:
		return objects(r, s.Ref)
	case s.Items != nil:
		list := []any{}
		for range rapid.SampledFrom([]int{0, 1, 1, 1, 2, 2, 3}).Draw(r, "items") {
			list = append(list, values(r, s.Items))
		}
		return list
	case s.Type == "integer":
		return near(r, s, []any{-3, -2, 0, 1, 3, 4, 99_999, 100_000, 100_001})
	case s.Type == "number":
		return near(r, s, []any{0.25, 0.2499, 0.5, 0.75, 0.7501, 50, 99.5, 99.6, -1, json.Number("1e2"), json.Number("5.0e-1")})
	case s.Type == "boolean":
		return rapid.Bool().Draw(r, "boolean")
	}
	return near(r, s, texts(s))
}

// near draws one of the candidates, mostly one that obeys the schema.
func near(r *rapid.T, s *contract.Schema, candidates []any) any {
	fitting := slices.DeleteFunc(slices.Clone(candidates), func(v any) bool {
		data, err := json.Marshal(v)
		if err != nil {
			return true
		}
		_, err = payload.Decode(data, func(r *payload.Reader) checked { return checked{readValue(r, s)} })
		return err != nil
	})
	if len(fitting) > 0 && rapid.IntRange(0, 14).Draw(r, "fitting") > 0 {
		candidates = fitting
	}
	return rapid.SampledFrom(candidates).Draw(r, "value")
}

// texts lists texts at both sides of a schema's constraints.
func texts(s *contract.Schema) []any {
	list := []string{"", "a", "ab", "abcd", "abcde", "ä", "äöüß", "äöüßé", "ABC", "red", "x y"}
	list = append(list, s.Enum...)
	if s.MaxLength != nil {
		list = append(list, strings.Repeat("é", *s.MaxLength), strings.Repeat("x", *s.MaxLength+1))
	}
	formats := map[string][]string{
		"uuid":      {"00000000-0000-4000-8000-000000000000", "ABCDEF00-0000-4000-8000-00000000000f", "0000000-00000-4000-8000-000000000000", "00000000000040008000000000000000"},
		"uri":       {"https://example.com/a?b#c", "urn:isbn:1", "/relative", "example.com", "mailto:a@example.com"},
		"email":     {"a@example.com", "a.b+c@example.com", "a@", "a b@example.com"},
		"date-time": {"2026-01-31T08:00:00Z", "2026-01-31T08:00:00.123+02:00", "2026-01-31 08:00:00Z", "2026-02-30T08:00:00Z", "2026-01-31"},
		"date":      {"2026-01-31", "2026-02-29", "2024-02-29", "2026-1-31", "31.01.2026"},
		"duration":  {"1m30s", "0", "-1.5h", "1h2m3s4ms5us6ns", "PT1M", "1", "5m", "1d", ".5s", "+1s", "s"},
	}
	var all []any
	for _, text := range slices.Concat(list, formats[s.Format]) {
		all = append(all, text)
	}
	return all
}

// read judges data with the rules that generated code applies to a type.
func read(typ *contract.Type, data []byte) error {
	_, err := payload.Decode(data, func(r *payload.Reader) checked { return checked{readObject(r, typ.Schema)} })
	return err
}

// checked is a value with the first violation found while it was read.
type checked struct{ err error }

func (c checked) Validate() error { return c.err }

func readObject(r *payload.Reader, s *contract.Schema) error {
	var required []string
	properties := map[string]*contract.Schema{}
	for _, p := range s.Properties {
		properties[p.Name] = p.Schema
		if p.Required {
			required = append(required, p.Name)
		}
	}
	found := map[string]error{}
	r.Object(required, func(name string) {
		if p := properties[name]; p != nil {
			found[name] = readValue(r, p)
		}
	})
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if found[name] != nil {
			return found[name]
		}
	}
	return nil
}

func readValue(r *payload.Reader, s *contract.Schema) error {
	switch {
	case s.Ref != nil:
		return readObject(r, s.Ref.Schema)
	case s.Items != nil:
		errs := payload.List(r, func(r *payload.Reader) error { return readValue(r, s.Items) })
		rules := []payload.Rule[[]error]{payload.Each(func(err error) error { return err })}
		if s.MinItems != nil {
			rules = append(rules, payload.MinItems[error](*s.MinItems))
		}
		if s.MaxItems != nil {
			rules = append(rules, payload.MaxItems[error](*s.MaxItems))
		}
		return payload.Field("list", errs, rules...)
	case s.Type == "integer":
		return payload.Field("integer", r.Int(), bounds(s, func(text string) (int64, error) { return strconv.ParseInt(text, 10, 64) })...)
	case s.Type == "number":
		return payload.Field("number", r.Float(), bounds(s, func(text string) (float64, error) { return strconv.ParseFloat(text, 64) })...)
	case s.Type == "boolean":
		r.Bool()
		return nil
	}
	return payload.Field("text", r.String(), textRules(s)...)
}

func bounds[T int64 | float64](s *contract.Schema, parse func(string) (T, error)) []payload.Rule[T] {
	var rules []payload.Rule[T]
	if s.Minimum != nil {
		limit, _ := parse(*s.Minimum)
		rules = append(rules, payload.Min(limit))
	}
	if s.Maximum != nil {
		limit, _ := parse(*s.Maximum)
		rules = append(rules, payload.Max(limit))
	}
	return rules
}

func textRules(s *contract.Schema) []payload.Rule[string] {
	var rules []payload.Rule[string]
	if s.MinLength != nil {
		rules = append(rules, payload.MinLength(*s.MinLength))
	}
	if s.MaxLength != nil {
		rules = append(rules, payload.MaxLength(*s.MaxLength))
	}
	if len(s.Enum) > 0 {
		rules = append(rules, payload.OneOf(s.Enum...))
	}
	if s.Pattern != "" {
		rules = append(rules, payload.Match(regexp.MustCompile(s.Pattern)))
	}
	formats := map[string]payload.Rule[string]{
		"uuid": payload.UUID, "uri": payload.URI, "email": payload.Email,
		"date-time": payload.DateTime, "date": payload.Date, "duration": payload.Duration,
	}
	if rule := formats[s.Format]; rule != nil {
		rules = append(rules, rule)
	}
	return rules
}
