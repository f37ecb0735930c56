package delivery

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
)

const (
	defaultConcurrency = 16
	// lookAhead bounds how far an input may be handled before the first that is not done: what a key
	// that has many of them holds up.
	lookAhead = 2 * defaultConcurrency
	// turnTime is how long a turn begins more: what is handled is then committed, so that slow handlers
	// do not hold up what others have done.
	turnTime = 40 * time.Millisecond
)

// turn hands out some items to those who settle them: those of a lane one after the other, those of
// different lanes side by side, the earlier first. What is done of a turn is a run of items without a gap.
type turn struct {
	now   func() time.Time
	stop  <-chan struct{}
	until time.Time
	lanes []int // of each item

	mu      sync.Mutex
	freed   sync.Cond
	done    []bool
	taken   []bool
	busy    []bool // lanes
	first   int    // the first item that is not done
	next    int    // behind the last that was taken
	running int
	closed  bool // begins nothing behind next
	halted  bool // begins nothing
}

func newTurn(items []engine.Item, now func() time.Time, stop <-chan struct{}) *turn {
	t := &turn{
		now: now, stop: stop, until: now().Add(turnTime), lanes: engine.Lanes(items),
		done: make([]bool, len(items)), taken: make([]bool, len(items)), busy: make([]bool, len(items)),
	}
	t.freed.L = &t.mu
	return t
}

// take waits for an item that may be settled now; ok is false if there is none any more.
func (t *turn) take() (item int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for {
		if i, ok := t.startable(); ok {
			t.taken[i], t.busy[t.lanes[i]] = true, true
			t.next = max(t.next, i+1)
			t.running++
			return i, true
		}
		if t.running == 0 || t.halted {
			return 0, false
		}
		t.freed.Wait()
	}
}

// startable returns the earliest item whose lane is free. Once the turn is over, only gaps are filled.
func (t *turn) startable() (int, bool) {
	t.halted = t.halted || closed(t.stop)
	t.closed = t.closed || t.next > 0 && !t.now().Before(t.until)
	if t.halted {
		return 0, false
	}
	end := min(t.first+lookAhead, len(t.done))
	if t.closed {
		end = min(end, t.next)
	}
	for i := t.first; i < end; i++ {
		if !t.taken[i] && !t.busy[t.lanes[i]] {
			return i, true
		}
	}
	return 0, false
}

// settled gives an item back: done, or not, which ends the turn.
func (t *turn) settled(i int, done bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done[i], t.busy[t.lanes[i]] = done, false
	t.halted = t.halted || !done
	t.running--
	for t.first < len(t.done) && t.done[t.first] {
		t.first++
	}
	t.freed.Broadcast()
}

// decideEach decides items with concurrency over keys and returns the commits of those from the first
// on that were decided, before time or stop ended the turn. The error says why the next was not.
func (p *Processor) decideEach(ctx context.Context, stop <-chan struct{}, items []engine.Item) ([]engine.Commit, error) {
	views, err := p.look(ctx, items)
	if err != nil {
		return nil, err
	}
	t := newTurn(items, p.Now, stop)
	commits := make([]engine.Commit, len(items))
	errs := make([]error, len(items))
	known := make([]engine.Overlay, len(items)) // by lane
	work := func() {
		for {
			i, ok := t.take()
			if !ok {
				return
			}
			o := &known[t.lanes[i]]
			commits[i], errs[i] = p.decideOne(ctx, items[i], o.View(items[i], views[i]))
			if errs[i] == nil {
				o.Add(commits[i])
			}
			t.settled(i, errs[i] == nil)
		}
	}
	var others sync.WaitGroup
	for range min(cmp.Or(p.Concurrency, defaultConcurrency), len(items)) - 1 {
		others.Go(work)
	}
	work()
	others.Wait()
	n := t.first
	if n < len(items) {
		return slices.Clip(commits[:n]), errs[n]
	}
	return commits, nil
}
