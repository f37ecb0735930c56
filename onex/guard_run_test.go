package onex_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// account describes a reducer whose guards let money out only as long as there is some.
func account(name string) onex.Node {
	put, take, taken := ref(name, "put"), ref(name, "take"), ref(name, "taken")
	step := func(sign int) func(context.Context, onex.Input[number], total, *onex.Emissions) (total, error) {
		return func(_ context.Context, in onex.Input[number], s total, out *onex.Emissions) (total, error) {
			s.Sum += sign * in.Data.N
			s.Final = in.From + ">" + in.To
			if sign < 0 {
				out.Add(event.Event, taken, in.Event.PartitionKey, number{N: s.Sum})
			}
			return s, nil
		}
	}
	left := func(name string, fits func(rest int) bool) onex.Guard[number, total] {
		return onex.Guard[number, total]{Name: name, Holds: func(in onex.Input[number], s total) bool { return fits(s.Sum - in.Data.N) }}
	}
	emits := []event.Ref{taken}
	return onex.Node{
		Name: name, Version: "1.0.0", Kind: onex.Reducer,
		Inputs:  []engine.Input{{Type: put, Class: event.Command}, {Type: take, Class: event.Command, Emits: emits}},
		Outputs: []onex.Output{{Type: taken, Class: event.Event}},
		Machine: &engine.Machine{Initial: "new", Transitions: []engine.Transition{
			{Input: put, From: []string{"new", "empty", "open"}, To: "open"},
			{Input: take, From: []string{"open"}, Guard: "leaves_some", To: "open", Emits: emits},
			{Input: take, From: []string{"open"}, Guard: "leaves_none", To: "empty", Emits: emits},
		}},
		Build: func(context.Context, *config.Values) (onex.Wiring, error) {
			return onex.Wiring{Routes: onex.Routes{
				put: onex.Reduce(decodeNumber, decodeTotal, step(1)),
				take: onex.Reduce(decodeNumber, decodeTotal, step(-1),
					left("leaves_some", func(rest int) bool { return rest > 0 }), left("leaves_none", func(rest int) bool { return rest == 0 })),
			}}, nil
		},
	}
}

// TestGuardedReducer: guards see the state, pick the transition, and a refusal becomes a dead letter
// that names them and changes nothing.
func TestGuardedReducer(t *testing.T) {
	t.Parallel()
	f := setup(t)
	name := f.name("account")
	f.start("a", account(name))
	give := func(what string, n int) { f.produce(root(event.Command, ref(name, what), "k", number{N: n})) }
	is := func(machine string, sum int, way string) {
		t.Helper()
		f.eventually("the account is "+machine, func() error {
			if state, s := f.state(name, "k"); state != machine || s.Sum != sum || s.Final != way {
				return fmt.Errorf("account is %s %+v", state, s)
			}
			return nil
		})
	}
	give("put", 10)
	is("open", 10, "new>open")
	give("take", 4)
	is("open", 6, "open>open")
	give("take", 7)
	dead := f.collect(1, event.DeadLetterTopic(name, ref(name, "take")).String())[0]
	said := header(dead, engine.HeaderError)
	if header(dead, engine.HeaderClass) != "illegal_transition" || !strings.Contains(said, "refused by leaves_some, leaves_none") || !strings.Contains(said, `state "open"`) {
		t.Errorf("dead letter of class %s says %q", header(dead, engine.HeaderClass), said)
	}
	is("open", 6, "open>open")
	give("take", 6)
	is("empty", 0, "open>empty")
	f.collect(2, topicOf(event.Event, ref(name, "taken")))
}
