package onex_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// echo describes a compute or effect node that answers each ask with an answer by f.
func echo(kind onex.Kind, name string, policy engine.RetryPolicy, f func(onex.Input[number]) error) onex.Node {
	ask, answer := ref(name, "ask"), ref(name, "answer")
	return onex.Node{
		Name: name, Version: "1.0.0", Kind: kind, Capabilities: []string{"test"}, ContractSHA256: strings.Repeat("0", 64),
		Inputs:  []engine.Input{{Type: ask, Class: event.Command, Emits: []event.Ref{answer}, Retry: policy}},
		Outputs: []onex.Output{{Type: answer, Class: event.Event}},
		Build: func(context.Context, *config.Values) (onex.Wiring, error) {
			return onex.Wiring{Routes: onex.Routes{ask: onex.Handle(decodeNumber, func(_ context.Context, in onex.Input[number], out *onex.Emissions) error {
				if err := f(in); err != nil {
					return err
				}
				out.Add(event.Event, answer, in.Event.PartitionKey, in.Data)
				return nil
			})}}, nil
		},
	}
}

func succeed(onex.Input[number]) error { return nil }

// TestDelivers is the suite both kinds that answer inputs must pass: every input is answered once,
// in order per key, a duplicate is answered under the same id, and poison becomes a dead letter.
func TestDelivers(t *testing.T) {
	t.Parallel()
	for _, kind := range []onex.Kind{onex.Compute, onex.Effect} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			name := f.name(string(kind))
			r := f.start("a", echo(kind, name, engine.RetryPolicy{}, succeed))
			ask := ref(name, "ask")
			const keys, each = 5, 20
			for i := range keys * each {
				f.produce(root(event.Command, ask, fmt.Sprint("k", i%keys), number{N: i / keys}))
			}
			next := map[string]int{}
			for _, rec := range f.collect(keys*each, topicOf(event.Event, ref(name, "answer"))) {
				n, err := decodeNumber(rec.Value)
				if err != nil || n.N != next[string(rec.Key)] {
					t.Fatalf("key %s: got %d (%v), want %d", rec.Key, n.N, err, next[string(rec.Key)])
				}
				next[string(rec.Key)]++
				if id := header(rec, "ce_correlationid"); id == "" || id == header(rec, "ce_id") || id != header(rec, "ce_causationid") {
					t.Errorf("answer has correlation %q, causation %q, id %q", id, header(rec, "ce_causationid"), header(rec, "ce_id"))
				}
			}
			f.poison(ask)
			r.halt()
			if r.err != nil {
				t.Errorf("stop: %v", r.err)
			}
		})
	}
}

// poison sends records that cannot be handled and wants each in the dead letters with its class.
func (f *fixture) poison(ask event.Ref) {
	f.t.Helper()
	garbage := root(event.Command, ask, "p", nil)
	garbage.Value, garbage.Headers = []byte("garbage"), nil
	broken := root(event.Command, ask, "p", nil)
	broken.Value = []byte(`{"n":`)
	foreign := root(event.Command, ref(ask.Node, "other"), "p", number{})
	foreign.Topic = topicOf(event.Command, ask)
	f.produce(garbage, broken, foreign, root(event.Command, ask, "p", number{N: -1}))
	classes := map[string]int{}
	for _, rec := range f.collect(4, event.DeadLetterTopic(ask.Node, ask).String()) {
		classes[header(rec, engine.HeaderClass)]++
		if header(rec, engine.HeaderTopic) != topicOf(event.Command, ask) || header(rec, engine.HeaderNode) != ask.Node {
			f.t.Errorf("dead letter comes from %q of %q", header(rec, engine.HeaderTopic), header(rec, engine.HeaderNode))
		}
		if header(rec, engine.HeaderClass) == "wrong_type" {
			said := header(rec, engine.HeaderError)
			if !strings.Contains(said, ask.String()) || !strings.Contains(said, "other") {
				f.t.Errorf("error %q does not name both types", said)
			}
		}
	}
	if classes["malformed"] != 2 || classes["wrong_type"] != 1 || classes["invalid"] != 1 {
		f.t.Errorf("classes of dead letters: %v", classes)
	}
}

func TestDuplicateIsHandledOnce(t *testing.T) {
	t.Parallel()
	f := setup(t)
	name := f.name("effect")
	f.start("a", echo(onex.Effect, name, engine.RetryPolicy{}, succeed))
	rec := root(event.Command, ref(name, "ask"), "k", number{N: 1})
	again := *rec
	f.produce(rec)
	f.produce(&again, root(event.Command, ref(name, "ask"), "k", number{N: 2}))
	f.collect(2, topicOf(event.Event, ref(name, "answer")))
}

// TestRetryKeepsOrder: a failing record holds back its key and no other.
func TestRetryKeepsOrder(t *testing.T) {
	t.Parallel()
	f := setup(t)
	name := f.name("effect")
	var mu sync.Mutex
	calls := map[string]int{}
	policy := engine.RetryPolicy{Attempts: 3, First: 20 * time.Millisecond, Max: 50 * time.Millisecond}
	f.start("a", echo(onex.Effect, name, policy, func(in onex.Input[number]) error {
		mu.Lock()
		defer mu.Unlock()
		calls[in.Event.ID]++
		switch {
		case in.Data.ID == "flaky" && calls[in.Event.ID] < 3:
			return errors.New("not yet")
		case in.Data.ID == "hopeless":
			return errors.New("never")
		case in.Data.ID == "permanent":
			return onex.Permanent(errors.New("useless"))
		case in.Data.ID == "panic":
			_ = []int(nil)[in.Data.N]
		}
		return nil
	}))
	ask := ref(name, "ask")
	kinds := []string{"flaky", "", "hopeless", "", "permanent", "panic", ""}
	for i, kind := range kinds {
		f.produce(root(event.Command, ask, "held", number{N: i, ID: kind}), root(event.Command, ask, fmt.Sprint("free", i), number{N: i}))
	}
	var held []int
	for _, rec := range f.collect(4+len(kinds), topicOf(event.Event, ref(name, "answer"))) {
		if string(rec.Key) == "held" {
			n, _ := decodeNumber(rec.Value)
			held = append(held, n.N)
		}
	}
	if fmt.Sprint(held) != "[0 1 3 6]" {
		t.Errorf("held key was answered in order %v", held)
	}
	classes := map[string]string{}
	for _, rec := range f.collect(3, event.DeadLetterTopic(name, ask).String()) {
		n, _ := decodeNumber(rec.Value)
		classes[n.ID] = header(rec, engine.HeaderClass) + header(rec, engine.HeaderAttempts)
	}
	if classes["hopeless"] != "exhausted3" || classes["permanent"] != "permanent1" || classes["panic"] != "permanent1" {
		t.Errorf("dead letters: %v", classes)
	}
}
