package delivery

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// TestTransitionThatHaltsItsKey: when the handler of a reducer fails, its key's records of this input
// wait for a person and other keys go on; without halt_key they end as dead letters.
func TestTransitionThatHaltsItsKey(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		halts   bool
		results map[engine.Result]int
		answers map[string]string
	}{
		"halt_key":    {true, map[engine.Result]int{engine.KeyHalted: 1, engine.Waiting: 1, engine.Handled: 1}, map[string]string{"b": "1"}},
		"dead_letter": {false, map[engine.Result]int{engine.DeadLettered: 1, engine.Handled: 2}, map[string]string{"a": "2", "b": "1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, engine.Input{}, func(ctx context.Context, c engine.Call) engine.Outcome {
					if string(c.Event.Data) == "0" {
						return engine.Outcome{Err: errors.New("does not add up")}
					}
					return reply(ctx, c)
				})
				var err error
				r.Core, err = engine.New(engine.Config{
					Node: "shop", Inputs: []engine.Input{{Type: ask(), Class: event.Command}},
					Machine: &engine.Machine{Initial: "s", Transitions: []engine.Transition{
						{Input: ask(), From: []string{"s"}, To: "s", Emits: []event.Ref{answer()}, HaltKey: test.halts},
					}},
				})
				if err != nil {
					t.Fatal(err)
				}
				d := r.dispatch(t)
				d.Deliver(partition().Topic, 0, records("a", "b", "a"))
				synctest.Wait()
				want(t, "results", r.seen.results, test.results)
				want(t, "answers", r.answers(), test.answers)
			})
		})
	}
}
