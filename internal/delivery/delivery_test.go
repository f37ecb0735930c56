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
	"testing/synctest"
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

func (u *unsure) Commit(ctx context.Context, l engine.Lease, c engine.Commit) error {
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
	err := u.Store.Commit(ctx, l, c)
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

// TestDispatcher: parked records come back in their order while other keys go on, on virtual time.
func TestDispatcher(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fails := map[string]int{"0": 2, "2": 9}
		r := newRig(t, engine.Input{Retry: engine.RetryPolicy{Attempts: 3, First: time.Second, Max: time.Minute}},
			func(ctx context.Context, c engine.Call) engine.Outcome {
				if fails[string(c.Event.Data)] > 0 {
					fails[string(c.Event.Data)]--
					return engine.Outcome{Err: errors.New("not yet")}
				}
				return reply(ctx, c)
			})
		d := NewDispatcher(r.Processor, false)
		r.Committed = d.Committed
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		next, err := d.Claim(ctx, ctx, partition(), func(bool) {})
		if err != nil || next != 0 {
			t.Fatal(next, err)
		}
		watched := make(chan struct{})
		go func() {
			defer close(watched)
			d.Watch(ctx, ctx)
		}()
		recs := records("a", "b", "a", "a", "b")
		d.Deliver(partition().Topic, 0, recs)
		d.Deliver("another topic", 0, recs)
		synctest.Wait()
		want(t, "answers at first", r.answers(), map[string]string{"b": "14"})
		want(t, "positions", d.Positions(), map[string]map[int32]int64{partition().Topic: {0: 5}})
		time.Sleep(time.Minute)
		synctest.Wait()
		want(t, "answers", r.answers(), map[string]string{"a": "03", "b": "14"})
		want(t, "results", r.seen.results, map[engine.Result]int{
			engine.Handled: 4, engine.Retried: 4, engine.Waiting: 2, engine.DeadLettered: 1,
		})
		if at, ok := d.Revoke(partition().Topic, 0); at != 5 || !ok {
			t.Errorf("revoked at %d, %t", at, ok)
		}
		stop()
		<-watched
	})
}

// TestDispatcherTakesParkedRecordsOver: what an earlier owner parked is found by the next one.
func TestDispatcherTakesParkedRecordsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		broken := true
		r := newRig(t, engine.Input{Retry: engine.RetryPolicy{Attempts: 2, First: time.Second}}, func(ctx context.Context, c engine.Call) engine.Outcome {
			if broken {
				return engine.Outcome{Err: errors.New("not yet")}
			}
			return reply(ctx, c)
		})
		if err := r.Process(t.Context(), r.claim(t), r.Core.Open(records("k")[0])); err != nil {
			t.Fatal(err)
		}
		broken = false
		time.Sleep(time.Hour)
		d := NewDispatcher(r.Processor, false)
		if _, err := d.Claim(t.Context(), t.Context(), partition(), func(bool) {}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		want(t, "answers", r.answers(), map[string]string{"k": "0"})
		d.Revoke(partition().Topic, 0)
	})
}

func TestLostClaimIsReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, engine.Input{}, reply)
		d := NewDispatcher(r.Processor, false)
		if _, err := d.Claim(t.Context(), t.Context(), partition(), func(bool) {}); err != nil {
			t.Fatal(err)
		}
		r.claim(t)
		d.Deliver(partition().Topic, 0, records("k"))
		if err := <-d.Lost(); !errors.Is(err, engine.ErrFenced) {
			t.Errorf("lost: %v", err)
		}
		want(t, "answers", len(r.store.Outbox()), 0)
		d.Revoke(partition().Topic, 0)
	})
}

func TestFullQueuePausesThePartition(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		r := newRig(t, engine.Input{Timeout: time.Hour}, func(ctx context.Context, c engine.Call) engine.Outcome {
			<-gate
			return reply(ctx, c)
		})
		d := NewDispatcher(r.Processor, false)
		var flow []bool
		if _, err := d.Claim(t.Context(), t.Context(), partition(), func(full bool) { flow = append(flow, full) }); err != nil {
			t.Fatal(err)
		}
		d.Deliver(partition().Topic, 0, records(slices.Repeat([]string{"k"}, queueFull+10)...))
		synctest.Wait()
		want(t, "flow while full", flow, []bool{true})
		close(gate)
		synctest.Wait()
		want(t, "flow in the end", flow, []bool{true, false})
		want(t, "answers", len(r.store.Outbox()), queueFull+10)
		d.Revoke(partition().Topic, 0)
	})
}

func TestTimersFire(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := event.MustRef("shop/ask.v1")
		var fired []string
		r := newRig(t, engine.Input{}, func(_ context.Context, c engine.Call) engine.Outcome {
			if c.Timer == "" {
				return engine.Outcome{State: []byte(`{}`), Timers: []engine.Timer{{Name: "t", After: time.Minute}, {Name: "u", After: time.Hour}}}
			}
			fired = append(fired, fmt.Sprint(c.Timer, c.Attempt))
			if c.Attempt < 3 {
				return engine.Outcome{Err: errors.New("not yet")}
			}
			return engine.Outcome{State: []byte(`{"done":true}`)}
		})
		var err error
		r.Core, err = engine.New(engine.Config{Node: "shop", Workflow: start, Inputs: []engine.Input{{Type: start, Class: event.Command}}})
		if err != nil {
			t.Fatal(err)
		}
		d := NewDispatcher(r.Processor, true)
		r.Committed = d.Committed
		ctx, stop := context.WithCancel(t.Context())
		watched := make(chan struct{})
		go func() {
			defer close(watched)
			d.Watch(ctx, ctx)
		}()
		if err := r.Process(ctx, r.claim(t), r.Core.Open(records("k")[0])); err != nil {
			t.Fatal(err)
		}
		time.Sleep(59 * time.Second)
		synctest.Wait()
		want(t, "fired early", len(fired), 0)
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		want(t, "fired", fired, []string{"t1", "t2", "t3"})
		want(t, "state", string(r.store.State("k").Data), `{"done":true}`)
		stop()
		<-watched
	})
}

// shelf is an outbox in memory whose broker may refuse keys.
type shelf struct {
	mu      sync.Mutex
	queued  []engine.Queued
	last    int64
	refuses map[string]int // by key: how often
	sent    []string
	busy    chan struct{} // another process leads until it is closed
}

func (s *shelf) Lead(ctx context.Context, f func(context.Context, engine.Queue) error) error {
	if s.busy != nil {
		select {
		case <-s.busy:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return f(ctx, s)
}

func (s *shelf) Next(_ context.Context, limit int) ([]engine.Queued, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.queued[:min(limit, len(s.queued))]), nil
}

func (s *shelf) Delete(_ context.Context, ids []int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queued = slices.DeleteFunc(s.queued, func(q engine.Queued) bool { return slices.Contains(ids, q.ID) })
	return nil
}

func (s *shelf) Wait(ctx context.Context, wake <-chan struct{}, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-wake:
	case <-time.After(d):
	}
	return nil
}

func (s *shelf) produce(_ context.Context, records []engine.Outgoing) []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	errs := make([]error, len(records))
	for i, r := range records {
		if s.refuses[r.Key] > 0 {
			s.refuses[r.Key]--
			errs[i] = errors.New("too large")
			continue
		}
		s.sent = append(s.sent, r.Key+string(r.Value))
	}
	return errs
}

func (s *shelf) put(key, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	s.queued = append(s.queued, engine.Queued{ID: s.last, Record: engine.Outgoing{Topic: "t", Key: key, Value: []byte(value)}})
}

// TestRelay: a record the broker refuses holds back its key and no other; stop drains.
func TestRelay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{refuses: map[string]int{"a": 5}}
		s.put("a", "0")
		s.put("b", "1")
		r := NewRelay(s, s.produce, slog.New(slog.DiscardHandler))
		stop := make(chan struct{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.Run(t.Context(), stop)
		}()
		synctest.Wait()
		s.put("a", "2")
		s.put("b", "3")
		time.Sleep(time.Minute)
		synctest.Wait()
		want(t, "sent", s.sent, []string{"b1", "b3", "a0", "a2"})
		want(t, "left", len(s.queued), 0)
		s.put("c", "4")
		close(stop)
		<-done
		want(t, "left after stop", len(s.queued), 0)
	})
}

func TestRelayOnStandbyEndsWhenTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := NewRelay(&shelf{busy: make(chan struct{})}, nil, slog.New(slog.DiscardHandler))
		stop := make(chan struct{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.Run(t.Context(), stop)
		}()
		synctest.Wait()
		close(stop)
		<-done
	})
}

func TestTransform(t *testing.T) {
	t.Parallel()
	r := newRig(t, engine.Input{}, func(ctx context.Context, c engine.Call) engine.Outcome {
		if string(c.Event.Data) == "1" {
			return engine.Outcome{Err: errors.New("no")}
		}
		return reply(ctx, c)
	})
	r.Store = nil
	out, done, err := r.Transform(t.Context(), records("a", "b", "c"))
	if err != nil {
		t.Fatal(err)
	}
	var topics []string
	for _, o := range out {
		topics = append(topics, o.Topic)
	}
	want(t, "topics", topics, []string{"onex.evt.shop.answer.v1", "onex.dlq.shop.ask.v1", "onex.evt.shop.answer.v1"})
	want(t, "settled before the commit", len(r.seen.results), 0)
	done()
	want(t, "settled", r.seen.results, map[engine.Result]int{engine.Handled: 2, engine.DeadLettered: 1})
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, _, err := r.Transform(ctx, records("a")); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}
