package onextest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// workflowScenarios leads a workflow to its end and to its failure at every step that can fail.
func (c Case) workflowScenarios() []scenario {
	wf := c.Node.Workflow
	list := []scenario{{"workflow/completes", c.completes}}
	list = append(list, c.inputScenarios(wf.Start.String(), wf.Start, nothing)...)
	for _, s := range wf.Steps {
		for _, answer := range s.Failure {
			name := fmt.Sprintf("workflow/%s/%s", s.Name, answer)
			list = append(list, scenario{name, func() error { return c.fails(s, answer) }})
		}
		if s.Timeout > 0 {
			list = append(list, scenario{"workflow/" + s.Name + "/timeout", func() error { return c.timesOut(s) }})
		}
	}
	return list
}

func (c Case) completes() error {
	b, err := c.bench()
	if err != nil {
		return err
	}
	sent, err := b.run("")
	if err != nil {
		return err
	}
	return ends(sent, nil, c.Node.Workflow.Completed)
}

// fails answers a step with a failure: what succeeded is undone in reverse, then the failure told.
func (c Case) fails(s onex.Step, answer event.Ref) error {
	b, err := c.bench()
	if err != nil {
		return err
	}
	if _, err := b.run(s.Name); err != nil {
		return err
	}
	before := b.succeeded(s)
	d, err := b.answer(s, answer)
	if err != nil {
		return err
	}
	return ends(d.sent, c.undos(before), c.Node.Workflow.Failed)
}

// timesOut lets a step's timer fire: the workflow fails, and if the step then succeeds after all it
// is undone.
func (c Case) timesOut(s onex.Step) error {
	b, err := c.bench()
	if err != nil {
		return err
	}
	if _, err := b.run(s.Name); err != nil {
		return err
	}
	before := b.succeeded(s)
	d, err := b.fire(s)
	if err != nil {
		return err
	}
	if err := ends(d.sent, c.undos(before), c.Node.Workflow.Failed); err != nil {
		return err
	}
	late, err := b.answer(s, s.Success[0])
	if err != nil {
		return err
	}
	return ends(late.sent, c.undos([]onex.Step{s}))
}

// succeeded returns the steps that had succeeded when run stopped before s, in order.
func (b *bench) succeeded(s onex.Step) []onex.Step {
	var done []onex.Step
	for _, o := range order(b.c.Node.Workflow) {
		if o.Name == s.Name {
			return done
		}
		done = append(done, o)
	}
	return done
}

// undos returns the compensations of steps, the last step first.
func (c Case) undos(steps []onex.Step) []event.Ref {
	var out []event.Ref
	for _, s := range slices.Backward(steps) {
		if !s.Undo.IsZero() {
			out = append(out, s.Undo)
		}
	}
	return out
}

// ends demands that exactly undo and then the ends were sent.
func ends(sent []event.Envelope, undo []event.Ref, end ...event.Ref) error {
	var got []event.Ref
	for _, e := range sent {
		got = append(got, e.Type)
	}
	if want := append(undo, end...); !slices.Equal(want, got) {
		return fmt.Errorf("workflow ended by sending %v, want %v", got, want)
	}
	return nil
}

// order returns the steps in an order in which each can succeed.
func order(wf *onex.Workflow) []onex.Step {
	var out []onex.Step
	done := map[string]bool{}
	for range wf.Steps {
		for _, s := range wf.Steps {
			ready := !slices.ContainsFunc(s.After, func(a string) bool { return !done[a] })
			if ready && !done[s.Name] {
				done[s.Name] = true
				out = append(out, s)
			}
		}
	}
	return out
}

// run starts the workflow and lets its steps succeed, one after another, until it is the turn of the
// step named stop. It returns what the last delivery sent.
func (b *bench) run(stop string) ([]event.Envelope, error) {
	wf := b.c.Node.Workflow
	start, err := b.example(wf.Start)
	if err != nil {
		return nil, err
	}
	d, err := b.deliver(start)
	if err != nil {
		return nil, err
	}
	if d.result != engine.Handled {
		return nil, fmt.Errorf("start %s was not handled but %s", wf.Start, d)
	}
	for _, s := range order(wf) {
		if s.Name == stop {
			return d.sent, nil
		}
		if d, err = b.succeed(s); err != nil {
			return nil, err
		}
	}
	return d.sent, nil
}

// succeed lets a step succeed: its delay passes, or its first answer comes.
func (b *bench) succeed(s onex.Step) (delivered, error) {
	if s.Delay > 0 {
		return b.fire(s)
	}
	return b.answer(s, s.Success[0])
}

// answer delivers an answer to a step, as the receiver of its command would send it.
func (b *bench) answer(s onex.Step, in event.Ref) (delivered, error) {
	r, err := b.example(in)
	if err != nil {
		return delivered{}, err
	}
	r.event.WorkflowID, r.event.StepID = b.c.Node.Name+":"+b.key, s.Name
	d, err := b.deliver(r)
	if err == nil && d.result != engine.Handled {
		err = fmt.Errorf("answer %s to step %s was not handled but %s", in, s.Name, d)
	}
	return d, err
}

// fire lets the timer of a step fire.
func (b *bench) fire(s onex.Step) (delivered, error) {
	for _, t := range b.timers {
		if !strings.HasSuffix(t.Name, ":"+s.Name) {
			continue
		}
		d, err := b.settle(b.core.Fire(engine.Fired{Key: b.key, Name: t.Name, Cause: t.Cause}))
		if err == nil && d.result != engine.Handled {
			err = fmt.Errorf("timer %s was not handled but %s", t.Name, d)
		}
		return d, err
	}
	return delivered{}, fmt.Errorf("no timer of step %s is set", s.Name)
}
