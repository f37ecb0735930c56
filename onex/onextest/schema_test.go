package onextest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// everything has each constraint of the language, some of them in a list and below an optional one.
const everything = `{"type":"object","required":["id","lines","rate","amount"],"properties":{
	"id":{"type":"string","format":"uuid","example":"00eb6f24-533e-5d3d-8609-609610007898"},
	"amount":{"type":"integer","minimum":-5,"maximum":1000000},
	"rate":{"type":"number","minimum":0.5,"maximum":99.5},
	"paid":{"type":"boolean"},
	"code":{"type":"string","pattern":"^[A-Z]{3}$","example":"EUR"},
	"kind":{"type":"string","enum":["a","b"]},
	"note":{"type":"string","minLength":2,"maxLength":1000,"example":"note"},
	"at":{"type":"string","format":"date-time","example":"2026-01-31T08:00:00Z"},
	"tags":{"type":"array","items":{"type":"string","maxLength":3,"example":"tag"}},
	"part":{"type":"object","required":["n"],"properties":{"n":{"type":"integer","maximum":0}}},
	"lines":{"type":"array","minItems":2,"maxItems":50,"items":{"type":"object","required":["text"],"properties":{
		"text":{"type":"string","minLength":1,"maxLength":5,"example":"text"},
		"marks":{"type":"array","maxItems":4,"items":{"type":"integer","minimum":0}}}}}}}`

// judge says what is wrong with a value, by a validator that is not ours.
func judge(t *testing.T, text string) func(v any) error {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err == nil {
		err = c.AddResource("schema.json", doc)
	}
	if err != nil {
		t.Fatal(err)
	}
	compiled := c.MustCompile("schema.json")
	return func(v any) error {
		data, err := json.Marshal(v)
		if err != nil {
			return err
		}
		instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			return err
		}
		return compiled.Validate(instance)
	}
}

func parse(t *testing.T, text string) *schema {
	t.Helper()
	var s schema
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	return &s
}

// TestLimits: values at the limits fit, and each of those outside breaks one demand, of which there
// are as many as the schema has.
func TestLimits(t *testing.T) {
	t.Parallel()
	s, wrong := parse(t, everything), judge(t, everything)
	for name, v := range map[string]any{"usual": s.usual(), "least": s.least(), "most": s.most(maxBytes), "crowded": s.most(300)} {
		if err := wrong(v); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	outside := s.outside()
	names := map[string]bool{}
	for _, o := range outside {
		if wrong(o.value) == nil {
			t.Errorf("%s is valid: %v", o.name(), o.value)
		}
		names[o.name()] = true
	}
	if len(outside) != 51 || len(names) != len(outside) {
		t.Errorf("%d values outside with %d names, want 51", len(outside), len(names))
	}
	most, _ := s.most(maxBytes).(map[string]any)
	got := fmt.Sprintln(most["amount"], most["rate"], most["kind"], len([]rune(most["note"].(string))), len(most["lines"].([]any)))
	if want := "1000000 99.5 b 1000 50\n"; got != want {
		t.Errorf("most is %s, want %s", got, want)
	}
}

// TestLimitsThatHaveNoOutside: where nothing lies outside, nothing is made up.
func TestLimitsThatHaveNoOutside(t *testing.T) {
	t.Parallel()
	for schema, want := range map[string]string{
		`{"type":"integer","minimum":-9223372036854775808,"maximum":9223372036854775807}`: "is no integer, is no number",
		`{"type":"array"}`: "is no list",
		`{"type":"number","maximum":1.7976931348623157e308}`:                                                       "is no number",
		`{"type":"string","pattern":"","example":"x"}`:                                                             "is no text",
		`{"type":"array","maxItems":10000,"items":{"type":"string","example":"` + strings.Repeat("x", 100) + `"}}`: "is no list, [] is no text",
	} {
		var got []string
		for _, o := range parse(t, schema).outside() {
			got = append(got, o.name())
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%.80s: outside are %q, want %s", schema, got, want)
		}
	}
}

// TestLimitsAreTried: a decoder that takes too much, and a handler that cannot bear what it must, are
// both found.
func TestLimitsAreTried(t *testing.T) {
	t.Parallel()
	lenient := func(data []byte) (v thing, err error) { return v, json.Unmarshal(data, &v) }
	for name, tc := range map[string]struct {
		decode func([]byte) (thing, error)
		handle func(in onex.Input[thing]) error
		want   string
	}{
		"too lenient":    {lenient, func(onex.Input[thing]) error { return nil }, "want a dead letter of class invalid, got handled"},
		"cannot do most": {decodeThing, func(in onex.Input[thing]) error { return failIf(in.Data.N == 9) }, "calc/ask.v1/limits/most: handler of calc/ask.v1 failed on a valid input"},
		"cannot do zero": {decodeThing, func(in onex.Input[thing]) error { return failIf(in.Data.N == 0) }, "calc/ask.v1/limits/least: handler of calc/ask.v1 failed on a valid input"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := calc(nil)
			c.Routes[ask()] = onex.Handle(tc.decode, func(_ context.Context, in onex.Input[thing], _ *onex.Emissions) error { return tc.handle(in) })
			expectFault(t, c, tc.want)
		})
	}
}

func failIf(bad bool) error {
	if bad {
		return errors.New("cannot")
	}
	return nil
}

// TestBatchIsTried: a handler whose answer to an input depends on what else is in its batch is found.
func TestBatchIsTried(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		handle func(in []onex.Input[thing], out *onex.BatchEmissions)
		want   string
	}{
		"good": {func(in []onex.Input[thing], out *onex.BatchEmissions) {
			for _, one := range in {
				onex.AddTo(out, one, event.Event, answer(), one.Data.ID, one.Data)
			}
		}, ""},
		"only the first": {func(in []onex.Input[thing], out *onex.BatchEmissions) {
			onex.AddTo(out, in[0], event.Event, answer(), in[0].Data.ID, in[0].Data)
		}, "input 2 of a batch of 4 has the outcome"},
		"all by the first": {func(in []onex.Input[thing], out *onex.BatchEmissions) {
			for _, one := range in {
				onex.AddTo(out, in[0], event.Event, answer(), one.Data.ID, one.Data)
			}
		}, "input 1 of a batch of 4 has the outcome"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := calc(nil)
			c.Node.Kind, c.Node.Inputs[0].Batch = onex.Effect, engine.Batch{Size: 10}
			c.Routes[ask()] = onex.HandleBatch(decodeThing, func(_ context.Context, in []onex.Input[thing], out *onex.BatchEmissions) error {
				tc.handle(in, out)
				return nil
			})
			expectFault(t, c, tc.want)
		})
	}
}

func TestCallBatch(t *testing.T) {
	t.Parallel()
	routes := onex.Routes{ask(): onex.HandleBatch(decodeThing, func(_ context.Context, in []onex.Input[thing], out *onex.BatchEmissions) error {
		for _, one := range in {
			onex.AddTo(out, one, event.Event, answer(), one.IdempotencyKey, one.Data)
		}
		return nil
	})}
	outs := CallBatch(t, routes, Input{Type: ask(), Data: thing{"a", 1}, IdempotencyKey: "k"}, Input{Type: ask(), Data: thing{"b", 2}})
	if len(outs) != 2 || outs[0].Emissions[0].Key != "k" {
		t.Fatalf("outcomes %+v", outs)
	}
	if got := Emitted[thing](t, outs[1], answer()); got != (thing{"b", 2}) {
		t.Errorf("the second emitted %+v", got)
	}
}
