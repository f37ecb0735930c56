package delivery

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// TestPause: while an input is paused nothing of it is handled, neither what is fetched nor what is
// parked and due; what is in a handler's hands is finished; then it goes on where it was.
func TestPause(t *testing.T) {
	t.Parallel()
	for name, paused := range map[string]struct {
		inputs map[event.Ref]bool
		all    bool
	}{
		"input": {map[event.Ref]bool{ask(): true}, false},
		"node":  {nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := &outage{fail: errors.New("not yet")}
				o.down.Store(true)
				r := newRig(t, engine.Input{Type: ask(), Retry: engine.RetryPolicy{Attempts: 9, First: time.Second}}, func(ctx context.Context, c engine.Call) engine.Outcome {
					time.Sleep(100 * time.Millisecond) // so that a pause comes in the middle
					return o.handle(ctx, c)
				})
				r.Pauses = NewPauses()
				d := r.dispatch(t)
				d.Deliver(partition().Topic, 0, records("a"))
				time.Sleep(50 * time.Millisecond)
				r.Pauses.Set(paused.inputs, paused.all)
				time.Sleep(time.Hour)
				want(t, "calls: the one in hand", o.calls.Load(), 1)
				want(t, "it is parked", d.Positions(), map[string]map[int32]int64{partition().Topic: {0: 1}})
				d.Deliver(partition().Topic, 0, records("a", "b", "c")[1:])
				time.Sleep(time.Hour)
				want(t, "calls while it is paused", o.calls.Load(), 1)
				o.down.Store(false)
				r.Pauses.Set(nil, false)
				time.Sleep(time.Minute)
				want(t, "answers", r.answers(), map[string]string{"a": "0", "b": "1", "c": "2"})
			})
		})
	}
}

// TestPauseEnds: a worker whose input is paused is revoked at once.
func TestPauseEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &outage{}
		r := newRig(t, engine.Input{Type: ask()}, o.handle)
		r.Pauses = NewPauses()
		r.Pauses.Set(nil, true)
		d := r.dispatch(t)
		d.Deliver(partition().Topic, 0, records("a", "b"))
		synctest.Wait()
		if next, ok := d.Revoke(partition().Topic, 0); next != 0 || !ok || o.calls.Load() != 0 {
			t.Errorf("revoked at %d, %t after %d calls", next, ok, o.calls.Load())
		}
	})
}

// TestWakeReachesAnotherPartition: after the topic got more partitions, the next record of a key may be
// parked in another one than the record it waits behind, and perhaps in the hands of another process.
func TestWakeReachesAnotherPartition(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &outage{fail: errors.New("not yet")}
		o.down.Store(true)
		r := newRig(t, engine.Input{Type: ask(), Retry: engine.RetryPolicy{Attempts: 9, First: 10 * time.Second}}, o.handle)
		one := r.dispatch(t)
		one.Deliver(partition().Topic, 0, records("a"))
		synctest.Wait()

		another := NewDispatcher(r.Processor, false)
		p := partition()
		p.Number = 5
		if _, err := another.Claim(t.Context(), t.Context(), p, func(bool) {}); err != nil {
			t.Fatal(err)
		}
		defer another.Revoke(p.Topic, p.Number)
		ctx, stop := context.WithCancel(t.Context())
		watched := make(chan struct{})
		go func() {
			defer close(watched)
			another.Watch(ctx, ctx)
		}()
		defer func() { stop(); <-watched }()
		moved := records("x", "a")[1]
		moved.Partition, moved.Offset = p.Number, 0
		another.Deliver(p.Topic, p.Number, []engine.Record{moved})
		synctest.Wait()
		want(t, "calls before the first is tried again", o.calls.Load(), 1)
		o.down.Store(false)
		time.Sleep(20*time.Second + duePoll)
		synctest.Wait()
		want(t, "answers, in order", r.answers(), map[string]string{"a": "01"})
	})
}
