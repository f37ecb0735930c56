package onextest

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
	"github.com/omninode-ai/omninode/onex/payload"
)

// thing is the payload of every message here.
type thing struct {
	ID string `json:"id"`
	N  int64  `json:"n"`
}

func (t thing) Validate() error {
	if t.N < 0 || t.N > 9 {
		return errors.New("n is out of its limits")
	}
	return nil
}

func decodeThing(data []byte) (thing, error) {
	return payload.Decode(data, func(r *payload.Reader) (v thing) {
		r.Object([]string{"id", "n"}, func(name string) {
			switch name {
			case "id":
				v.ID = r.String()
			case "n":
				v.N = r.Int()
			}
		})
		return v
	})
}

// schemas says the same of the payloads of some inputs.
func schemas(refs ...event.Ref) map[event.Ref]string {
	all := map[event.Ref]string{}
	for _, r := range refs {
		all[r] = `{"type":"object","required":["id","n"],"properties":{"id":{"type":"string","example":"a"},"n":{"type":"integer","minimum":0,"maximum":9}}}`
	}
	return all
}

func ref(s string) event.Ref { return event.MustRef(s) }

// faulty runs all scenarios and returns what they say.
func faulty(t *testing.T, c Case) string {
	t.Helper()
	list, err := c.scenarios()
	if err != nil {
		return err.Error()
	}
	var said []string
	for _, s := range list {
		if err := s.run(); err != nil && !errors.Is(err, errUnreached) {
			said = append(said, s.name+": "+err.Error())
		}
	}
	return strings.Join(said, "\n")
}

// expectFault demands that want is said, or that nothing is if want is empty.
func expectFault(t *testing.T, c Case, want string) {
	t.Helper()
	got := faulty(t, c)
	if (got == "") != (want == "") || !strings.Contains(got, want) {
		t.Errorf("the harness says\n%s\nwant %q", got, want)
	}
}

func ask() event.Ref    { return ref("calc/ask.v1") }
func answer() event.Ref { return ref("calc/answer.v1") }
func secret() event.Ref { return ref("calc/secret.v1") }

// counted has the key property n.
func counted() event.Ref { return ref("calc/counted.v1") }

// calc is a compute node whose handler is h.
func calc(h func(in onex.Input[thing], out *onex.Emissions) error) Case {
	return Case{
		Node: onex.Node{
			Name: "calc", Kind: onex.Compute,
			Inputs: []engine.Input{{Type: ask(), Class: event.Command, Emits: []event.Ref{answer(), counted()}}},
		},
		Routes: onex.Routes{ask(): onex.Handle(decodeThing, func(_ context.Context, in onex.Input[thing], out *onex.Emissions) error {
			return h(in, out)
		})},
		Examples: map[event.Ref][]byte{ask(): []byte(`{"id":"a","n":1}`)},
		Schemas:  schemas(ask()),
		Keys:     map[event.Ref]string{ask(): "id", answer(): "id", counted(): "n"},
	}
}

func TestCompute(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		handle func(in onex.Input[thing], out *onex.Emissions) error
		want   string
	}{
		"good": {func(in onex.Input[thing], out *onex.Emissions) error {
			out.Add(event.Event, answer(), in.Data.ID, in.Data)
			return nil
		}, ""},
		"error": {func(onex.Input[thing], *onex.Emissions) error { return errors.New("no") }, "calc/ask.v1/valid: handler of calc/ask.v1 failed on a valid input: no"},
		"panic": {func(onex.Input[thing], *onex.Emissions) error { return []error{}[1:][0] }, "panicked: runtime error"},
		"schema": {func(_ onex.Input[thing], out *onex.Emissions) error {
			out.Add(event.Event, answer(), "a", thing{"a", -1})
			return nil
		}, "broke a schema"},
		"random": {func(_ onex.Input[thing], out *onex.Emissions) error {
			out.Add(event.Event, answer(), "a", thing{"a", rand.Int64N(10)})
			return nil
		}, "is not deterministic"},
		"every other time": {alternating(), "is not deterministic"},
		"key": {func(_ onex.Input[thing], out *onex.Emissions) error {
			out.Add(event.Event, answer(), "b", thing{"b", 1})
			return nil
		}, `with another key: id is "b", want "a"`},
		"empty key": {func(_ onex.Input[thing], out *onex.Emissions) error {
			out.Add(event.Event, answer(), "", thing{})
			return nil
		}, "empty key"},
		"undeclared": {func(_ onex.Input[thing], out *onex.Emissions) error {
			out.Add(event.Event, secret(), "a", thing{})
			return nil
		}, "calc/secret.v1 is not declared"},
		"scribbles on its input": {func(in onex.Input[thing], out *onex.Emissions) error {
			out.Add(event.Event, answer(), in.Data.ID, in.Data)
			clear(in.Event.Data)
			return nil
		}, ""},
		"another key property": {func(_ onex.Input[thing], out *onex.Emissions) error {
			out.Add(event.Event, counted(), "1", thing{"a", 1})
			return nil
		}, ""},
		"curious": {func(in onex.Input[thing], out *onex.Emissions) error {
			out.Add(event.Event, answer(), "a", thing{"a", int64(len(in.Event.Data)) % 10})
			return nil
		}, "an unknown field changed what is emitted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expectFault(t, calc(tc.handle), tc.want)
		})
	}
}

// alternating emits at every other call.
func alternating() func(onex.Input[thing], *onex.Emissions) error {
	calls := 0
	return func(_ onex.Input[thing], out *onex.Emissions) error {
		if calls++; calls%2 == 0 {
			out.Add(event.Event, answer(), "a", thing{"a", 1})
		}
		return nil
	}
}

func TestIncompleteCase(t *testing.T) {
	t.Parallel()
	for want, spoil := range map[string]func(c *Case){
		"has 1 inputs but 0 routes": func(c *Case) { c.Routes = nil },
		"has no route":              func(c *Case) { c.Routes = onex.Routes{secret(): nil} },
		"has no example":            func(c *Case) { c.Examples = nil },
		"has no schema":             func(c *Case) { c.Schemas = nil },
		"has no key property":       func(c *Case) { c.Keys = nil },
		"is declared twice": func(c *Case) {
			c.Node.Inputs = append(c.Node.Inputs, c.Node.Inputs[0])
			c.Routes[secret()] = c.Routes[ask()]
		},
	} {
		c := calc(func(onex.Input[thing], *onex.Emissions) error { return nil })
		spoil(&c)
		expectFault(t, c, want)
	}
}

// lamp is a reducer: off → on → broken.
func lamp(h func(in onex.Input[thing], s thing) (thing, error)) Case {
	route := onex.Reduce(decodeThing, decodeThing, func(_ context.Context, in onex.Input[thing], s thing, _ *onex.Emissions) (thing, error) {
		return h(in, s)
	})
	on, hit := ref("lamp/on.v1"), ref("lamp/hit.v1")
	return Case{
		Node: onex.Node{
			Name: "lamp", Kind: onex.Reducer,
			Inputs: []engine.Input{{Type: on, Class: event.Command}, {Type: hit, Class: event.Command}},
			Machine: &engine.Machine{Initial: "off", Final: []string{"broken"}, Transitions: []engine.Transition{
				{Input: on, From: []string{"off"}, To: "on"},
				{Input: hit, From: []string{"on"}, To: "broken", Early: time.Second},
			}},
		},
		Routes:   onex.Routes{on: route, hit: route},
		Schemas:  schemas(on, hit),
		Examples: map[event.Ref][]byte{on: []byte(`{"id":"a","n":1}`), hit: []byte(`{"id":"b","n":2}`)},
		Keys:     map[event.Ref]string{on: "id", hit: "id"},
	}
}

func TestReducer(t *testing.T) {
	t.Parallel()
	keep := func(in onex.Input[thing], _ thing) (thing, error) { return in.Data, nil }
	for name, tc := range map[string]struct {
		handle func(in onex.Input[thing], s thing) (thing, error)
		spoil  func(c *Case)
		want   string
	}{
		"good": {keep, nil, ""},
		"bad state": {
			func(onex.Input[thing], thing) (thing, error) { return thing{N: -1}, nil }, nil,
			"lamp/on.v1/off/valid: handler of lamp/on.v1 broke a schema",
		},
		"fails later": {func(in onex.Input[thing], _ thing) (thing, error) {
			if in.From == "on" {
				return thing{}, errors.New("too late")
			}
			return in.Data, nil
		}, nil, "lamp/hit.v1/on/valid: handler of lamp/hit.v1 failed on a valid input: too late"},
		"forgets": {func(in onex.Input[thing], s thing) (thing, error) {
			if in.From == "on" && s.ID != "a" {
				return thing{}, errors.New("no state")
			}
			return in.Data, nil
		}, nil, ""},
		"two ways": {keep, func(c *Case) {
			m := c.Node.Machine
			m.Transitions = append(m.Transitions, engine.Transition{Input: ref("lamp/on.v1"), From: []string{"off"}, To: "broken"})
		}, "want state broken, got handled"},
		"unreachable": {keep, func(c *Case) { c.Node.Machine.Transitions[1].From = []string{"nowhere"} }, "state nowhere cannot be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := lamp(tc.handle)
			if tc.spoil != nil {
				tc.spoil(&c)
			}
			expectFault(t, c, tc.want)
		})
	}
}

// trip is an orchestrator: two bookings, each undone if the trip fails.
func trip(b onex.Builders) Case {
	wf := &onex.Workflow{
		Start: ref("trip/start.v1"),
		Steps: []onex.Step{
			{Name: "car", Send: ref("cars/book.v1"), Success: []event.Ref{ref("cars/booked.v1")}, Undo: ref("cars/cancel.v1")},
			{
				Name: "room", After: []string{"car"}, Send: ref("rooms/book.v1"), Success: []event.Ref{ref("rooms/booked.v1")},
				Failure: []event.Ref{ref("rooms/full.v1")}, Undo: ref("rooms/cancel.v1"), Timeout: time.Minute,
			},
			{Name: "sun", After: []string{"room"}, Success: []event.Ref{ref("sky/sunny.v1")}, Failure: []event.Ref{ref("sky/rainy.v1")}},
		},
		Completed: ref("trip/done.v1"), Failed: ref("trip/lost.v1"),
	}
	c := Case{
		Node:     onex.Node{Name: "trip", Kind: onex.Orchestrator, Workflow: wf},
		Examples: map[event.Ref][]byte{}, Schemas: map[event.Ref]string{}, Keys: map[event.Ref]string{},
	}
	decoders := map[event.Ref]func([]byte) error{}
	for _, r := range []string{"cars/book.v1", "cars/cancel.v1", "rooms/book.v1", "rooms/cancel.v1", "trip/done.v1", "trip/lost.v1"} {
		c.Node.Outputs = append(c.Node.Outputs, onex.Output{Type: ref(r)})
		c.Keys[ref(r)] = "id"
	}
	for _, r := range []string{"trip/start.v1", "cars/booked.v1", "rooms/booked.v1", "rooms/full.v1", "sky/sunny.v1", "sky/rainy.v1"} {
		in := engine.Input{Type: ref(r), Class: event.Event}
		if r == "trip/start.v1" {
			in.Class = event.Command
		}
		for _, o := range c.Node.Outputs {
			in.Emits = append(in.Emits, o.Type)
		}
		c.Node.Inputs = append(c.Node.Inputs, in)
		c.Examples[in.Type], c.Keys[in.Type] = []byte(`{"id":"a","n":1}`), "id"
		maps.Copy(c.Schemas, schemas(in.Type))
		decoders[in.Type] = func(data []byte) error { _, err := decodeThing(data); return err }
	}
	c.Routes = onex.Orchestrate(wf, b, decoders)
	return c
}

func builders() onex.Builders {
	good := func(context.Context, []byte) (string, onex.Payload, error) { return "a", thing{"a", 1}, nil }
	return onex.Builders{
		Send: map[string]onex.Build{"car": good, "room": good}, Undo: map[string]onex.Build{"car": good, "room": good},
		Completed: good, Failed: good,
	}
}

func TestOrchestrator(t *testing.T) {
	t.Parallel()
	bad := func(context.Context, []byte) (string, onex.Payload, error) {
		return "", nil, errors.New("cannot build")
	}
	for name, tc := range map[string]struct {
		spoil func(b *onex.Builders)
		want  string
	}{
		"good":      {func(*onex.Builders) {}, ""},
		"send":      {func(b *onex.Builders) { b.Send["room"] = bad }, "workflow/completes: handler of cars/booked.v1 failed on a valid input"},
		"undo":      {func(b *onex.Builders) { b.Undo["car"] = bad }, "workflow/room/rooms/full.v1: handler of rooms/full.v1 failed"},
		"late undo": {func(b *onex.Builders) { b.Undo["room"] = bad }, "workflow/room/timeout: handler of rooms/booked.v1 failed"},
		"no undo":   {func(b *onex.Builders) { delete(b.Undo, "car") }, "no builder"},
		"completed": {func(b *onex.Builders) { b.Completed = bad }, "workflow/completes: handler of sky/sunny.v1 failed"},
		"failed":    {func(b *onex.Builders) { b.Failed = bad }, "workflow/sun/sky/rainy.v1: handler of sky/rainy.v1 failed"},
		"key": {func(b *onex.Builders) {
			b.Send["car"] = func(context.Context, []byte) (string, onex.Payload, error) { return "b", thing{"b", 1}, nil }
		}, "emitted cars/book.v1 with another key"},
		"random": {func(b *onex.Builders) {
			b.Send["car"] = func(context.Context, []byte) (string, onex.Payload, error) {
				return "a", thing{"a", rand.Int64N(10)}, nil
			}
		}, "is not deterministic"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := builders()
			tc.spoil(&b)
			expectFault(t, trip(b), tc.want)
		})
	}
}

func TestEnds(t *testing.T) {
	t.Parallel()
	sent := []event.Envelope{{Type: ref("rooms/cancel.v1")}, {Type: ref("cars/cancel.v1")}, {Type: ref("trip/lost.v1")}}
	undo := []event.Ref{ref("rooms/cancel.v1"), ref("cars/cancel.v1")}
	if err := ends(sent, undo, ref("trip/lost.v1")); err != nil {
		t.Error(err)
	}
	slices.Reverse(undo)
	if ends(sent, undo, ref("trip/lost.v1")) == nil {
		t.Error("steps that are undone in the order they succeeded pass")
	}
}

// TestBehaviourRuns makes sure that Behaviour is more than a list.
func TestBehaviourRuns(t *testing.T) {
	t.Parallel()
	calls := 0
	Behaviour(t, calc(func(in onex.Input[thing], out *onex.Emissions) error {
		calls++
		out.Add(event.Event, answer(), in.Data.ID, in.Data)
		return nil
	}))
	if calls == 0 {
		t.Error("the handler was not called")
	}
}
