package delivery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

func pure(keys ...string) []engine.PureInput {
	inputs := make([]engine.PureInput, 0, len(keys))
	for _, r := range records(keys...) {
		inputs = append(inputs, engine.PureInput{Record: r})
	}
	return inputs
}

func topicsOf(out [][]engine.Outgoing) []string {
	var topics []string
	for _, records := range out {
		for _, o := range records {
			topics = append(topics, o.Topic)
		}
	}
	return topics
}

func TestTransform(t *testing.T) {
	t.Parallel()
	r := newRig(t, engine.Input{}, func(ctx context.Context, c engine.Call) engine.Outcome {
		if string(c.Event.Data) == "1" {
			return engine.Outcome{Err: engine.Permanent(errors.New("no"))}
		}
		return reply(ctx, c)
	})
	r.Store = nil
	out, done, err := r.Transform(t.Context(), pure("a", "b", "c"))
	if err != nil {
		t.Fatal(err)
	}
	want(t, "topics", topicsOf(out), []string{"onex.evt.shop.answer.v1", "onex.dlq.shop.ask.v1", "onex.evt.shop.answer.v1"})
	want(t, "settled before the commit", len(r.seen.results), 0)
	done()
	want(t, "settled", r.seen.results, map[engine.Result]int{engine.Handled: 2, engine.DeadLettered: 1})
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, _, err := r.Transform(ctx, pure("a")); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}

// TestTransformKeepsOrder: keys are handled side by side, those of one in order, and what they cause
// comes in the order of the inputs.
func TestTransformKeepsOrder(t *testing.T) {
	t.Parallel()
	const keys, each = 7, 30
	var mu sync.Mutex
	called := map[string][]string{}
	r := newRig(t, engine.Input{}, func(ctx context.Context, c engine.Call) engine.Outcome {
		mu.Lock()
		defer mu.Unlock()
		called[c.Event.PartitionKey] = append(called[c.Event.PartitionKey], string(c.Event.Data))
		return reply(ctx, c)
	})
	var list []string
	wanted := map[string][]string{}
	for i := range keys * each {
		key := fmt.Sprint("k", i%keys)
		list = append(list, key)
		wanted[key] = append(wanted[key], fmt.Sprint(i))
	}
	out, done, err := r.Transform(t.Context(), pure(list...))
	if err != nil {
		t.Fatal(err)
	}
	done()
	want(t, "calls", called, wanted)
	for i, records := range out {
		if len(records) != 1 || string(records[0].Value) != fmt.Sprint(i) {
			t.Fatalf("input %d caused %v", i, records)
		}
	}
	want(t, "settled", r.seen.results, map[engine.Result]int{engine.Handled: keys * each})
}

// TestTransformOfARefusedInput: what the broker refuses for good becomes a dead letter with the
// broker's reason, which is shortened if that is refused too.
func TestTransformOfARefusedInput(t *testing.T) {
	t.Parallel()
	r := newRig(t, engine.Input{}, reply)
	for refusals, left := range map[int]string{1: "0", 2: ""} {
		inputs := pure("a")
		inputs[0].Refused, inputs[0].Refusals = errors.New("MESSAGE_TOO_LARGE"), refusals
		out, _, err := r.Transform(t.Context(), inputs)
		if err != nil || len(out[0]) != 1 {
			t.Fatal(out, err)
		}
		letter := out[0][0]
		find := func(key string) string {
			i := slices.IndexFunc(letter.Headers, func(h event.Header) bool { return h.Key == key })
			if i < 0 {
				return ""
			}
			return string(letter.Headers[i].Value)
		}
		want(t, "topic", letter.Topic, "onex.dlq.shop.ask.v1")
		want(t, "payload", string(letter.Value), left)
		want(t, "class", find(engine.HeaderClass), "permanent")
		want(t, "reason", find(engine.HeaderError), "the broker refused what it gives rise to: MESSAGE_TOO_LARGE")
		want(t, "offset", find(engine.HeaderOffset), "0")
		want(t, "cut", find(engine.HeaderCut) == "true", refusals == 2)
	}
}
