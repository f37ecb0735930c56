package load

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
	"github.com/omninode-ai/omninode/onex/payload"
)

// FlowSteps is how many steps, one after the other, an instance of Flow takes.
const FlowSteps = 5

// Hand returns the name of the effect that does the steps of a flow.
func Hand(flow string) string { return flow + "-hand" }

// FlowStart is the command that starts an instance of a flow.
func FlowStart(flow string) event.Ref { return event.Ref{Node: flow, Name: "start", Version: 1} }

// Flow returns an orchestrator whose steps follow one another and the effect that does them.
func Flow(name string) []onex.Node {
	hand := Hand(name)
	start, done, failed := FlowStart(name), Output(name), event.Ref{Node: name, Name: "failed", Version: 1}
	wf := &onex.Workflow{Start: start, Completed: done, Failed: failed}
	in := []engine.Input{{Type: start, Class: event.Command}}
	check := map[event.Ref]func([]byte) error{start: payload.Checker(DecodeOrder)}
	build := onex.Builders{Send: map[string]onex.Build{}, Completed: buildOrder, Failed: buildOrder}
	emits, effect := []event.Ref{done, failed}, onex.Node{Name: hand, Version: "1.0.0", Kind: onex.Effect}
	routes := onex.Routes{}
	for i := range FlowSteps {
		do, did := event.Ref{Node: hand, Name: fmt.Sprint("do-", i), Version: 1}, event.Ref{Node: hand, Name: fmt.Sprint("did-", i), Version: 1}
		step := onex.Step{Name: fmt.Sprint("step_", i), Send: do, Success: []event.Ref{did}}
		if i > 0 {
			step.After = []string{wf.Steps[i-1].Name}
		}
		wf.Steps, build.Send[step.Name] = append(wf.Steps, step), buildOrder
		in, check[did] = append(in, engine.Input{Type: did, Class: event.Event}), payload.Checker(DecodeOrder)
		emits = append(emits, do)
		effect.Inputs = append(effect.Inputs, engine.Input{Type: do, Class: event.Command, Emits: []event.Ref{did}})
		effect.Outputs = append(effect.Outputs, onex.Output{Type: did, Class: event.Event})
		routes[do] = onex.Handle(DecodeOrder, func(_ context.Context, in onex.Input[Order], e *onex.Emissions) error {
			e.Add(event.Event, did, in.Event.PartitionKey, in.Data)
			return nil
		})
	}
	for i := range in {
		in[i].Emits = emits
	}
	effect.Build = func(context.Context, *config.Values) (onex.Wiring, error) { return onex.Wiring{Routes: routes}, nil }
	orchestrator := onex.Node{
		Name: name, Version: "1.0.0", Kind: onex.Orchestrator, Workflow: wf, Inputs: in,
		Outputs: []onex.Output{{Type: done, Class: event.Event}, {Type: failed, Class: event.Event}},
		Build: func(context.Context, *config.Values) (onex.Wiring, error) {
			return onex.Wiring{Routes: onex.Orchestrate(wf, build, check)}, nil
		},
	}
	return []onex.Node{orchestrator, effect}
}

// buildOrder builds every message of an instance: the order that started it.
func buildOrder(_ context.Context, instance []byte) (string, onex.Payload, error) {
	var view struct {
		Key   string `json:"key"`
		Start Order  `json:"start"`
	}
	err := json.Unmarshal(instance, &view)
	return view.Key, view.Start, err
}
