package onex

import (
	"context"
	"fmt"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// BatchEmissions collects what the handler of a batch emits, for each of its inputs. It is not safe
// for concurrent use.
type BatchEmissions struct {
	inputs []batchInput
	err    error
}

type batchInput struct {
	event string // id
	fault error  // it never reached the handler
	out   Emissions
}

// AddTo appends an emission that cause gave rise to. An invalid payload fails the call for good, as
// does a cause that is not one of the batch.
func AddTo[T any](e *BatchEmissions, cause Input[T], class event.Class, t event.Ref, key string, data Payload) {
	if in := e.input(cause.place, cause.Event.ID, "emission "+t.String()); in != nil {
		in.out.Add(class, t, key, data)
		e.fail(in.out.err)
	}
}

// CommitWith is Emissions.Commit for one input of a batch. All of the batch is committed together, but if f
// fails each of its inputs is handled alone.
func CommitWith[T any](e *BatchEmissions, cause Input[T], f func(ctx context.Context, tx Tx) error) {
	if in := e.input(cause.place, cause.Event.ID, "commit"); in != nil {
		in.out.Commit(f)
	}
}

// input returns the input of the batch that what is wanted belongs to; if there is none, the call fails
// for good.
func (e *BatchEmissions) input(place int, id, what string) *batchInput {
	if place >= len(e.inputs) || e.inputs[place].event != id {
		e.fail(engine.Permanent(fmt.Errorf("%s: event %q is no input of this batch", what, id)))
		return nil
	}
	return &e.inputs[place]
}

func (e *BatchEmissions) fail(err error) {
	if e.err == nil {
		e.err = err
	}
}

// HandleBatch adapts a typed handler of an effect that takes several inputs at once. Inputs that do
// not fit their schema fail alone and are not among those f gets, of which there is at least one.
func HandleBatch[T any](decode func([]byte) (T, error), f func(context.Context, []Input[T], *BatchEmissions) error) engine.Handler {
	return func(ctx context.Context, c engine.Call) engine.Outcome {
		var e BatchEmissions
		var valid []Input[T]
		for i, call := range append([]engine.Call{c}, c.Rest...) {
			in, err := input(decode, call)
			in.place = i
			e.inputs = append(e.inputs, batchInput{event: call.Event.ID, fault: err})
			if err == nil {
				valid = append(valid, in)
			}
		}
		if len(valid) > 0 {
			e.fail(f(ctx, valid, &e))
		}
		return e.outcome()
	}
}

// outcome returns the outcome of each input, or only an error if the handler failed.
func (e *BatchEmissions) outcome() engine.Outcome {
	if e.err != nil && len(e.inputs) > 1 {
		return engine.Outcome{Err: e.err}
	}
	outcomes := make([]engine.Outcome, 0, len(e.inputs))
	for _, in := range e.inputs {
		err := in.fault
		if err == nil {
			err = e.err
		}
		outcomes = append(outcomes, outcome(&in.out, nil, err))
	}
	first := outcomes[0]
	if len(outcomes) > 1 {
		first.Rest = outcomes[1:]
	}
	return first
}
