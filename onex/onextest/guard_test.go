package onextest

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// door is a reducer whose guard decides whether a knock opens it: closed → open or bolted → closed.
func door(heard func(n int64) bool, h func(in onex.Input[thing]) error) Case {
	knock, shut := ref("door/knock.v1"), ref("door/shut.v1")
	step := func(_ context.Context, in onex.Input[thing], _ thing, _ *onex.Emissions) (thing, error) {
		return in.Data, h(in)
	}
	guard := onex.Guard[thing, thing]{Name: "heard", Holds: func(in onex.Input[thing], _ thing) bool { return heard(in.Data.N) }}
	return Case{
		Node: onex.Node{
			Name: "door", Kind: onex.Reducer,
			Inputs: []engine.Input{{Type: knock, Class: event.Command}, {Type: shut, Class: event.Command}},
			Machine: &engine.Machine{Initial: "closed", Transitions: []engine.Transition{
				{Input: knock, From: []string{"closed"}, Guard: "heard", To: "open"},
				{Input: knock, From: []string{"closed"}, To: "bolted"},
				{Input: shut, From: []string{"open", "bolted"}, To: "closed"},
			}},
		},
		Routes:   onex.Routes{knock: onex.Reduce(decodeThing, decodeThing, step, guard), shut: onex.Reduce(decodeThing, decodeThing, step)},
		Schemas:  schemas(knock, shut),
		Examples: map[event.Ref][]byte{knock: []byte(`{"id":"a","n":1}`), shut: []byte(`{"id":"a","n":2}`)},
		Keys:     map[event.Ref]string{knock: "id", shut: "id"},
	}
}

func TestGuardedReducer(t *testing.T) {
	t.Parallel()
	always := func(int64) bool { return true }
	never := func(int64) bool { return false }
	fine := func(onex.Input[thing]) error { return nil }
	failing := func(to string) func(onex.Input[thing]) error {
		return func(in onex.Input[thing]) error {
			if in.To == to {
				return errors.New("did not expect that")
			}
			return nil
		}
	}
	for name, tc := range map[string]struct {
		heard  func(int64) bool
		handle func(in onex.Input[thing]) error
		spoil  func(c *Case)
		want   string
	}{
		"taken":                      {always, fine, nil, ""},
		"not taken":                  {never, fine, nil, ""},
		"relies on its guard":        {never, failing("open"), nil, ""},
		"relies on the other":        {always, failing("bolted"), nil, ""},
		"fails on the guarded way":   {always, failing("open"), nil, "door/knock.v1/closed/heard/valid: handler of door/knock.v1 failed"},
		"fails on the other way":     {never, failing("bolted"), nil, "door/knock.v1/closed/otherwise/valid: handler of door/knock.v1 failed"},
		"fails after the other way":  {always, failing("closed"), nil, "door/shut.v1/bolted/valid: handler of door/shut.v1 failed"},
		"random":                     {func(int64) bool { return rand.IntN(2) == 0 }, fine, nil, "is not deterministic"},
		"panics":                     {func(n int64) bool { return []bool{}[n] }, fine, nil, "panicked: runtime error"},
		"refuses, and nothing else":  {never, failing("open"), func(c *Case) { c.drop(1) }, ""},
		"is not there":               {always, fine, func(c *Case) { c.Node.Machine.Transitions[0].Guard = "seen" }, "has no guard seen"},
		"state that nothing enters":  {always, fine, func(c *Case) { c.Node.Machine.Transitions[0].To = "ajar" }, "state open cannot be reached"},
		"a refusal where one is not": {always, refuse, nil, "want a transition or a refusal by its guards, got dead_lettered (illegal_transition)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := door(tc.heard, tc.handle)
			if tc.spoil != nil {
				tc.spoil(&c)
			}
			if tc.want == "is not deterministic" {
				unlucky(t, c, tc.want)
				return
			}
			expectFault(t, c, tc.want)
		})
	}
}

// refuse is a handler that says what only guards may say.
func refuse(in onex.Input[thing]) error {
	return &onex.GuardError{Input: in.Event.Type, State: in.From}
}

// drop removes a transition.
func (c *Case) drop(i int) {
	m := c.Node.Machine
	m.Transitions = slices.Delete(m.Transitions, i, i+1)
	m.Transitions[1].From = []string{"open"}
}

// unlucky tries until chance shows the fault, which a single try may miss.
func unlucky(t *testing.T, c Case, want string) {
	t.Helper()
	for range 100 {
		if strings.Contains(faulty(t, c), want) {
			return
		}
	}
	t.Errorf("the harness never says %q", want)
}
