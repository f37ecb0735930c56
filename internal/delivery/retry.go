package delivery

import (
	"context"

	"github.com/omninode-ai/omninode/onex/engine"
)

// retry sends the first record of each held aggregate again until the broker has it.
func (t *term) retry(ctx context.Context) error {
	for try := 0; ; try++ {
		t.mu.Lock()
		trials := t.holds.trials()
		t.mu.Unlock()
		if len(trials) == 0 {
			try = 0
			select {
			case <-t.refused:
				continue
			case <-ctx.Done():
				return nil
			}
		}
		if pause(ctx, try) != nil {
			return nil //nolint:nilerr // the term ends
		}
		for _, topic := range trials {
			if err := t.try(ctx, topic); err != nil {
				return err
			}
		}
	}
}

// try sends the records of one topic, each alone, until one is refused: that one is the last next time.
func (t *term) try(ctx context.Context, trials []trial) error {
	for _, one := range trials {
		records, err := t.q.Read(ctx, []int64{one.id})
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the term ends
		}
		if err != nil {
			return err
		}
		if len(records) > 0 { // else somebody removed it
			err = t.alone(ctx, records[0].Record)
		}
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // the term ends
		case err != nil:
			t.mu.Lock()
			t.holds.last(one.Aggregate)
			t.mu.Unlock()
			return nil //nolint:nilerr // it was reported when it was held
		}
		if err := t.q.Delete(ctx, []int64{one.id}); err != nil {
			return err
		}
		t.release(ctx, one.Aggregate)
	}
	return nil
}

func (t *term) release(ctx context.Context, a engine.Aggregate) {
	t.mu.Lock()
	t.holds.release(a)
	t.epoch++
	t.mu.Unlock()
	t.Log.InfoContext(ctx, "key is released", "topic", a.Topic, "key", a.Key)
	t.Wake()
}
