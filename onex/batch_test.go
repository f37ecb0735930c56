package onex_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

type parcel struct {
	ID     string `json:"id"`
	Weight int    `json:"weight"`
}

func (p parcel) Validate() error {
	if p.Weight < 1 {
		return errors.New("weight is below 1")
	}
	return nil
}

func decodeParcel(data []byte) (p parcel, err error) {
	if err := json.Unmarshal(data, &p); err != nil {
		return p, err
	}
	return p, p.Validate()
}

func parcels(weights ...int) engine.Call {
	var calls []engine.Call
	for i, w := range weights {
		ref := event.MustRef("post/weigh.v1")
		e := event.NewRoot("onex://test", ref, fmt.Sprint(i), fmt.Appendf(nil, `{"id":"p%d","weight":%d}`, i, w), time.Unix(0, 0))
		calls = append(calls, engine.Call{Event: e, IdempotencyKey: fmt.Sprint("key", i), Attempt: 1})
	}
	calls[0].Rest = calls[1:]
	return calls[0]
}

func weighed() event.Ref { return event.MustRef("post/weighed.v1") }

// emitted returns the payloads of each outcome of a batch, or its error.
func emitted(out engine.Outcome) []string {
	var list []string
	for _, o := range append([]engine.Outcome{out}, out.Rest...) {
		text := fmt.Sprint(o.Err)
		if o.Err == nil {
			text = ""
			for _, e := range o.Emissions {
				text += e.Key + string(e.Data)
			}
		}
		list = append(list, text)
	}
	return list
}

// TestHandleBatch: what is emitted belongs to the input that caused it, in whatever order.
func TestHandleBatch(t *testing.T) {
	t.Parallel()
	handle := onex.HandleBatch(decodeParcel, func(_ context.Context, in []onex.Input[parcel], e *onex.BatchEmissions) error {
		for _, one := range slices.Backward(in) {
			onex.AddTo(e, one, event.Event, weighed(), one.IdempotencyKey, one.Data)
		}
		onex.AddTo(e, in[0], event.Event, weighed(), "again", in[0].Data)
		return nil
	})
	for name, test := range map[string]struct {
		call engine.Call
		want []string
	}{
		"alone":   {parcels(7), []string{`key0{"id":"p0","weight":7}again{"id":"p0","weight":7}`}},
		"three":   {parcels(1, 2, 3), []string{`key0{"id":"p0","weight":1}again{"id":"p0","weight":1}`, `key1{"id":"p1","weight":2}`, `key2{"id":"p2","weight":3}`}},
		"poison":  {parcels(1, 0, 3), []string{`key0{"id":"p0","weight":1}again{"id":"p0","weight":1}`, "payload of post/weigh.v1: weight is below 1", `key2{"id":"p2","weight":3}`}},
		"spoiled": {parcels(0, 0), []string{"payload of post/weigh.v1: weight is below 1", "payload of post/weigh.v1: weight is below 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := emitted(handle(t.Context(), test.call)); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", test.want) {
				t.Errorf("outcomes %q, want %q", got, test.want)
			}
		})
	}
}

// TestHandleBatchFails: whatever goes wrong with one input's part, the batch is given back whole.
func TestHandleBatchFails(t *testing.T) {
	t.Parallel()
	type batch = []onex.Input[parcel]
	for name, f := range map[string]func(in batch, e *onex.BatchEmissions) error{
		"error": func(batch, *onex.BatchEmissions) error { return errors.New("scales are broken") },
		"invalid payload": func(in batch, e *onex.BatchEmissions) error {
			onex.AddTo(e, in[1], event.Event, weighed(), "k", parcel{})
			return nil
		},
		"foreign cause": func(in batch, e *onex.BatchEmissions) error {
			onex.AddTo(e, onex.Input[parcel]{}, event.Event, weighed(), "k", in[0].Data)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := onex.HandleBatch(decodeParcel, func(_ context.Context, in []onex.Input[parcel], e *onex.BatchEmissions) error {
				return f(in, e)
			})(t.Context(), parcels(1, 2))
			if out.Err == nil || len(out.Rest) != 0 || len(out.Emissions) != 0 {
				t.Errorf("outcome %+v, want an error and nothing else", out)
			}
		})
	}
}
