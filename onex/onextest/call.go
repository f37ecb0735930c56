package onextest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// Input is what Call gives to a handler.
type Input struct {
	Type           event.Ref
	Data           any    // encoded as the payload
	State          any    // of a reducer's key; nil is a new key
	IdempotencyKey string // default: the event's id
}

// Call calls the handler of an input once, as the engine would, and returns its outcome: errors,
// invalid payloads included, are in Outcome.Err.
func Call(t testing.TB, routes onex.Routes, in Input) engine.Outcome {
	t.Helper()
	handle, ok := routes[in.Type]
	if !ok {
		t.Fatalf("no route of %s", in.Type)
	}
	return handle(t.Context(), call(t, in))
}

func call(t testing.TB, in Input) engine.Call {
	t.Helper()
	now := time.Date(2026, 1, 31, 8, 0, 0, 0, time.UTC)
	c := engine.Call{
		Event:          event.NewRoot("onex://onextest", in.Type, "key", encode(t, in.Data), now),
		IdempotencyKey: in.IdempotencyKey,
		Attempt:        1,
	}
	if c.IdempotencyKey == "" {
		c.IdempotencyKey = c.Event.ID
	}
	if in.State != nil {
		c.State = encode(t, in.State)
	}
	return c
}

// CallBatch calls the handler of a batched input once with several inputs, of which the first says the
// type, and returns an outcome for each, or the only one if the handler failed.
func CallBatch(t testing.TB, routes onex.Routes, inputs ...Input) []engine.Outcome {
	t.Helper()
	handle, ok := routes[inputs[0].Type]
	if !ok {
		t.Fatalf("no route of %s", inputs[0].Type)
	}
	calls := make([]engine.Call, 0, len(inputs))
	for _, in := range inputs {
		calls = append(calls, call(t, in))
	}
	calls[0].Rest = calls[1:]
	out := handle(t.Context(), calls[0])
	return append([]engine.Outcome{out}, out.Rest...)
}

// Emitted returns the payload of the only emission of an outcome, which must be of type ref.
func Emitted[T any](t testing.TB, out engine.Outcome, ref event.Ref) T {
	t.Helper()
	if out.Err != nil {
		t.Fatalf("handler failed: %v", out.Err)
	}
	if len(out.Emissions) != 1 || out.Emissions[0].Type != ref {
		t.Fatalf("emitted %v, want one %s", types(out), ref)
	}
	return decode[T](t, out.Emissions[0].Data)
}

// State returns the state an outcome leaves.
func State[T any](t testing.TB, out engine.Outcome) T {
	t.Helper()
	if out.Err != nil {
		t.Fatalf("handler failed: %v", out.Err)
	}
	return decode[T](t, out.State)
}

func types(out engine.Outcome) []event.Ref {
	list := make([]event.Ref, 0, len(out.Emissions))
	for _, e := range out.Emissions {
		list = append(list, e.Type)
	}
	return list
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("encode input: %v", err)
	}
	return data
}

func decode[T any](t testing.TB, data []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("decode %T from %s: %v", v, data, err)
	}
	return v
}
