package onex

import (
	"context"
	"encoding/json"
	"time"

	"github.com/omninode-ai/omninode/onex/event"
)

// Workflow describes the steps of an orchestrator. Commands and final events are built by the
// functions of Builders, from everything the instance has seen so far.
type Workflow struct {
	Start     event.Ref
	Steps     []Step
	Completed event.Ref
	Failed    event.Ref
}

// Step sends a command and waits for an answer; without Send it only waits, for an answer or for Delay
// to pass.
type Step struct {
	Name     string
	After    []string
	Send     event.Ref // zero: await only
	Success  []event.Ref
	Failure  []event.Ref
	Undo     event.Ref     // zero: nothing to compensate
	Timeout  time.Duration // 0: waits without bound
	Replaces []string      // steps of earlier definitions whose part it takes
	Delay    time.Duration // the step succeeds once it has passed; 0: the step waits for an answer
}

// Builders builds the messages of a workflow. Each function gets the JSON object
// {"key": K, "start": {…}, "<ref>": {…}, …, "reason": "…"} of the instance: its key, the payload
// that started it, the payload of each answer seen so far by its ref, and, once it fails, why.
type Builders struct {
	Send      map[string]Build // by step
	Undo      map[string]Build // by step
	Completed Build
	Failed    Build
}

// Build returns a message's partition key and payload.
type Build func(ctx context.Context, instance []byte) (key string, data Payload, err error)

// BuildFrom adapts a typed builder: W is the generated view of an instance and key extracts the
// partition key of what f returns.
func BuildFrom[W any, T Payload](f func(context.Context, W) (T, error), key func(T) string) Build {
	return func(ctx context.Context, instance []byte) (string, Payload, error) {
		var w W
		if err := json.Unmarshal(instance, &w); err != nil {
			return "", nil, err
		}
		data, err := f(ctx, w)
		if err != nil {
			return "", nil, err
		}
		return key(data), data, nil
	}
}

// Orchestrate returns the routes of an orchestrator: the interpreter of wf for the start command
// and for every answer. decoders validates each input's payload by type.
func Orchestrate(wf *Workflow, b Builders, decoders map[event.Ref]func([]byte) error) Routes {
	return newInterpreter(wf, b, decoders).routes()
}
