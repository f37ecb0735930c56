package delivery

import (
	"context"
	"errors"

	"github.com/omninode-ai/omninode/onex/engine"
)

// timerBatch is how many timers are read at once, and settled in one transaction.
const timerBatch = commitSize

// fire settles the timers that are due. All processes of the node do; the store gives each its share.
func (d *Dispatcher) fire(ctx, work context.Context) error {
	for ctx.Err() == nil {
		due, err := d.p.Store.DueTimers(ctx, d.p.Now(), timerBatch)
		if err != nil {
			return err
		}
		items := make([]engine.Item, 0, len(due))
		for _, f := range due {
			items = append(items, d.p.Core.Fire(f))
		}
		if err := d.p.fire(work, ctx.Done(), items); err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
		if len(due) < timerBatch {
			return nil
		}
	}
	return nil
}

// fire settles timers, with concurrency over their keys and in as few transactions as it takes. Those that
// stop cut off stay set.
func (p *Processor) fire(ctx context.Context, stop <-chan struct{}, items []engine.Item) error {
	for len(items) > 0 && !closed(stop) {
		n, err := p.Advance(ctx, &engine.Lease{}, stop, items)
		if errors.Is(err, errAlone) {
			err = nil
			for i := 0; i < n && err == nil; i++ {
				err = p.Process(ctx, &engine.Lease{}, items[i])
			}
		}
		if err != nil {
			return err
		}
		items = items[n:]
	}
	return nil
}
