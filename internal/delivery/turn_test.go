package delivery

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// lane watches that inputs of one key are handled one after the other and in order.
type lane struct {
	mu      sync.Mutex
	busy    map[string]bool
	order   map[string]string // payloads handled, by key
	most    int               // handled at once
	running int
	broken  []string
}

func (l *lane) begin(c engine.Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := c.Event.PartitionKey
	if l.busy[key] {
		l.broken = append(l.broken, "key "+key+" is handled twice at once")
	}
	l.busy[key] = true
	l.order[key] += string(c.Event.Data) + " "
	l.running++
	l.most = max(l.most, l.running)
}

func (l *lane) end(c engine.Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy[c.Event.PartitionKey] = false
	l.running--
}

func newLane() *lane { return &lane{busy: map[string]bool{}, order: map[string]string{}} }

// TestKeysAreHandledSideBySide: what is sent is what one input after the other would have sent, while
// keys do not wait for one another.
func TestKeysAreHandledSideBySide(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			var names []string
			sent, handled := map[string]string{}, map[string]string{}
			for i := range 400 {
				key := fmt.Sprint("k", random.IntN(30))
				names = append(names, key)
				handled[key] += fmt.Sprint(i, " ")
				sent[key] += fmt.Sprint(i)
			}
			l := newLane()
			r := newRig(t, engine.Input{}, func(ctx context.Context, c engine.Call) engine.Outcome {
				l.begin(c)
				defer l.end(c)
				time.Sleep(time.Duration(len(c.Event.Data)) * time.Millisecond)
				return reply(ctx, c)
			})
			r.dispatch(t).Deliver(partition().Topic, 0, records(names...))
			time.Sleep(time.Minute)
			synctest.Wait()
			want(t, "broken", l.broken, []string(nil))
			want(t, "order of the handlers", l.order, handled)
			want(t, "order of what is sent", r.answers(), sent)
			if l.most < 2 || l.most > defaultConcurrency {
				t.Errorf("%d inputs were handled at once", l.most)
			}
		})
	}
}

// TestSlowKeyHoldsUpNoOther: others are committed while a key that has many inputs is slow.
func TestSlowKeyHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, engine.Input{Timeout: time.Minute}, func(ctx context.Context, c engine.Call) engine.Outcome {
			if c.Event.PartitionKey == "slow" {
				time.Sleep(time.Second)
			}
			return reply(ctx, c)
		})
		names := append(keys(40), "slow")
		for i := range 40 {
			names = append(names, fmt.Sprint("l", i))
		}
		r.dispatch(t).Deliver(partition().Topic, 0, records(names...))
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		want(t, "answers", len(r.answers()), 81)
	})
}

// TestFailureInsideACommit: those after a failed input wait behind it if they have its key, and are
// committed with it if not.
func TestFailureInsideACommit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var failures atomic.Int64
		r := newRig(t, engine.Input{Retry: engine.RetryPolicy{Attempts: 3}}, func(ctx context.Context, c engine.Call) engine.Outcome {
			if string(c.Event.Data) == "1" && failures.Add(1) == 1 {
				return engine.Outcome{Err: errors.New("not now")}
			}
			return reply(ctx, c)
		})
		store := r.counts()
		d := r.dispatch(t)
		synctest.Wait()
		d.Deliver(partition().Topic, 0, records("a", "b", "b", "a", "c", "b"))
		synctest.Wait()
		want(t, "commits", store.sizes(), []int{6})
		want(t, "answers before the retry", r.answers(), map[string]string{"a": "03", "c": "4"})
		time.Sleep(10 * time.Second)
		synctest.Wait()
		want(t, "answers", r.answers(), map[string]string{"a": "03", "b": "125", "c": "4"})
	})
}

// folding is a reducer whose state is the list of what it was given.
func folding(t *testing.T) *rig {
	t.Helper()
	r := newRig(t, engine.Input{}, func(_ context.Context, c engine.Call) engine.Outcome {
		return engine.Outcome{State: append(append([]byte{}, c.State...), c.Event.Data...)}
	})
	var err error
	r.Core, err = engine.New(engine.Config{
		Node: "shop", Inputs: []engine.Input{{Type: ask(), Class: event.Command}},
		Machine: &engine.Machine{Initial: "s", Transitions: []engine.Transition{{Input: ask(), From: []string{"s"}, To: "s"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestStatesFollowOneAnotherInOneCommit: an input sees the state that the one before it left.
func TestStatesFollowOneAnotherInOneCommit(t *testing.T) {
	t.Parallel()
	r := folding(t)
	store := r.counts()
	items := r.open(records("a", "b", "a", "a", "b"))
	n, err := r.Advance(t.Context(), r.claim(t), nil, items)
	want(t, "settled", fmt.Sprint(n, err), "5 <nil>")
	want(t, "commits", store.sizes(), []int{5})
	want(t, "states", string(r.store.State("a").Data)+" "+string(r.store.State("b").Data), "023 14")
	want(t, "version", r.store.State("a").Version, 3)
}

// TestConflictOfMany: if a state changed meanwhile, fewer are settled together, and none is lost.
func TestConflictOfMany(t *testing.T) {
	t.Parallel()
	r := folding(t)
	l, err := r.store.Claim(t.Context(), engine.Partition{Topic: "other"})
	if err != nil {
		t.Fatal(err)
	}
	items := r.open(records("a", "b", "a"))
	fold := r.Handlers[ask()]
	var once sync.Once
	r.Handlers[ask()] = func(ctx context.Context, c engine.Call) engine.Outcome {
		once.Do(func() {
			other := engine.Commit{Item: items[0], State: &engine.StateWrite{Key: "a", Machine: "s", Data: []byte("9")}}
			if err := r.store.Commit(ctx, l, other); err != nil {
				t.Error(err)
			}
		})
		return fold(ctx, c)
	}
	mine := r.claim(t)
	n, err := r.Advance(t.Context(), mine, nil, items)
	want(t, "settled at first", fmt.Sprint(n, err), "1 <nil>")
	n, err = r.Advance(t.Context(), mine, nil, items[n:])
	want(t, "settled then", fmt.Sprint(n, err), "2 <nil>")
	want(t, "states", string(r.store.State("a").Data)+" "+string(r.store.State("b").Data), "902 1")
}

// TestStopInTheMiddle: what was handled from the first on is committed, nothing more is begun.
func TestStopInTheMiddle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		r := newRig(t, engine.Input{Timeout: time.Minute}, func(ctx context.Context, c engine.Call) engine.Outcome {
			calls.Add(1)
			time.Sleep(time.Second)
			return reply(ctx, c)
		})
		d := r.dispatch(t)
		d.Deliver(partition().Topic, 0, records(keys(100)...))
		time.Sleep(500 * time.Millisecond)
		next, ok := d.Revoke(partition().Topic, 0)
		want(t, "position", fmt.Sprint(next, ok), fmt.Sprint(defaultConcurrency, true))
		want(t, "answers", len(r.answers()), defaultConcurrency)
		want(t, "calls", calls.Load(), defaultConcurrency)
	})
}

func (r *rig) open(records []engine.Record) []engine.Item {
	items := make([]engine.Item, 0, len(records))
	for _, rec := range records {
		items = append(items, r.Core.Open(rec))
	}
	return items
}

// TestRetriesHoldUpNoOther: while attempts at some parked records take long, other keys are handled,
// and other parked records as well.
func TestRetriesHoldUpNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, engine.Input{Timeout: time.Hour, Retry: engine.RetryPolicy{Attempts: 3, First: time.Second}},
			func(ctx context.Context, c engine.Call) engine.Outcome {
				switch key := c.Event.PartitionKey; {
				case c.Attempt == 1 && key != "healthy":
					return engine.Outcome{Err: errors.New("not yet")}
				case key == "slow":
					time.Sleep(time.Minute)
				}
				return reply(ctx, c)
			})
		d := r.dispatch(t)
		recs := records("slow", "slow", "once", "once", "healthy")
		d.Deliver(partition().Topic, 0, recs[:4])
		time.Sleep(10 * time.Second)
		d.Deliver(partition().Topic, 0, recs[4:])
		time.Sleep(time.Second)
		synctest.Wait()
		want(t, "answers while an attempt is slow", r.answers(), map[string]string{"once": "23", "healthy": "4"})
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		want(t, "answers", r.answers(), map[string]string{"slow": "01", "once": "23", "healthy": "4"})
	})
}

// TestParkedKeyIsSettledTogether: what waits behind a parked record needs no transaction of its own, as
// far as the next that fails, and keeps its order.
func TestParkedKeyIsSettledTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fails := map[string]bool{"0": true, "5": true}
		r := newRig(t, engine.Input{Retry: engine.RetryPolicy{Attempts: 3, First: time.Second}},
			func(ctx context.Context, c engine.Call) engine.Outcome {
				if fails[string(c.Event.Data)] {
					delete(fails, string(c.Event.Data))
					return engine.Outcome{Err: errors.New("not yet")}
				}
				return reply(ctx, c)
			})
		store := r.counts()
		r.dispatch(t).Deliver(partition().Topic, 0, records(slices.Repeat([]string{"k"}, 10)...))
		time.Sleep(time.Minute)
		synctest.Wait()
		want(t, "answers", r.answers(), map[string]string{"k": "0123456789"})
		want(t, "commits", store.sizes(), []int{10, 6, 5})
	})
}
