package onex

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
	"github.com/omninode-ai/omninode/onex/workflow"
)

// What the timers of an instance are called: those of a step with its name behind.
const (
	timeoutPrefix = "timeout:"
	delayPrefix   = "delay:"
	retryTimer    = "retry"
)

// timers returns the timers of the steps that still wait, and that of the next attempt at what could not
// be built; the runtime keeps the time of those that are already set.
func (r *run) timers() []engine.Timer {
	var timers []engine.Timer
	for _, f := range r.forms {
		if r.instance.End != "" || r.instance.Steps[f.Name] != workflow.Sent {
			continue
		}
		if f.Timeout > 0 {
			timers = append(timers, engine.Timer{Name: timeoutPrefix + f.Name, After: f.timeout()})
		}
		if f.Delay > 0 {
			timers = append(timers, engine.Timer{Name: delayPrefix + f.Name, After: f.delay()})
		}
	}
	if s := r.instance.Stuck; s != nil && r.instance.Status != workflow.Halted {
		timers = append(timers, engine.Timer{Name: retryTimer, After: stuckPolicy().Delay(s.Attempts, 0)})
	}
	return timers
}

// answer applies an answer to the step that awaits it. The first one counts.
func (r *run) answer() error {
	e := r.call.Event
	f, success, ok := r.match(e)
	if !ok {
		return r.nothing()
	}
	if err := r.decode(e); err != nil {
		return err
	}
	i := r.instance
	state := i.Steps[f.Name]
	if state != "" && state != workflow.Sent {
		if f.Send != "" && r.mine() {
			return &UnexpectedAnswerError{Key: i.Key, Step: f.Name, State: state, Type: e.Type}
		}
		return r.nothing() // it happened again, and answers nobody
	}
	i.Answers[e.Type.String()] = e.Data
	switch {
	case i.End != "":
		r.late(f, success)
	case !success:
		r.set(f.Name, workflow.StepFailed)
		r.fail(workflow.Failed, fmt.Sprintf("step %s: %s", f.Name, e.Type))
	case state == workflow.Sent:
		r.succeed(f)
	default:
		r.take(f)
		r.set(f.Name, workflow.Early)
	}
	return nil
}

// take remembers in which form a step is taken.
func (r *run) take(f form) {
	if f.moved == nil {
		return
	}
	if r.instance.Moved == nil {
		r.instance.Moved = map[string]workflow.Move{}
	}
	r.instance.Moved[f.Name] = *f.moved
}

func (r *run) succeed(f form) {
	r.set(f.Name, workflow.Succeeded)
	r.instance.Done = append(r.instance.Done, f.Name)
}

// match finds the step an event answers: the one its step id names, or the only one that awaits its
// type without having sent a command (its event follows from somebody else's step).
func (r *run) match(e event.Envelope) (f form, success, ok bool) {
	mine := e.WorkflowID == r.wf.id(r.instance.Key)
	for _, f := range r.forms {
		success := slices.Contains(f.Success, e.Type.String())
		if !success && !slices.Contains(f.Failure, e.Type.String()) {
			continue
		}
		if f.Send == "" || e.WorkflowID == "" || mine && e.StepID == f.Name {
			return f, success, true
		}
	}
	return form{}, false, false
}

// fired applies a timer if what it was set for still is: a delay has passed, no answer came, something is
// to be built again, or a person asks for something.
func (r *run) fired() error {
	if ask, ok := workflow.ParseAsk(r.call.Timer); ok {
		return r.asked(ask)
	}
	if r.call.Timer == retryTimer && r.instance.Stuck != nil {
		r.retrying = true
		return nil
	}
	kind, name, _ := strings.Cut(r.call.Timer, ":")
	f, ok := r.step(name)
	if !ok || r.instance.End != "" || r.instance.Steps[name] != workflow.Sent {
		return r.nothing()
	}
	if kind+":" == delayPrefix {
		r.succeed(f)
		return nil
	}
	r.fail(workflow.Failed, fmt.Sprintf("step %s: no answer within %s", name, f.timeout()))
	return nil
}

// advance sends every step whose predecessors are done, and completes the instance when all are.
func (r *run) advance() {
	tried := map[string]bool{}
	for changed := true; changed; {
		changed = false
		for _, f := range r.forms {
			state := r.instance.Steps[f.Name]
			if (state == "" || state == workflow.Early) && !tried[f.Name] && r.done(f.After) {
				tried[f.Name], changed = true, true
				r.begin(f, state)
			}
		}
	}
	if len(r.instance.Done) == len(r.forms) {
		r.instance.End, r.instance.Undo = workflow.Completed, []string{workflow.Tell}
	}
}

func (r *run) done(steps []string) bool {
	return !slices.ContainsFunc(steps, func(s string) bool { return r.instance.Steps[s] != workflow.Succeeded })
}

func (r *run) begin(f form, state string) {
	if state == workflow.Early {
		r.succeed(f)
		return
	}
	if f.Send != "" {
		if err := r.send(f); err != nil {
			r.stick(f.Name, false, err)
			return
		}
	}
	r.take(f)
	r.set(f.Name, workflow.Sent)
}

// send sends the command of a step. The builder is that of the program's step that takes its part.
func (r *run) send(f form) error {
	next, _, _ := r.def.Successor(f.Name)
	if next.Send != f.Send {
		return engine.Permanent(fmt.Errorf("step %s sends %s, which this version of the node does not build", f.Name, f.Send))
	}
	typ, err := event.ParseRef(f.Send)
	if err != nil {
		return engine.Permanent(err)
	}
	return r.emit(event.Command, typ, r.build.Send[next.Name], r.position(f.Name))
}

// stuckPolicy is how often what cannot be built is tried.
func stuckPolicy() engine.RetryPolicy {
	return engine.RetryPolicy{Attempts: 5, First: time.Second, Max: 30 * time.Second}
}
