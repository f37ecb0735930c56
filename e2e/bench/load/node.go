package load

import (
	"context"
	"encoding/json"
	"time"

	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
	"github.com/omninode-ai/omninode/onex/payload"
)

// Node returns the node of a kind, which does as little as its kind can do with an order.
func Node(kind onex.Kind, name string) onex.Node {
	switch kind {
	case onex.Reducer:
		return tally(name)
	case onex.Orchestrator:
		return flow(name)
	default:
		return pass(kind, name)
	}
}

// pass is a compute or an effect that sends on what it gets.
func pass(kind onex.Kind, name string) onex.Node {
	out := Output(name)
	return onex.Node{
		Name: name, Version: "1.0.0", Kind: kind,
		Inputs:  []engine.Input{{Type: Input(), Class: event.Event, Emits: []event.Ref{out}}},
		Outputs: []onex.Output{{Type: out, Class: event.Event}},
		Build: func(context.Context, *config.Values) (onex.Wiring, error) {
			send := func(_ context.Context, in onex.Input[Order], e *onex.Emissions) error {
				e.Add(event.Event, out, in.Event.PartitionKey, in.Data)
				return nil
			}
			return onex.Wiring{Routes: onex.Routes{Input(): onex.Handle(DecodeOrder, send)}}, nil
		},
	}
}

// Tally is the state of a key: how many orders it had and what they were worth.
type Tally struct {
	Orders int64 `json:"orders"`
	Cents  int64 `json:"cents"`
}

// Validate reports the first violation with its JSON path.
func (t Tally) Validate() error {
	return payload.First(payload.Field("orders", t.Orders, payload.Min[int64](0)))
}

// Add returns the tally with one more order.
func (t Tally) Add(o Order) Tally {
	t.Orders++
	for _, l := range o.Lines {
		t.Cents += l.Quantity * l.UnitCents
	}
	return t
}

func decodeTally(data []byte) (Tally, error) {
	var t Tally
	err := json.Unmarshal(data, &t)
	return t, err
}

// tally is a reducer that keeps a Tally per key and emits nothing.
func tally(name string) onex.Node {
	return onex.Node{
		Name: name, Version: "1.0.0", Kind: onex.Reducer,
		Inputs: []engine.Input{{Type: Input(), Class: event.Event}},
		Machine: &engine.Machine{Initial: "open", Transitions: []engine.Transition{
			{Input: Input(), From: []string{"open"}, To: "open"},
		}},
		Build: func(context.Context, *config.Values) (onex.Wiring, error) {
			add := func(_ context.Context, in onex.Input[Order], t Tally, _ *onex.Emissions) (Tally, error) {
				return t.Add(in.Data), nil
			}
			return onex.Wiring{Routes: onex.Routes{Input(): onex.Reduce(DecodeOrder, decodeTally, add)}}, nil
		},
	}
}

// flow is an orchestrator with one step that passes by itself.
func flow(name string) onex.Node {
	start, done, failed := event.Ref{Node: name, Name: "start", Version: 1}, Output(name), event.Ref{Node: name, Name: "failed", Version: 1}
	wf := &onex.Workflow{Start: start, Completed: done, Failed: failed, Steps: []onex.Step{{Name: "pause", Delay: time.Second}}}
	return onex.Node{
		Name: name, Version: "1.0.0", Kind: onex.Orchestrator, Workflow: wf,
		Inputs:  []engine.Input{{Type: start, Class: event.Command, Emits: []event.Ref{done, failed}}},
		Outputs: []onex.Output{{Type: done, Class: event.Event}, {Type: failed, Class: event.Event}},
		Build: func(context.Context, *config.Values) (onex.Wiring, error) {
			check := map[event.Ref]func([]byte) error{start: payload.Checker(DecodeOrder)}
			return onex.Wiring{Routes: onex.Orchestrate(wf, onex.Builders{Completed: buildOrder, Failed: buildOrder}, check)}, nil
		},
	}
}
