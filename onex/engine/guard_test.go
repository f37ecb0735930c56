package engine_test

import (
	"errors"
	"testing"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// stock's machine asks two guards and else takes the last way: new -place-> placed, waiting or refused.
func stock(t *testing.T) (c *engine.Core, place engine.Item) {
	t.Helper()
	in := ref("orders", "place")
	c, err := engine.New(engine.Config{
		Node: "orders", Inputs: []engine.Input{{Type: in, Class: event.Command}},
		Machine: &engine.Machine{Initial: "new", Transitions: []engine.Transition{
			{Input: in, From: []string{"new"}, Guard: "in_stock", To: "placed", Emits: []event.Ref{ref("orders", "placed")}},
			{Input: in, From: []string{"other"}, Guard: "unasked", To: "placed"},
			{Input: in, From: []string{"new", "other"}, Guard: "orderable", To: "waiting", HaltKey: true},
			{Input: in, From: []string{"new"}, To: "refused"},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c, c.Open(incoming(in, event.Command, "k", `{}`))
}

func TestGuardedTransitionIsTheHandlersChoice(t *testing.T) {
	t.Parallel()
	c, place := stock(t)
	placed := engine.Emission{Class: event.Event, Type: ref("orders", "placed"), Key: "k", Data: []byte("1")}
	for name, test := range map[string]struct {
		out   engine.Outcome
		state string
		class engine.Class
	}{
		"first":               {engine.Outcome{Choice: 1, Emissions: []engine.Emission{placed}}, "placed", ""},
		"second":              {engine.Outcome{Choice: 2}, "waiting", ""},
		"without a guard":     {engine.Outcome{Choice: 3}, "refused", ""},
		"emits of the first":  {engine.Outcome{Choice: 2, Emissions: []engine.Emission{placed}}, "", engine.PermanentFailure},
		"none of the choices": {engine.Outcome{Choice: 4}, "", engine.PermanentFailure},
		"a guess":             {engine.Outcome{Emissions: []engine.Emission{placed}}, "", engine.PermanentFailure},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.out.State = []byte(`{}`)
			d, commit := settle(c, place, engine.View{}, test.out, at(1))
			if d.Call.To != "" || len(d.Call.Choices) != 3 || d.Call.Choices[1] != (engine.Choice{ID: 2, Guard: "orderable", To: "waiting"}) {
				t.Fatalf("call %+v", d.Call)
			}
			if commit.Class != test.class || (commit.State == nil) != (test.state == "") {
				t.Fatalf("class %s, state %+v: %v", commit.Class, commit.State, commit.Err)
			}
			if commit.State != nil && commit.State.Machine != test.state {
				t.Errorf("state %s, want %s", commit.State.Machine, test.state)
			}
		})
	}
}

// TestGuardedFailureHaltsWhereItsTransitionDoes: a failure follows the transition that was taken; one
// before that is known follows the stricter one.
func TestGuardedFailureHaltsWhereItsTransitionDoes(t *testing.T) {
	t.Parallel()
	c, place := stock(t)
	for choice, want := range map[int]engine.Result{0: engine.KeyHalted, 1: engine.DeadLettered, 2: engine.KeyHalted, 3: engine.DeadLettered} {
		out := engine.Outcome{Choice: choice, Err: engine.Permanent(errors.New("no"))}
		if _, commit := settle(c, place, engine.View{}, out, at(1)); commit.Result != want {
			t.Errorf("failure in transition %d is %s, want %s", choice, commit.Result, want)
		}
	}
}
