package delivery

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
)

// outage is a handler whose world is down for a while.
type outage struct {
	down  atomic.Bool
	calls atomic.Int64
	last  atomic.Int64 // attempt of the last call
	fail  error
}

func (o *outage) handle(ctx context.Context, c engine.Call) engine.Outcome {
	o.calls.Add(1)
	o.last.Store(int64(c.Attempt))
	if o.down.Load() {
		return engine.Outcome{Err: o.fail}
	}
	return reply(ctx, c)
}

func guarded(t *testing.T, o *outage, failures int) *rig {
	t.Helper()
	in := engine.Input{
		Type: ask(), Breaker: engine.Breaker{Failures: failures, Open: 30 * time.Second},
		Retry: engine.RetryPolicy{Attempts: 3, First: time.Second, Max: time.Second},
	}
	r := newRig(t, in, o.handle)
	r.Breakers = NewBreakers([]engine.Input{in}, r.seen, r.Log)
	r.Concurrency = 1 // several that are attempted at once would fail at once
	return r
}

// TestBreaker: after a row of failures over several keys nothing is attempted until it is time for a
// probe; while it is open no input loses an attempt, and afterwards all of them are handled.
func TestBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &outage{fail: errors.New("gateway is down")}
		o.down.Store(true)
		r := guarded(t, o, 3)
		d := r.dispatch(t)
		d.Deliver(partition().Topic, 0, records(keys(8)...))
		synctest.Wait()
		want(t, "calls until it opens", o.calls.Load(), 3)
		time.Sleep(29 * time.Second)
		synctest.Wait()
		want(t, "calls while it is open", o.calls.Load(), 3)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		want(t, "calls with the probe", o.calls.Load(), 4)
		if n := o.last.Load(); n > 2 {
			t.Errorf("attempt of the probe: %d, although nothing was attempted while it was open", n)
		}
		o.down.Store(false)
		time.Sleep(31 * time.Second)
		synctest.Wait()
		want(t, "states", r.seen.states(), []string{"closed", "open", "half-open", "open", "half-open", "closed"})
		want(t, "results", r.seen.results, map[engine.Result]int{engine.Retried: 4, engine.Handled: 8})
	})
}

// TestBreakerProbesOnce: of two partitions only one attempts the probe, and both go on after it.
func TestBreakerProbesOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &outage{fail: errors.New("gateway is down")}
		o.down.Store(true)
		r := guarded(t, o, 1)
		gate := make(chan struct{})
		r.Handlers[ask()] = func(ctx context.Context, c engine.Call) engine.Outcome {
			if !o.down.Load() {
				<-gate
			}
			return o.handle(ctx, c)
		}
		d := r.dispatch(t)
		other := partition()
		other.Number = 1
		if _, err := d.Claim(t.Context(), t.Context(), other, func(bool) {}); err != nil {
			t.Fatal(err)
		}
		recs := records(keys(6)...)
		d.Deliver(partition().Topic, 0, recs[:3])
		synctest.Wait()
		for i := range 3 {
			recs[3+i].Partition, recs[3+i].Offset = 1, int64(i)
		}
		d.Deliver(partition().Topic, 1, recs[3:])
		synctest.Wait()
		want(t, "calls until it opens", o.calls.Load(), 1)
		o.down.Store(false)
		time.Sleep(31 * time.Second)
		synctest.Wait()
		want(t, "calls that ended while one probes", o.calls.Load(), 1)
		close(gate)
		time.Sleep(time.Minute)
		synctest.Wait()
		want(t, "calls", o.calls.Load(), 7)
		want(t, "states", r.seen.states(), []string{"closed", "open", "half-open", "closed"})
		d.Revoke(other.Topic, 1)
	})
}

// TestBreakerIgnoresWhatIsFinal: errors that say something about the input say nothing about the world.
func TestBreakerIgnoresWhatIsFinal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &outage{fail: engine.Permanent(errors.New("no such card"))}
		o.down.Store(true)
		r := guarded(t, o, 2)
		d := r.dispatch(t)
		d.Deliver(partition().Topic, 0, records(keys(5)...))
		synctest.Wait()
		want(t, "calls", o.calls.Load(), 5)
		want(t, "states", r.seen.states(), []string{"closed"})
	})
}

type unreadable struct{ error }

func (unreadable) DeadLetterClass() engine.Class { return engine.Invalid }

// TestBreakerIsNotClosedByPoison: a payload that never reached the world is no probe.
func TestBreakerIsNotClosedByPoison(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		down := errors.New("gateway is down")
		r := guarded(t, &outage{}, 1)
		answers := []error{down, unreadable{errors.New("poison")}, down, nil, nil}
		var at int
		r.Handlers[ask()] = func(ctx context.Context, c engine.Call) engine.Outcome {
			err := answers[at]
			at++
			if err != nil {
				return engine.Outcome{Err: err}
			}
			return reply(ctx, c)
		}
		d := r.dispatch(t)
		recs := records(keys(3)...)
		recs[2].Key = recs[1].Key
		d.Deliver(partition().Topic, 0, recs[:2])
		time.Sleep(31 * time.Second) // the first again is the poison here, whichever record it is
		synctest.Wait()
		want(t, "states", r.seen.states(), []string{"closed", "open", "half-open", "open"})
		time.Sleep(31 * time.Second)
		synctest.Wait()
		want(t, "states", r.seen.states(), []string{"closed", "open", "half-open", "open", "half-open", "closed"})
	})
}

// TestBreakerLetsGo: a partition is given up at once although its breaker is open, with nothing lost.
func TestBreakerLetsGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &outage{fail: errors.New("gateway is down")}
		o.down.Store(true)
		r := guarded(t, o, 1)
		d := r.dispatch(t)
		d.Deliver(partition().Topic, 0, records(keys(3)...))
		synctest.Wait()
		before := time.Now()
		next, ok := d.Revoke(partition().Topic, 0)
		want(t, "position", next, 1)
		want(t, "revoked", ok, true)
		want(t, "time it took", time.Since(before), time.Duration(0))
	})
}

// TestBreakerCountsABatchOnce: a batch that fails is one failure, and each input alone another.
func TestBreakerCountsABatchOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var seen calls
		in := engine.Input{
			Type: ask(), Batch: engine.Batch{Size: 5}, Breaker: engine.Breaker{Failures: 3, Open: time.Minute},
			Retry: engine.RetryPolicy{Attempts: 3, First: time.Second},
		}
		var down atomic.Bool
		down.Store(true)
		r := newRig(t, in, replies(&seen, func(string) error {
			if down.Load() {
				return errors.New("gateway is down")
			}
			return nil
		}))
		r.Breakers = NewBreakers([]engine.Input{in}, r.seen, r.Log)
		d := r.dispatch(t)
		synctest.Wait()
		d.Deliver(partition().Topic, 0, records(keys(5)...))
		synctest.Wait()
		want(t, "calls", seen.String(), "0,1,2,3,4 0 1")
		down.Store(false)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		after := strings.Fields(seen.String())[3:]
		slices.Sort(after)
		want(t, "calls afterwards", after, strings.Fields("0 1 2 3 4"))
		want(t, "results", r.seen.results, map[engine.Result]int{engine.Retried: 2, engine.Handled: 5})
	})
}
