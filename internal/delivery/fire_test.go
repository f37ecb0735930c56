package delivery

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// refusing counts the commits of timers, and refuses those of some keys until they come alone, as if the state of a key
// had changed.
type refusing struct {
	engine.Store

	mu      sync.Mutex
	sizes   []int
	refused map[string]bool // keys whose next commit is refused
}

func (c *refusing) Commit(ctx context.Context, l engine.Lease, commits ...engine.Commit) error {
	c.mu.Lock()
	for _, one := range commits {
		if one.Item.Timer != nil && c.refused[one.Item.StateKey] {
			if len(commits) == 1 {
				delete(c.refused, one.Item.StateKey)
			}
			c.mu.Unlock()
			return engine.ErrConflict
		}
	}
	if commits[0].Item.Timer != nil {
		c.sizes = append(c.sizes, len(commits))
	}
	c.mu.Unlock()
	return c.Store.Commit(ctx, l, commits...)
}

// timed returns a rig with a timer of each key, all due, and a store that refuses.
func timed(t *testing.T, keys int) (*rig, *refusing) {
	t.Helper()
	r := newRig(t, engine.Input{}, func(_ context.Context, c engine.Call) engine.Outcome {
		if c.Timer == "" {
			return engine.Outcome{State: []byte(`{}`), Timers: []engine.Timer{{Name: "t"}}}
		}
		out := reply(t.Context(), c)
		out.State, out.Emissions[0].Data = []byte(`{"done":true}`), []byte(`1`)
		return out
	})
	var err error
	r.Core, err = engine.New(engine.Config{
		Node: "shop", Workflow: ask(), Inputs: []engine.Input{{Type: ask(), Class: event.Command}}, Outputs: []event.Ref{answer()},
	})
	if err != nil {
		t.Fatal(err)
	}
	c := &refusing{Store: r.store, refused: map[string]bool{}}
	r.Store = c
	names := make([]string, keys)
	for i := range names {
		names[i] = fmt.Sprint("k", i)
	}
	l := r.claim(t)
	for _, rec := range records(names...) {
		if err := r.Process(t.Context(), l, r.Core.Open(rec)); err != nil {
			t.Fatal(err)
		}
	}
	return r, c
}

func (r *rig) firedItems(t *testing.T) []engine.Item {
	t.Helper()
	due, err := r.Store.DueTimers(t.Context(), time.Now().Add(time.Second), timerBatch)
	if err != nil {
		t.Fatal(err)
	}
	items := make([]engine.Item, 0, len(due))
	for _, f := range due {
		items = append(items, r.Core.Fire(f))
	}
	return items
}

// TestTimersFireTogether: what is due of many instances is settled by few commits.
func TestTimersFireTogether(t *testing.T) {
	t.Parallel()
	r, c := timed(t, 200)
	if err := r.fire(t.Context(), nil, r.firedItems(t)); err != nil {
		t.Fatal(err)
	}
	want(t, "answers", len(r.answers()), 200)
	if len(c.sizes) > 20 { // a turn may end by time
		t.Errorf("%d commits of %v timers", len(c.sizes), c.sizes)
	}
}

// TestTimersThatCannotFireTogether: an instance that changed meanwhile is tried again, and holds up
// neither the others nor makes any of them fire twice.
func TestTimersThatCannotFireTogether(t *testing.T) {
	t.Parallel()
	r, c := timed(t, 50)
	c.refused = map[string]bool{"k7": true, "k8": true, "k31": true}
	items := r.firedItems(t)
	gone := items[20]
	if err := r.store.Commit(t.Context(), engine.Lease{}, engine.Commit{Item: gone}); err != nil { // another process settled it
		t.Fatal(err)
	}
	if err := r.fire(t.Context(), nil, items); err != nil {
		t.Fatal(err)
	}
	got := r.answers()
	want(t, "answers", len(got), 49)
	for key, said := range got {
		want(t, "answers of "+key, said, "1")
	}
	want(t, "answer of the one that was gone", got[gone.StateKey], "")
	want(t, "left", len(r.firedItems(t)), 0)
}

// TestTimersThatAreCutOff: a process that is told to stop leaves the rest to others.
func TestTimersThatAreCutOff(t *testing.T) {
	t.Parallel()
	r, _ := timed(t, 5)
	stop := make(chan struct{})
	close(stop)
	if err := r.fire(t.Context(), stop, r.firedItems(t)); err != nil {
		t.Fatal(err)
	}
	want(t, "left", len(r.firedItems(t)), 5)
}

// TestUnavailable: what says nothing about an input is tried again and counts as no attempt.
func TestUnavailable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		r := newRig(t, engine.Input{}, func(ctx context.Context, c engine.Call) engine.Outcome {
			if calls++; calls < 5 {
				return engine.Outcome{Err: engine.Unavailable(errors.New("no definition"))}
			}
			return reply(ctx, c)
		})
		if err := r.Process(t.Context(), r.claim(t), r.Core.Open(records("k")[0])); err != nil {
			t.Fatal(err)
		}
		want(t, "answers", r.answers(), map[string]string{"k": "0"})
		want(t, "results", r.seen.results, map[engine.Result]int{engine.Handled: 1})
	})
}
