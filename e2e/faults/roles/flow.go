package roles

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"time"

	"github.com/omninode-ai/omninode/e2e/faults/failpoint"
	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// The plans of a workflow's instance besides the empty one, under which everything succeeds.
const (
	RefuseCharge = "refuse charge" // beside the parallel branch, with one step to undo, or two
	RefuseShip   = "refuse ship"   // with three steps to undo
	SilentBill   = "silent bill"   // no answer ever comes: the step times out
)

// Steps are the commands a worker does, in the order of a workflow that succeeds; pack is beside charge.
func Steps() []string { return []string{"reserve", "charge", "pack", "label", "ship", "bill"} }

// Undos are the commands that undo a step, by step.
func Undos() map[string]string {
	return map[string]string{"reserve": "release", "charge": "refund", "pack": "unpack"}
}

// Insure is a step that the next version of the workflow has, between label and ship.
const Insure = "insure"

// Commands are all commands a worker takes.
func Commands() []string { return append(Steps(), "release", "refund", "unpack", Insure) }

// Done and Refused are a worker's answers to a command.
func Done(worker, command string) event.Topic { return answer(worker, command, "done") }

// Refused is what a worker answers to a command it does not do.
func Refused(worker, command string) event.Topic { return answer(worker, command, "refused") }

func answer(worker, command, how string) event.Topic {
	return event.Topic{Class: event.Event, Ref: event.Ref{Node: worker, Name: command + "-" + how, Version: 1}}
}

// Final is the topic of how instances end: "completed" or "failed".
func Final(flow, how string) event.Topic {
	return event.Topic{Class: event.Event, Ref: event.Ref{Node: flow, Name: how, Version: 1}}
}

// coolOff is how long a workflow rests between what it packs and what it ships.
const coolOff = 300 * time.Millisecond

// workflow is one of several steps in a row, a parallel branch, a delay, and steps that are undone.
func (r Role) workflow() *onex.Workflow {
	step := func(name string, after ...string) onex.Step {
		s := onex.Step{Name: name, After: after, Send: Ask(r.Worker, name).Ref, Success: []event.Ref{Done(r.Worker, name).Ref}}
		if name == "charge" || name == "ship" {
			s.Failure = []event.Ref{Refused(r.Worker, name).Ref}
		}
		if undo := Undos()[name]; undo != "" {
			s.Undo = Ask(r.Worker, undo).Ref
		}
		return s
	}
	bill := step("bill", "ship")
	bill.Timeout = time.Duration(r.WaitMs) * time.Millisecond
	wf := &onex.Workflow{
		Start: Ask(r.Name, "start").Ref, Completed: Final(r.Name, "completed").Ref, Failed: Final(r.Name, "failed").Ref,
		Steps: []onex.Step{
			step("reserve"), step("charge", "reserve"), step("pack", "reserve"),
			{Name: "cool-off", After: []string{"charge", "pack"}, Delay: coolOff},
			step("label", "cool-off"), step("ship", "label"), bill,
		},
	}
	if r.Next {
		wf.Steps[5].After = []string{Insure}
		wf.Steps = append(wf.Steps, step(Insure, "label"))
	}
	return wf
}

// flow builds the orchestrator.
func (r Role) flow() onex.Node {
	wf := r.workflow()
	sends := []event.Ref{wf.Completed, wf.Failed}
	n := onex.Node{Name: r.Name, Version: "1.0.0", Kind: onex.Orchestrator, Workflow: wf}
	for _, c := range Commands() {
		sends = append(sends, Ask(r.Worker, c).Ref)
	}
	decode := map[event.Ref]func([]byte) error{}
	input := func(t event.Topic) {
		n.Inputs = append(n.Inputs, engine.Input{Type: t.Ref, Class: t.Class, Emits: sends})
		decode[t.Ref] = func(data []byte) error { _, err := Decode(data); return err }
	}
	input(Ask(r.Name, "start"))
	for _, s := range wf.Steps {
		for _, t := range append(s.Success, s.Failure...) {
			input(event.Topic{Class: event.Event, Ref: t})
		}
	}
	for _, t := range sends {
		class := event.Command
		if t.Node == r.Name {
			class = event.Event
		}
		n.Outputs = append(n.Outputs, onex.Output{Type: t, Class: class})
	}
	b := onex.Builders{Send: map[string]onex.Build{}, Undo: map[string]onex.Build{}, Completed: passOn, Failed: passOn}
	for _, s := range wf.Steps {
		b.Send[s.Name], b.Undo[s.Name] = passOn, passOn
	}
	n.Build = func(context.Context, *config.Values) (onex.Wiring, error) {
		return onex.Wiring{Routes: onex.Orchestrate(wf, b, decode)}, nil
	}
	return n
}

// passOn sends what started the instance.
func passOn(_ context.Context, instance []byte) (string, onex.Payload, error) {
	var view struct {
		Key   string `json:"key"`
		Start Number `json:"start"`
	}
	err := json.Unmarshal(instance, &view)
	return view.Key, view.Start, err
}

// worker builds the effect that does the steps: it posts each to the sink and answers as the plan says.
func (r Role) worker() onex.Node {
	n := onex.Node{Name: r.Name, Version: "1.0.0", Kind: onex.Effect}
	var effects atomic.Int64
	routes := onex.Routes{}
	for _, c := range Commands() {
		emits := []event.Ref{Done(r.Name, c).Ref, Refused(r.Name, c).Ref}
		n.Inputs = append(n.Inputs, engine.Input{
			Type: Ask(r.Name, c).Ref, Class: event.Command, Emits: emits,
			Retry: engine.RetryPolicy{Attempts: 20, First: 50 * time.Millisecond, Max: time.Second},
		})
		n.Outputs = append(n.Outputs, onex.Output{Type: emits[0], Class: event.Event}, onex.Output{Type: emits[1], Class: event.Event})
		routes[Ask(r.Name, c).Ref] = onex.Handle(Decode, func(ctx context.Context, in onex.Input[Number], o *onex.Emissions) error {
			return r.work(ctx, c, &effects, in, o)
		})
	}
	n.Build = func(context.Context, *config.Values) (onex.Wiring, error) { return onex.Wiring{Routes: routes}, nil }
	return n
}

// work does a step. The process may be told to end itself between an effect and its commit.
func (r Role) work(ctx context.Context, command string, effects *atomic.Int64, in onex.Input[Number], o *onex.Emissions) error {
	if r.Sink == "" {
		return errors.New("a worker needs a sink")
	}
	if err := r.post(ctx, in.IdempotencyKey, in.Event.PartitionKey+"/"+command); err != nil {
		return err
	}
	if effects.Add(1) == r.DieAt {
		failpoint.Die("effect")
	}
	switch in.Data.Plan + "." + command {
	case SilentBill + ".bill":
		return nil
	case RefuseCharge + ".charge", RefuseShip + ".ship":
		o.Add(event.Event, Refused(r.Name, command).Ref, in.Event.PartitionKey, in.Data)
	default:
		o.Add(event.Event, Done(r.Name, command).Ref, in.Event.PartitionKey, in.Data)
	}
	return nil
}
