package delivery

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
)

// TestBudget: however many partitions have large records, together they hold the budget and one delivery;
// those that come when it is used up are paused at once, and all go on when there is room again.
func TestBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const partitions, each, size, limit = 40, 30, 100_000, 4 << 20
		large := []byte(`"` + strings.Repeat("x", size) + `"`)
		gate := make(chan struct{})
		r := newRig(t, engine.Input{Timeout: time.Hour}, func(ctx context.Context, c engine.Call) engine.Outcome {
			<-gate
			return reply(ctx, c)
		})
		r.Budget = NewBudget(limit)
		d := NewDispatcher(r.Processor, false)
		paused := make([]atomic.Bool, partitions)
		for i := range partitions {
			p := partition()
			p.Number = int32(i)
			if _, err := d.Claim(t.Context(), t.Context(), p, paused[i].Store); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			left := records(slices.Repeat([]string{"k"}, each)...)
			for len(left) > 0 && !paused[i].Load() {
				left[0].Partition, left[0].Value = int32(i), large
				d.Deliver(p.Topic, p.Number, left[:1])
				left = left[1:]
			}
		}
		synctest.Wait()
		if used := r.Budget.used; used < limit/2 || used > limit+2*size {
			t.Errorf("%d bytes are held of a budget of %d", used, limit)
		}
		for i := range paused {
			if !paused[i].Load() {
				t.Errorf("partition %d is not paused", i)
			}
		}
		close(gate)
		synctest.Wait()
		for i := range paused {
			if paused[i].Load() {
				t.Errorf("partition %d is still paused", i)
			}
			d.Revoke(partition().Topic, int32(i))
		}
		if r.Budget.used != 0 || len(r.Budget.workers) != 0 {
			t.Errorf("in the end %d bytes of %d partitions are held", r.Budget.used, len(r.Budget.workers))
		}
	})
}

// TestWaitingPartitionsLeaveRoom: partitions that cannot go on do not use up what others need.
func TestWaitingPartitionsLeaveRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		r := newRig(t, engine.Input{Timeout: time.Hour}, func(ctx context.Context, c engine.Call) engine.Outcome {
			if c.Event.PartitionKey == "stuck" {
				<-gate
			}
			return reply(ctx, c)
		})
		r.Budget = NewBudget(1 << 20)
		d := NewDispatcher(r.Processor, false)
		large := []byte(`"` + strings.Repeat("x", 100_000) + `"`)
		var paused [2]atomic.Bool
		for i := range paused {
			p := partition()
			p.Number = int32(i)
			if _, err := d.Claim(t.Context(), t.Context(), p, paused[i].Store); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		for i, key := range []string{"stuck", "free"} {
			for _, rec := range records(slices.Repeat([]string{key}, 30)...) {
				if rec.Partition, rec.Value = int32(i), large; !paused[i].Load() {
					d.Deliver(rec.Topic, rec.Partition, []engine.Record{rec})
				}
			}
		}
		synctest.Wait()
		if !paused[0].Load() || paused[1].Load() {
			t.Errorf("paused: the one that waits %t, the free one %t", paused[0].Load(), paused[1].Load())
		}
		close(gate)
		synctest.Wait()
		d.Revoke(partition().Topic, 0)
		d.Revoke(partition().Topic, 1)
	})
}
