package onex

import (
	"errors"
	"fmt"
	"slices"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
	"github.com/omninode-ai/omninode/onex/workflow"
)

// failure is a message that could not be built.
type failure struct {
	step string
	undo bool
	err  error
}

// stick keeps the first message of a call that could not be built.
func (r *run) stick(step string, undo bool, err error) {
	if r.failure == nil {
		r.failure = &failure{step, undo, err}
	}
}

// settle says what the instance is doing now. What could not be built is tried again, and in the end left
// to a person: at once if the error says that trying is useless.
func (r *run) settle() {
	i := r.instance
	status := workflow.Running
	switch {
	case i.End != "" && len(i.Undo) > 0:
		status = workflow.Undoing
	case i.End != "":
		status = i.End
	}
	if f := r.failure; f != nil {
		status = r.stuck(f, status)
	} else {
		i.Stuck = nil
	}
	if status != i.Status {
		i.Status = status
		r.mark("", status, "")
	}
}

func (r *run) stuck(f *failure, otherwise workflow.Status) workflow.Status {
	i := r.instance
	s := workflow.Stuck{Step: f.step, Undo: f.undo, Attempts: 1, Since: r.call.Now.UTC()}
	if i.Stuck != nil && i.Stuck.Step == f.step && i.Stuck.Undo == f.undo {
		s.Attempts, s.Since = i.Stuck.Attempts, i.Stuck.Since
		if r.retrying {
			s.Attempts++
		}
	}
	s.Error = engine.ErrorText(f.err)
	_, s.Invalid = errors.AsType[*InvalidOutputError](f.err)
	i.Stuck = &s
	if s.Attempts >= stuckPolicy().Attempts || !engine.Temporary(f.err) {
		return workflow.Halted
	}
	return otherwise
}

// fail turns the instance back: what succeeded is undone in reverse order, then the failure is told.
func (r *run) fail(end workflow.Status, reason string) {
	i := r.instance
	i.End, i.Reason = end, reason
	for _, f := range r.forms {
		if i.Steps[f.Name] == workflow.Early {
			r.succeed(f)
		}
	}
	for _, name := range slices.Backward(i.Done) {
		if f, ok := r.step(name); ok && f.Undo != "" {
			i.Undo = append(i.Undo, name)
		}
	}
	i.Undo = append(i.Undo, workflow.Tell)
}

// late records an answer that came after the end. A step that succeeded after all is compensated, unless
// the instance completed.
func (r *run) late(f form, success bool) {
	i := r.instance
	i.Late = append(i.Late, workflow.LateAnswer{Type: r.call.Event.Type.String(), Step: f.Name})
	if !success {
		r.set(f.Name, workflow.StepFailed)
		return
	}
	r.succeed(f)
	if i.End != workflow.Completed && f.Undo != "" {
		i.Undo = append(i.Undo, f.Name)
	}
}

// unwind undoes what is left to undo, in order, and tells of the end.
func (r *run) unwind() {
	i := r.instance
	for len(i.Undo) > 0 {
		next := i.Undo[0]
		var err error
		if next == workflow.Tell {
			err = r.tell()
		} else {
			err = r.undo(next)
		}
		if err != nil {
			r.stick(next, true, err)
			return
		}
		i.Undo = i.Undo[1:]
	}
}

// undo sends the compensation of a step. The builder is that of the program's step that takes its part, which
// may compensate in another way if it says that it does.
func (r *run) undo(name string) error {
	f, _ := r.step(name)
	next, moved, _ := r.def.Successor(name)
	if next.Undo == "" || next.Undo != f.Undo && !moved {
		return engine.Permanent(fmt.Errorf("step %s is undone by %s, which this version of the node does not build", name, f.Undo))
	}
	typ, err := event.ParseRef(next.Undo)
	if err == nil {
		err = r.emit(event.Command, typ, r.build.Undo[next.Name], r.position(name+"/undo"))
	}
	if err == nil {
		r.set(name, workflow.Undone)
	}
	return err
}

// tell emits the event that ends the instance, as an answer to the workflow that started it.
func (r *run) tell() error {
	typ, build, want := r.wf.Failed, r.build.Failed, ""
	def, err := r.define(r.ctx, r.instance.Definition)
	if err != nil {
		return err
	}
	if want = def.Failed; r.instance.End == workflow.Completed {
		typ, build, want = r.wf.Completed, r.build.Completed, def.Completed
	}
	if typ.IsZero() {
		return nil
	}
	if typ.String() != want {
		return engine.Permanent(fmt.Errorf("the instance ends with %s, which this version of the node does not build", want))
	}
	var at engine.Position
	if r.instance.Parent != nil {
		at = *r.instance.Parent
	}
	return r.emit(event.Event, typ, build, at)
}

// asked obeys a person. What cannot be done any more changes nothing.
func (r *run) asked(ask workflow.Ask) error {
	i := r.instance
	if ask.Cancel {
		if i.End != "" {
			return r.nothing()
		}
		r.mark("", "cancel", r.call.Note)
		r.fail(workflow.Cancelled, "cancelled by "+r.call.Note)
		return nil
	}
	i.Retries++
	f, ok := r.step(ask.Step)
	switch {
	case ask.Step == "" && i.Stuck != nil:
		i.Stuck = nil
	case ok && i.End == "" && i.Steps[ask.Step] == workflow.Sent && f.Send != "":
		if err := r.send(f); err != nil {
			r.stick(f.Name, false, err)
		}
	default:
		return r.nothing()
	}
	r.mark(ask.Step, "retry", r.call.Note)
	return nil
}
