package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ask() event.Ref    { return event.MustRef("shop/ask.v1") }
func answer() event.Ref { return event.MustRef("shop/answer.v1") }

// seen counts what an Observer is told.
type seen struct {
	mu        sync.Mutex
	calls     int
	conflicts int
	results   map[engine.Result]int
	breaker   []string
}

func (s *seen) Breaker(_ event.Ref, state BreakerState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.breaker = append(s.breaker, state.String())
}

// states returns what became of the breaker so far.
func (s *seen) states() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.breaker)
}

func (s *seen) Called(event.Ref, time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
}

func (s *seen) Settled(c engine.Commit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.results[c.Result]++
}

func (s *seen) Conflict() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conflicts++
}

// rig is a processor over a store in memory.
type rig struct {
	*Processor

	store *engine.Memory
	seen  *seen
}

type handle = func(ctx context.Context, c engine.Call) engine.Outcome

func reply(_ context.Context, c engine.Call) engine.Outcome {
	return engine.Outcome{Emissions: []engine.Emission{{Class: event.Event, Type: answer(), Key: c.Event.PartitionKey, Data: c.Event.Data}}}
}

func newRig(t *testing.T, in engine.Input, h handle) *rig {
	t.Helper()
	in.Type, in.Class, in.Emits = ask(), event.Command, []event.Ref{answer()}
	core, err := engine.New(engine.Config{Node: "shop", Inputs: []engine.Input{in}, Random: func() float64 { return 0 }})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{store: engine.NewMemory(), seen: &seen{results: map[engine.Result]int{}}}
	r.Processor = &Processor{
		Core: core, Handlers: map[event.Ref]engine.Handler{ask(): h}, Store: r.store, Observer: r.seen,
		Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}
	return r
}

func partition() engine.Partition { return engine.Partition{Topic: "onex.cmd.shop.ask.v1"} }

func records(keys ...string) []engine.Record {
	list := make([]engine.Record, 0, len(keys))
	for i, key := range keys {
		e := event.NewRoot("onex://test", ask(), key, fmt.Append(nil, i), time.Unix(0, 0))
		list = append(list, engine.Record{Topic: partition().Topic, Offset: int64(i), Key: key, Headers: e.Headers(), Value: e.Data})
	}
	return list
}

func (r *rig) claim(t *testing.T) *engine.Lease {
	t.Helper()
	l, err := r.store.Claim(t.Context(), partition())
	if err != nil {
		t.Fatal(err)
	}
	return &l
}

// answers returns what was sent of each key, in order.
func (r *rig) answers() map[string]string {
	got := map[string]string{}
	for _, out := range r.store.Outbox() {
		if strings.HasPrefix(out.Topic, "onex.evt.") {
			got[out.Key] += string(out.Value)
		}
	}
	return got
}

func want(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// unsure is a store whose commits may not answer, before or after they happened.
type unsure struct {
	engine.Store

	mu           sync.Mutex
	before, lost int // how many commits fail before, and after they happened
	blocked      chan struct{}
}

var errGone = errors.New("connection is gone")

func (u *unsure) Commit(ctx context.Context, l engine.Lease, commits ...engine.Commit) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.blocked != nil {
		close(u.blocked)
		u.blocked = nil
		<-ctx.Done()
		return ctx.Err()
	}
	if u.before > 0 {
		u.before--
		return errGone
	}
	err := u.Store.Commit(ctx, l, commits...)
	if err == nil && u.lost > 0 {
		u.lost--
		return errGone
	}
	return err
}

func TestUnknownOutcomeOfACommit(t *testing.T) {
	t.Parallel()
	for name, store := range map[string]*unsure{
		"answers": {}, "reply lost": {lost: 1}, "never arrived": {before: 3}, "both": {before: 1, lost: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, engine.Input{}, reply)
			store.Store = r.store
			r.Store = store
			l := r.claim(t)
			for _, rec := range records("k", "k") {
				if err := r.Process(t.Context(), l, r.Core.Open(rec)); err != nil {
					t.Fatal(err)
				}
			}
			want(t, "answers", r.answers(), map[string]string{"k": "01"})
			want(t, "calls", r.seen.calls, 2)
			want(t, "next", l.Next, 2)
		})
	}
}

// TestDeathBetweenHandlerAndCommit: what a handler did is forgotten, and done again by who comes
// next, with the same ids.
func TestDeathBetweenHandlerAndCommit(t *testing.T) {
	t.Parallel()
	r := newRig(t, engine.Input{}, reply)
	blocked := make(chan struct{})
	r.Store = &unsure{Store: r.store, blocked: blocked}
	ctx, die := context.WithCancel(t.Context())
	go func() {
		<-blocked
		die()
	}()
	item := r.Core.Open(records("k")[0])
	if err := r.Process(ctx, r.claim(t), item); !errors.Is(err, context.Canceled) {
		t.Fatalf("process: %v", err)
	}
	want(t, "answers of the dead", len(r.store.Outbox()), 0)
	l := r.claim(t)
	if err := r.Process(t.Context(), l, item); err != nil {
		t.Fatal(err)
	}
	want(t, "calls", r.seen.calls, 2)
	want(t, "answers", r.answers(), map[string]string{"k": "0"})
}

func TestOvertakenProcessChangesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, engine.Input{}, reply)
	old := r.claim(t)
	recs := records("k", "k")
	if err := r.Process(t.Context(), r.claim(t), r.Core.Open(recs[0])); err != nil {
		t.Fatal(err)
	}
	for _, rec := range recs {
		if err := r.Process(t.Context(), old, r.Core.Open(rec)); !errors.Is(err, engine.ErrFenced) {
			t.Errorf("overtaken: %v", err)
		}
	}
	want(t, "answers", r.answers(), map[string]string{"k": "0"})
}

// TestConflictIsComputedAgain: a state that changed under the handler's feet is read again.
func TestConflictIsComputedAgain(t *testing.T) {
	t.Parallel()
	var r *rig
	first := true
	r = newRig(t, engine.Input{}, func(ctx context.Context, c engine.Call) engine.Outcome {
		if first {
			first = false
			other := r.Core.Open(records("k")[0])
			l, err := r.store.Claim(ctx, engine.Partition{Topic: "other"})
			if err != nil {
				return engine.Outcome{Err: err}
			}
			err = r.store.Commit(ctx, l, engine.Commit{Item: other, State: &engine.StateWrite{Key: "k", Machine: "s", Data: []byte(`"other"`)}})
			if err != nil {
				return engine.Outcome{Err: err}
			}
		}
		return engine.Outcome{State: append([]byte("["), append(c.State, ']')...)}
	})
	var err error
	r.Core, err = engine.New(engine.Config{
		Node: "shop", Inputs: []engine.Input{{Type: ask(), Class: event.Command}},
		Machine: &engine.Machine{Initial: "s", Transitions: []engine.Transition{{Input: ask(), From: []string{"s"}, To: "s"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Process(t.Context(), r.claim(t), r.Core.Open(records("k")[0])); err != nil {
		t.Fatal(err)
	}
	want(t, "state", string(r.store.State("k").Data), `["other"]`)
	want(t, "conflicts", r.seen.conflicts, 1)
}

func TestHandlersThatMisbehave(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		handle handle
		result engine.Result
	}{
		"panics": {func(context.Context, engine.Call) engine.Outcome {
			return engine.Outcome{Emissions: []engine.Emission(nil)[:1]}
		}, engine.DeadLettered},
		"takes long": {func(ctx context.Context, _ engine.Call) engine.Outcome {
			<-ctx.Done()
			return engine.Outcome{Err: ctx.Err()}
		}, engine.Retried},
		"is missing": {nil, engine.DeadLettered},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, engine.Input{Timeout: time.Millisecond, Retry: engine.RetryPolicy{Attempts: 2}}, test.handle)
			if test.handle == nil {
				r.Handlers = nil
			}
			if err := r.Process(t.Context(), r.claim(t), r.Core.Open(records("k")[0])); err != nil {
				t.Fatal(err)
			}
			want(t, "results", r.seen.results, map[engine.Result]int{test.result: 1})
		})
	}
}
