package delivery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
)

// calls remembers what a batched handler was given, one text per call.
type calls struct {
	mu   sync.Mutex
	list []string
}

func (c *calls) add(call string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, call)
}

func (c *calls) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.list, " ")
}

// replies answers each input of a batch; fails says which inputs fail it, by payload.
func replies(seen *calls, fails func(data string) error) handle {
	return func(ctx context.Context, c engine.Call) engine.Outcome {
		var given []string
		var outcomes []engine.Outcome
		var failed error
		for _, one := range append([]engine.Call{c}, c.Rest...) {
			given = append(given, string(one.Event.Data))
			outcomes = append(outcomes, reply(ctx, one))
			failed = errors.Join(failed, fails(string(one.Event.Data)))
		}
		seen.add(strings.Join(given, ","))
		if failed != nil {
			return engine.Outcome{Err: failed}
		}
		out := outcomes[0]
		out.Rest = outcomes[1:]
		return out
	}
}

func never(string) error { return nil }

// counting counts the transactions of a store.
type counting struct {
	engine.Store

	mu      sync.Mutex
	commits []int // how many records each held
}

func (c *counting) sizes() []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.commits)
}

func (c *counting) Commit(ctx context.Context, l engine.Lease, commits ...engine.Commit) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.commits = append(c.commits, len(commits))
	return c.Store.Commit(ctx, l, commits...)
}

func (r *rig) counts() *counting {
	c := &counting{Store: r.store}
	r.Store = c
	return c
}

// dispatch claims the partition and returns how to deliver to it; everything ends with the test.
func (r *rig) dispatch(t *testing.T) *Dispatcher {
	t.Helper()
	d := NewDispatcher(r.Processor, false)
	r.Committed = d.Committed
	ctx, stop := context.WithCancel(t.Context())
	if _, err := d.Claim(ctx, ctx, partition(), func(bool) {}); err != nil {
		t.Fatal(err)
	}
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		d.Watch(ctx, ctx)
	}()
	t.Cleanup(func() {
		d.Revoke(partition().Topic, 0)
		stop()
		<-watched
	})
	return d
}

func keys(n int) []string {
	list := make([]string, 0, n)
	for i := range n {
		list = append(list, fmt.Sprint("k", i))
	}
	return list
}

// TestBatchSizes: what is there is taken at once, up to the size, and settled in one transaction.
func TestBatchSizes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var seen calls
		r := newRig(t, engine.Input{Batch: engine.Batch{Size: 3}}, replies(&seen, never))
		store := r.counts()
		d := r.dispatch(t)
		synctest.Wait()
		d.Deliver(partition().Topic, 0, records(keys(7)...))
		synctest.Wait()
		want(t, "calls", seen.String(), "0,1,2 3,4,5 6")
		want(t, "records of each transaction", store.sizes(), []int{3, 3, 1})
		want(t, "results", r.seen.results, map[engine.Result]int{engine.Handled: 7})
		want(t, "next", d.Positions()[partition().Topic][0], 7)
	})
}

// TestBatchWaits: a batch that is not whole waits for more, as long as declared and no longer.
func TestBatchWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var seen calls
		r := newRig(t, engine.Input{Batch: engine.Batch{Size: 3, Wait: 50 * time.Millisecond}}, replies(&seen, never))
		d := r.dispatch(t)
		recs := records(keys(6)...)
		d.Deliver(partition().Topic, 0, recs[:1])
		time.Sleep(30 * time.Millisecond)
		d.Deliver(partition().Topic, 0, recs[1:2])
		time.Sleep(19 * time.Millisecond)
		synctest.Wait()
		want(t, "calls before the wait is over", seen.String(), "")
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		want(t, "calls after it", seen.String(), "0,1")
		d.Deliver(partition().Topic, 0, recs[2:5])
		synctest.Wait()
		want(t, "calls with a whole batch", seen.String(), "0,1 2,3,4")
		d.Deliver(partition().Topic, 0, recs[5:])
		synctest.Wait()
		d.Revoke(partition().Topic, 0)
		want(t, "calls of who is told to stop while it waits", seen.String(), "0,1 2,3,4")
	})
}

// TestBatchIsWholeWhilePaused: a partition that is paused is resumed before a batch waits in vain.
func TestBatchIsWholeWhilePaused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var seen calls
		r := newRig(t, engine.Input{Batch: engine.Batch{Size: queueFull, Wait: time.Hour}}, replies(&seen, never))
		var mu sync.Mutex
		var flow []bool
		d := NewDispatcher(r.Processor, false)
		if _, err := d.Claim(t.Context(), t.Context(), partition(), func(full bool) {
			mu.Lock()
			defer mu.Unlock()
			flow = append(flow, full)
		}); err != nil {
			t.Fatal(err)
		}
		d.Deliver(partition().Topic, 0, records(keys(queueFull+300)...))
		synctest.Wait()
		mu.Lock()
		want(t, "flow", flow, []bool{true, false})
		mu.Unlock()
		want(t, "answers", len(r.store.Outbox()), queueFull)
		d.Revoke(partition().Topic, 0)
	})
}

// TestBatchFails: one input that fails costs the others nothing but a second call, alone, and is itself
// tried as its policy says. What is behind it waits for it.
func TestBatchFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var seen calls
		r := newRig(t, engine.Input{Batch: engine.Batch{Size: 4}, Retry: engine.RetryPolicy{Attempts: 2, First: time.Second}},
			replies(&seen, func(data string) error {
				if data == "1" {
					return errors.New("not this one")
				}
				return nil
			}))
		d := r.dispatch(t)
		d.Deliver(partition().Topic, 0, records("a", "b", "a", "b", "c"))
		synctest.Wait()
		want(t, "calls at first", seen.String(), "0,1,2,3 0 1 2 4")
		time.Sleep(time.Minute)
		synctest.Wait()
		want(t, "calls", seen.String(), "0,1,2,3 0 1 2 4 1 3")
		want(t, "answers", r.answers(), map[string]string{"a": "02", "b": "3", "c": "4"})
		want(t, "results", r.seen.results, map[engine.Result]int{
			engine.Handled: 4, engine.Retried: 1, engine.Waiting: 1, engine.DeadLettered: 1,
		})
	})
}

// TestBatchWithDuplicatesAndPoison: the handler gets what is to be handled and nothing else.
func TestBatchWithDuplicatesAndPoison(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var seen calls
		r := newRig(t, engine.Input{Batch: engine.Batch{Size: 10}}, replies(&seen, never))
		d := r.dispatch(t)
		recs := records(keys(5)...)
		recs[1].Headers = nil                                // no envelope
		recs[3].Headers, recs[3].Key = recs[0].Headers, "k0" // the first again
		recs[3].Value = recs[0].Value
		d.Deliver(partition().Topic, 0, slices.Concat(recs, recs))
		synctest.Wait()
		want(t, "calls", seen.String(), "0,2 4")
		want(t, "results", r.seen.results, map[engine.Result]int{engine.Handled: 3, engine.Duplicate: 1, engine.DeadLettered: 1})
		want(t, "next", d.Positions()[partition().Topic][0], 5)
	})
}

// TestDeathBetweenBatchAndCommit: nothing of a batch is kept, all of it is handled again with the same
// keys and the same ids of what it emits.
func TestDeathBetweenBatchAndCommit(t *testing.T) {
	t.Parallel()
	var seen calls
	var keys []string
	r := newRig(t, engine.Input{Batch: engine.Batch{Size: 3}}, func(ctx context.Context, c engine.Call) engine.Outcome {
		for _, one := range append([]engine.Call{c}, c.Rest...) {
			keys = append(keys, one.IdempotencyKey)
		}
		return replies(&seen, never)(ctx, c)
	})
	blocked := make(chan struct{})
	r.Store = &unsure{Store: r.store, blocked: blocked}
	ctx, die := context.WithCancel(t.Context())
	go func() {
		<-blocked
		die()
	}()
	var items []engine.Item
	for _, rec := range records("a", "b", "a") {
		items = append(items, r.Core.Open(rec))
	}
	if err := r.Process(ctx, r.claim(t), items...); !errors.Is(err, context.Canceled) {
		t.Fatalf("process: %v", err)
	}
	want(t, "answers of the dead", len(r.store.Outbox()), 0)
	l := r.claim(t)
	want(t, "next after the death", l.Next, 0)
	if err := r.Process(t.Context(), l, items...); err != nil {
		t.Fatal(err)
	}
	want(t, "calls", seen.String(), "0,1,2 0,1,2")
	want(t, "keys of the second call", keys[3:], keys[:3])
	want(t, "answers", r.answers(), map[string]string{"a": "02", "b": "1"})
	want(t, "next", l.Next, 3)
}

// TestUnknownOutcomeOfABatch: a commit that may have happened is neither lost nor done twice.
func TestUnknownOutcomeOfABatch(t *testing.T) {
	t.Parallel()
	var seen calls
	r := newRig(t, engine.Input{Batch: engine.Batch{Size: 2}}, replies(&seen, never))
	r.Store = &unsure{Store: r.store, before: 1, lost: 1}
	l := r.claim(t)
	recs := records("a", "b")
	if err := r.Process(t.Context(), l, r.Core.Open(recs[0]), r.Core.Open(recs[1])); err != nil {
		t.Fatal(err)
	}
	want(t, "calls", seen.String(), "0,1")
	want(t, "answers", r.answers(), map[string]string{"a": "0", "b": "1"})
	want(t, "next", l.Next, 2)
}
