package delivery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

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
		var mu sync.Mutex
		var fired []string
		soFar := func() []string {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(fired)
		}
		r := newRig(t, engine.Input{}, func(_ context.Context, c engine.Call) engine.Outcome {
			if c.Timer == "" {
				return engine.Outcome{State: []byte(`{}`), Timers: []engine.Timer{{Name: "t", After: time.Minute}, {Name: "u", After: time.Hour}}}
			}
			mu.Lock()
			defer mu.Unlock()
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
		want(t, "fired early", len(soFar()), 0)
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		want(t, "fired", soFar(), []string{"t1", "t2", "t3"})
		want(t, "state", string(r.store.State("k").Data), `{"done":true}`)
		stop()
		<-watched
	})
}

// TestEachRetryIsOnTime: not only the one that is due first.
func TestEachRetryIsOnTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		late := map[string]time.Duration{}
		start := time.Now()
		r := newRig(t, engine.Input{Retry: engine.RetryPolicy{Attempts: 2}}, func(ctx context.Context, c engine.Call) engine.Outcome {
			mu.Lock()
			defer mu.Unlock()
			after := time.Duration(len(c.Event.PartitionKey)) * 300 * time.Millisecond
			if c.Attempt == 1 {
				return engine.Outcome{Err: engine.RetryAfter(after, errors.New("not yet"))}
			}
			late[c.Event.PartitionKey] = time.Since(start) - after
			return reply(ctx, c)
		})
		r.dispatch(t).Deliver(partition().Topic, 0, records("a", "bb", "cccc"))
		time.Sleep(time.Minute)
		synctest.Wait()
		want(t, "retried", len(late), 3)
		for key, d := range late {
			if d < 0 || d > 2*dueGap {
				t.Errorf("key %s: the retry was %s late", key, d)
			}
		}
	})
}
