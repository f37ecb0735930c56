package onex

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// interpreter runs the instances of a workflow. It keeps nothing itself: an instance is the state of
// its key, and every call turns one state and one event into the next state and what to send.
type interpreter struct {
	wf       *Workflow
	build    Builders
	decoders map[event.Ref]func([]byte) error
}

func newInterpreter(wf *Workflow, b Builders, decoders map[event.Ref]func([]byte) error) *interpreter {
	return &interpreter{wf: wf, build: b, decoders: decoders}
}

func (in *interpreter) routes() Routes {
	routes := Routes{in.wf.Start: in.handle}
	for _, s := range in.wf.Steps {
		for _, t := range slices.Concat(s.Success, s.Failure) {
			routes[t] = in.handle
		}
	}
	return routes
}

// What an instance or one of its steps is doing.
const (
	running   = "running"
	completed = "completed"
	failed    = "failed"

	stepSent      = "sent"  // its command was sent, or it awaits its answer
	stepEarly     = "early" // its answer came before the steps it comes after
	stepSucceeded = "succeeded"
	stepFailed    = "failed"
	stepUndone    = "undone" // its compensation was sent
)

// What the timers of a step are called.
const (
	timeoutPrefix = "timeout:"
	delayPrefix   = "delay:"
)

// instance is the stored state of a workflow's instance.
type instance struct {
	Key     string                     `json:"key"`
	Status  string                     `json:"status"`
	Start   json.RawMessage            `json:"start"`
	Steps   map[string]string          `json:"steps"`
	Done    []string                   `json:"done,omitempty"` // succeeded steps in order
	Answers map[string]json.RawMessage `json:"answers"`        // by ref
	Reason  string                     `json:"reason,omitempty"`
	Late    []lateAnswer               `json:"late,omitempty"`
	Parent  *engine.Position           `json:"parent,omitempty"` // the step of another workflow that started this one
}

// lateAnswer is an answer that came after the end.
type lateAnswer struct {
	Type string `json:"type"`
	Step string `json:"step"`
}

// handle implements engine.Handler for the start command, every answer and every timer.
func (in *interpreter) handle(ctx context.Context, c engine.Call) engine.Outcome {
	r := &run{interpreter: in, call: c}
	var err error
	switch {
	case c.Timer != "":
		err = r.load(r.fired)
	case c.Event.Type == in.wf.Start:
		err = r.start()
	default:
		err = r.load(r.answer)
	}
	if err != nil {
		return engine.Outcome{Err: err}
	}
	if r.instance == nil {
		return engine.Outcome{}
	}
	return r.outcome(ctx)
}

// run is one call of the interpreter.
type run struct {
	*interpreter

	call     engine.Call
	instance *instance // nil: nothing changes
	sends    []send
}

// send is a message to be built once the instance is in its next state.
type send struct {
	class event.Class
	typ   event.Ref
	build Build
	at    engine.Position
}

func (r *run) outcome(ctx context.Context) engine.Outcome {
	view, err := r.instance.view()
	if err != nil {
		return engine.Outcome{Err: &InvalidStateError{Key: r.instance.Key, Err: err}}
	}
	var out Emissions
	for _, s := range r.sends {
		if err := out.build(ctx, s, view); err != nil {
			return engine.Outcome{Err: err}
		}
	}
	state, err := json.Marshal(r.instance)
	if err != nil {
		return engine.Outcome{Err: &InvalidStateError{Key: r.instance.Key, Err: err}}
	}
	return engine.Outcome{State: state, Emissions: out.list, Timers: r.timers()}
}

func (e *Emissions) build(ctx context.Context, s send, view []byte) error {
	if s.build == nil {
		return engine.Permanent(fmt.Errorf("workflow has no builder of %s", s.typ))
	}
	key, data, err := s.build(ctx, view)
	if err != nil {
		return fmt.Errorf("build %s: %w", s.typ, err)
	}
	e.Add(s.class, s.typ, key, data)
	if e.err != nil {
		return e.err
	}
	e.list[len(e.list)-1].Position = &s.at
	return nil
}

// view returns what Builders describes.
func (i *instance) view() ([]byte, error) {
	v := make(map[string]any, len(i.Answers)+3)
	for ref, data := range i.Answers {
		v[ref] = data
	}
	v["key"], v["start"], v["reason"] = i.Key, i.Start, i.Reason
	return json.Marshal(v)
}

// timers returns the timers of the steps that still wait; the runtime keeps the time of those that
// are already set.
func (r *run) timers() []engine.Timer {
	var timers []engine.Timer
	for _, s := range r.wf.Steps {
		if r.instance.Status != running || r.instance.Steps[s.Name] != stepSent {
			continue
		}
		if s.Timeout > 0 {
			timers = append(timers, engine.Timer{Name: timeoutPrefix + s.Name, After: s.Timeout})
		}
		if s.Delay > 0 {
			timers = append(timers, engine.Timer{Name: delayPrefix + s.Name, After: s.Delay})
		}
	}
	return timers
}

// start creates the instance of a key; a second start of the same key changes nothing.
func (r *run) start() error {
	if r.call.State != nil {
		return nil
	}
	e := r.call.Event
	if err := r.decode(e); err != nil {
		return err
	}
	r.instance = &instance{
		Key: e.PartitionKey, Status: running, Start: e.Data,
		Steps: map[string]string{}, Answers: map[string]json.RawMessage{},
	}
	if e.WorkflowID != "" {
		r.instance.Parent = &engine.Position{WorkflowID: e.WorkflowID, StepID: e.StepID}
	}
	r.advance()
	return nil
}

func (r *run) decode(e event.Envelope) error {
	decode, ok := r.decoders[e.Type]
	if !ok {
		return engine.Permanent(fmt.Errorf("workflow has no decoder of %s", e.Type))
	}
	if err := decode(e.Data); err != nil {
		return &InvalidInputError{Type: e.Type, Err: err}
	}
	return nil
}

// load reads the instance and lets f change it. An answer to nothing that was started here is none
// of our business.
func (r *run) load(f func() error) error {
	if r.call.State == nil {
		return nil
	}
	var i instance
	if err := json.Unmarshal(r.call.State, &i); err != nil {
		return &InvalidStateError{Key: r.call.Event.PartitionKey, Err: err}
	}
	if i.Steps == nil {
		i.Steps = map[string]string{}
	}
	if i.Answers == nil {
		i.Answers = map[string]json.RawMessage{}
	}
	r.instance = &i
	return f()
}

// answer applies an answer to the step that awaits it.
func (r *run) answer() error {
	e := r.call.Event
	step, success, ok := r.match(e)
	if !ok {
		r.instance = nil
		return nil
	}
	if err := r.decode(e); err != nil {
		return err
	}
	i := r.instance
	if state := i.Steps[step.Name]; state != "" && state != stepSent {
		r.instance = nil // answered before
		return nil
	}
	i.Answers[e.Type.String()] = e.Data
	switch {
	case i.Status != running:
		r.late(step, success)
	case !success:
		i.Steps[step.Name] = stepFailed
		r.fail(fmt.Sprintf("step %s: %s", step.Name, e.Type))
	case i.Steps[step.Name] == stepSent:
		r.succeed(step)
		r.advance()
	default:
		i.Steps[step.Name] = stepEarly
		r.advance()
	}
	return nil
}

func (r *run) succeed(s Step) {
	r.instance.Steps[s.Name] = stepSucceeded
	r.instance.Done = append(r.instance.Done, s.Name)
}

// match finds the step an event answers: the one its step id names, or the only one that awaits its
// type without having sent a command (its event follows from somebody else's step).
func (r *run) match(e event.Envelope) (s Step, success, ok bool) {
	mine := e.WorkflowID == r.wf.id(r.instance.Key)
	for _, s := range r.wf.Steps {
		success := slices.Contains(s.Success, e.Type)
		if !success && !slices.Contains(s.Failure, e.Type) {
			continue
		}
		if s.Send.IsZero() || e.WorkflowID == "" || mine && e.StepID == s.Name {
			return s, success, true
		}
	}
	return Step{}, false, false
}

// late records an answer that came after the end. A step that succeeded after all is compensated.
func (r *run) late(s Step, success bool) {
	i := r.instance
	i.Late = append(i.Late, lateAnswer{Type: r.call.Event.Type.String(), Step: s.Name})
	if !success {
		i.Steps[s.Name] = stepFailed
		return
	}
	r.succeed(s)
	if i.Status == failed {
		r.undo(s)
	}
}

// fired applies a timer if its step still waits: a delay has passed, or no answer came.
func (r *run) fired() error {
	kind, name, _ := strings.Cut(r.call.Timer, ":")
	k := r.wf.step(name)
	if k < 0 || r.instance.Status != running || r.instance.Steps[name] != stepSent {
		r.instance = nil
		return nil
	}
	s := r.wf.Steps[k]
	if kind+":" == delayPrefix {
		r.succeed(s)
		r.advance()
		return nil
	}
	r.fail(fmt.Sprintf("step %s: no answer within %s", name, s.Timeout))
	return nil
}

// advance sends every step whose predecessors are done, and completes the instance when all are.
func (r *run) advance() {
	for changed := true; changed; {
		changed = false
		for _, s := range r.wf.Steps {
			state := r.instance.Steps[s.Name]
			if (state == "" || state == stepEarly) && r.done(s.After) {
				changed = true
				r.begin(s, state)
			}
		}
	}
	if len(r.instance.Done) == len(r.wf.Steps) {
		r.instance.Status = completed
		r.final(r.wf.Completed, r.build.Completed)
	}
}

func (r *run) begin(s Step, state string) {
	if state == stepEarly {
		r.succeed(s)
		return
	}
	r.instance.Steps[s.Name] = stepSent
	if !s.Send.IsZero() {
		r.sends = append(r.sends, send{event.Command, s.Send, r.build.Send[s.Name], r.position(s.Name)})
	}
}

func (r *run) done(steps []string) bool {
	return !slices.ContainsFunc(steps, func(s string) bool { return r.instance.Steps[s] != stepSucceeded })
}

// fail ends the instance: what succeeded is undone in reverse order, then the failure is told.
func (r *run) fail(reason string) {
	i := r.instance
	i.Status, i.Reason = failed, reason
	for _, s := range r.wf.Steps {
		if i.Steps[s.Name] == stepEarly {
			r.succeed(s)
		}
	}
	for _, name := range slices.Backward(i.Done) {
		if k := r.wf.step(name); k >= 0 {
			r.undo(r.wf.Steps[k])
		}
	}
	r.final(r.wf.Failed, r.build.Failed)
}

func (r *run) undo(s Step) {
	if s.Undo.IsZero() {
		return
	}
	r.instance.Steps[s.Name] = stepUndone
	r.sends = append(r.sends, send{event.Command, s.Undo, r.build.Undo[s.Name], r.position(s.Name + "/undo")})
}

// final emits the event that ends the instance, as an answer to the workflow that started it.
func (r *run) final(t event.Ref, build Build) {
	if t.IsZero() {
		return
	}
	var at engine.Position
	if r.instance.Parent != nil {
		at = *r.instance.Parent
	}
	r.sends = append(r.sends, send{event.Event, t, build, at})
}

func (r *run) position(step string) engine.Position {
	return engine.Position{WorkflowID: r.wf.id(r.instance.Key), StepID: step}
}

// id names an instance in the envelopes that belong to it.
func (wf *Workflow) id(key string) string {
	return cmp.Or(wf.Completed.Node, wf.Failed.Node, wf.Start.Node) + ":" + key
}

func (wf *Workflow) step(name string) int {
	return slices.IndexFunc(wf.Steps, func(s Step) bool { return s.Name == name })
}
