package engine_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// simulation drives the core and a store by hand: records come, come again, fail a given number of
// times, and the process loses its claim or dies between handler and commit at any point.
type simulation struct {
	t     *rapid.T
	core  *engine.Core
	store *engine.Memory
	lease engine.Lease
	now   time.Time

	log   []engine.Record // the partition
	fails map[string]int  // by event id: how often its handler still fails
	dies  func() bool     // between handler and commit
}

func (s *simulation) claim() {
	l, err := s.store.Claim(s.t.Context(), engine.Partition{Topic: "onex.cmd.shop.buy.v1", Number: 2})
	if err != nil {
		s.t.Fatal(err)
	}
	s.lease = l
}

// settle takes an item from look-up to commit.
func (s *simulation) settle(it engine.Item) {
	views, err := s.store.View(s.t.Context(), it)
	if err != nil {
		s.t.Fatal(err)
	}
	v := views[0]
	d := s.core.Admit(it, v, s.now)
	var out engine.Outcome
	if d.Verdict == engine.Handle {
		out = s.handle(it)
	}
	c := s.core.Settle(it, v, d, out, s.now)
	if s.dies() {
		s.claim() // a new process: what the handler did is forgotten
		return
	}
	if err := s.store.Commit(s.t.Context(), s.lease, c); err != nil {
		s.t.Fatalf("commit: %v", err)
	}
	if it.Parked == nil {
		s.lease.Next = it.Record.Offset + 1
	}
}

func (s *simulation) handle(it engine.Item) engine.Outcome {
	if s.fails[it.Event.ID] > 0 {
		s.fails[it.Event.ID]--
		return engine.Outcome{Err: errors.New("not yet")}
	}
	return engine.Outcome{Emissions: []engine.Emission{{
		Class: event.Event, Type: ref("shop", "bought"), Key: it.Record.Key, Data: it.Event.Data,
	}}}
}

// run works until nothing is left to do.
func (s *simulation) run() {
	for {
		due, err := s.store.DueParked(s.t.Context(), s.lease.Partition, s.now, 1)
		if err != nil {
			s.t.Fatal(err)
		}
		switch {
		case len(due) > 0:
			s.settle(s.core.Reopen(due[0]))
		case s.lease.Next < int64(len(s.log)):
			s.settle(s.core.Open(s.log[s.lease.Next]))
		default:
			waits, err := s.store.DueParked(s.t.Context(), s.lease.Partition, s.now.Add(time.Hour), 1)
			if err != nil {
				s.t.Fatal(err)
			}
			if len(waits) == 0 {
				return
			}
		}
		s.now = s.now.Add(100 * time.Millisecond)
	}
}

// fill writes the partition: records of few keys, some twice, some failing for a while or for good.
func (s *simulation) fill(answered, dead map[string][]string) {
	for i := range rapid.IntRange(1, 30).Draw(s.t, "records") {
		if i > 0 && rapid.Bool().Draw(s.t, "again") {
			r := s.log[rapid.IntRange(0, i-1).Draw(s.t, "which")%len(s.log)]
			r.Offset = int64(len(s.log))
			s.log = append(s.log, r)
			continue
		}
		key := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(s.t, "key")
		r := incoming(buy(), event.Command, key, fmt.Sprint(i))
		r.Offset = int64(len(s.log))
		s.log = append(s.log, r)
		fails := rapid.SampledFrom([]int{0, 0, 0, 1, 2, 3}).Draw(s.t, "fails")
		s.fails[s.core.Open(r).Event.ID] = fails
		if fails < 3 {
			answered[key] = append(answered[key], fmt.Sprint(i))
		} else {
			dead[key] = append(dead[key], fmt.Sprint(i))
		}
	}
}

// TestEachInputHasItsEffectOnceAndInOrder: whatever fails, comes twice or dies, each input that can
// be handled is answered exactly once, in order per key, and each other one becomes a dead letter.
func TestEachInputHasItsEffectOnceAndInOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		deaths := rapid.IntRange(0, 10).Draw(t, "deaths")
		s := &simulation{t: t, store: engine.NewMemory(), now: at(0), fails: map[string]int{}, dies: func() bool {
			if deaths == 0 || !rapid.Bool().Draw(t, "dies") {
				return false
			}
			deaths--
			return true
		}}
		var err error
		s.core, err = engine.New(engine.Config{
			Node: "shop", Random: func() float64 { return rapid.Float64Range(0, 0.99).Draw(t, "jitter") },
			Inputs: []engine.Input{{
				Type: buy(), Class: event.Command, Emits: []event.Ref{ref("shop", "bought")},
				Retry: engine.RetryPolicy{Attempts: 3, First: 50 * time.Millisecond, Max: time.Second},
			}},
		})
		if err != nil {
			t.Fatal(err)
		}
		answered, dead := map[string][]string{}, map[string][]string{}
		s.fill(answered, dead)
		s.claim()
		s.run()
		s.check(answered, dead)
	})
}

// check compares what was sent with what should be. A handler whose failure was forgotten by a death
// may be answered where it would have been a dead letter, and a dead letter may come again with its
// duplicate: it left no inbox row.
func (s *simulation) check(answered, dead map[string][]string) {
	got, ids := map[string][]string{}, map[string]bool{}
	for _, out := range s.store.Outbox() {
		if out.Topic != "onex.evt.shop.bought.v1" {
			if !slices.Contains(dead[out.Key], string(out.Value)) {
				s.t.Errorf("%s of key %s is a dead letter", out.Value, out.Key)
			}
			continue
		}
		e, err := event.Decode(out.Headers, out.Value)
		if err != nil || ids[e.ID] {
			s.t.Errorf("%s of key %s is answered twice or unreadable: %v", out.Value, out.Key, err)
		}
		ids[e.ID] = true
		if slices.Contains(answered[out.Key], string(out.Value)) {
			got[out.Key] = append(got[out.Key], string(out.Value))
		}
	}
	for key, want := range answered {
		if !slices.Equal(got[key], want) {
			s.t.Errorf("key %s is answered in order %v, want %v", key, got[key], want)
		}
	}
}
