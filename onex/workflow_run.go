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
	"github.com/omninode-ai/omninode/onex/workflow"
)

// interpreter runs the instances of a workflow. It keeps nothing itself: an instance is the state of
// its key, and every call turns one state and one event into the next state and what to send.
type interpreter struct {
	wf       *Workflow
	def      workflow.Definition
	hash     string
	broken   error // the workflow cannot be written as data
	build    Builders
	decoders map[event.Ref]func([]byte) error
}

func newInterpreter(wf *Workflow, b Builders, decoders map[event.Ref]func([]byte) error) *interpreter {
	in := &interpreter{wf: wf, def: wf.Definition(), build: b, decoders: decoders}
	_, in.hash, in.broken = in.def.Encode()
	return in
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

// maxState bounds the stored state of an instance, in bytes.
const maxState = event.MaxDataBytes

// handle implements engine.Handler for the start command, every answer and every timer.
func (in *interpreter) handle(ctx context.Context, c engine.Call) engine.Outcome {
	r := &run{interpreter: in, call: c, ctx: ctx}
	err := in.broken
	switch {
	case err != nil:
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
	return r.outcome()
}

// run is one call of the interpreter.
type run struct {
	*interpreter

	ctx      context.Context //nolint:containedctx // of the one call this is
	call     engine.Call
	instance *workflow.Instance // nil: nothing changes
	before   string             // its status when the call began
	forms    []form
	out      []engine.Emission
	failure  *failure // what could not be built
	retrying bool     // by the clock
}

// outcome turns the instance as it is now into what is stored. An answer that would make the state too
// large fails the instance instead: nothing is stored of it but that.
func (r *run) outcome() engine.Outcome {
	state, err := json.Marshal(r.instance)
	if err != nil {
		return engine.Outcome{Err: &InvalidStateError{Key: r.instance.Key, Err: err}}
	}
	if len(state) > maxState && r.instance.End == "" {
		tooLarge := &StateTooLargeError{Key: r.instance.Key, Bytes: len(state)}
		if r.call.State == nil || r.call.Timer != "" {
			return engine.Outcome{Err: tooLarge}
		}
		r.out = nil
		return r.again(func() error {
			r.fail(workflow.Failed, tooLarge.Error())
			return nil
		})
	}
	o := engine.Outcome{State: state, Emissions: r.out, Timers: r.timers()}
	if r.instance.Status != r.before {
		o.Instance = &engine.Instance{Definition: r.instance.Definition, Status: r.instance.Status}
	}
	return o
}

// again begins the call anew with what is stored.
func (r *run) again(f func() error) engine.Outcome {
	if err := r.load(f); err != nil {
		return engine.Outcome{Err: err}
	}
	return r.outcome()
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
	r.instance = &workflow.Instance{
		Key: e.PartitionKey, Definition: r.hash, Status: workflow.Running, Start: e.Data,
		Steps: map[string]string{}, Answers: map[string]json.RawMessage{}, Cause: e.ID, Chain: e.CorrelationID,
	}
	if e.WorkflowID != "" {
		r.instance.Parent = &engine.Position{WorkflowID: e.WorkflowID, StepID: e.StepID}
	}
	r.mark("", "started", e.ID)
	if err := r.prepare(); err != nil {
		return err
	}
	r.work()
	if r.failure != nil {
		return r.failure.err // there is nothing yet that could be halted
	}
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

// load reads the instance, lets f change it and goes on with it. What happens to a key without an instance is
// none of our business, unless it answers one.
func (r *run) load(f func() error) error {
	if r.call.State == nil {
		if e := r.call.Event; r.call.Timer == "" && r.mine() && r.answers(e) {
			return &UnexpectedAnswerError{Key: strings.TrimPrefix(e.WorkflowID, r.wf.id("")), Step: e.StepID, Type: e.Type}
		}
		return nil
	}
	i, err := workflow.Read(r.call.State)
	if err != nil {
		return &InvalidStateError{Key: r.call.Event.PartitionKey, Err: err}
	}
	r.instance, r.before = i, i.Status
	if i.Definition == "" {
		i.Definition, r.before = r.hash, ""
	}
	if err := r.prepare(); err != nil {
		return err
	}
	if err := f(); err != nil || r.instance == nil {
		return err
	}
	r.work()
	return nil
}

// prepare finds how the instance takes each of its steps.
func (r *run) prepare() (err error) {
	r.forms, err = r.interpreter.forms(r.ctx, r.instance)
	return err
}

// nothing says that the call changes nothing.
func (r *run) nothing() error {
	r.instance = nil
	return nil
}

// work goes on as far as it can: forwards, or back once the instance has failed.
func (r *run) work() {
	if r.instance.End == "" {
		r.advance()
	}
	if r.instance.End != "" {
		r.unwind()
	}
	r.settle()
}

func (r *run) mark(step, was, by string) {
	r.instance.Trail = append(r.instance.Trail, workflow.Mark{At: r.call.Now.UTC(), Step: step, Was: was, By: by})
}

// set puts a step into a state.
func (r *run) set(step, state string) {
	r.instance.Steps[step] = state
	r.mark(step, state, r.call.Event.ID)
}

func (r *run) step(name string) (form, bool) {
	for _, f := range r.forms {
		if f.Name == name {
			return f, true
		}
	}
	return form{}, false
}

// view returns what Builders describes.
func (r *run) view() ([]byte, error) {
	v := make(map[string]any, len(r.instance.Answers)+3)
	for ref, data := range r.instance.Answers {
		v[ref] = data
	}
	v["key"], v["start"], v["reason"] = r.instance.Key, r.instance.Start, r.instance.Reason
	return json.Marshal(v)
}

// emit builds a message of one type from all that the instance has seen.
func (r *run) emit(class event.Class, typ event.Ref, build Build, at engine.Position) error {
	if build == nil {
		return engine.Permanent(fmt.Errorf("workflow has no builder of %s", typ))
	}
	view, err := r.view()
	if err != nil {
		return &InvalidStateError{Key: r.instance.Key, Err: err}
	}
	key, data, err := build(r.ctx, view)
	if err != nil {
		return fmt.Errorf("build %s: %w", typ, err)
	}
	var one Emissions
	one.Add(class, typ, key, data)
	switch {
	case one.err != nil:
		return one.err
	case key == "" || len(key) > event.MaxAttribute:
		return engine.Permanent(fmt.Errorf("build %s: its key has %d bytes, 1 to %d are allowed", typ, len(key), event.MaxAttribute))
	case len(one.list[0].Data) > event.MaxDataBytes:
		return engine.Permanent(fmt.Errorf("build %s: it has %d bytes, at most %d are allowed", typ, len(one.list[0].Data), event.MaxDataBytes))
	}
	one.list[0].Position = &at
	r.out = append(r.out, one.list...)
	return nil
}

func (r *run) position(step string) engine.Position {
	return engine.Position{WorkflowID: r.wf.id(r.instance.Key), StepID: step}
}

// mine reports whether the event belongs to an instance of this workflow.
func (r *run) mine() bool {
	return strings.HasPrefix(r.call.Event.WorkflowID, r.wf.id(""))
}

// answers reports whether an event answers the command of the step that it names.
func (r *run) answers(e event.Envelope) bool {
	s, ok := r.def.Step(e.StepID)
	return ok && s.Send != "" && slices.Contains(slices.Concat(s.Success, s.Failure), e.Type.String())
}

// id names an instance in the envelopes that belong to it.
func (wf *Workflow) id(key string) string {
	return cmp.Or(wf.Completed.Node, wf.Failed.Node, wf.Start.Node) + ":" + key
}
