package delivery

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
)

const (
	relayBatch = 500
	relayPoll  = time.Second // fallback if no wake comes
)

// Relay hands the outbox on to the broker in the order in which each key's records were committed,
// and deletes what the broker has. A crash between the two sends a record again under the same id.
type Relay struct {
	Outbox engine.Outbox
	// Produce sends records and reports an error for each that the broker does not have.
	Produce func(ctx context.Context, records []engine.Outgoing) []error
	Log     *slog.Logger

	wake    chan struct{}
	leading atomic.Bool
}

// NewRelay returns a relay from an outbox to a broker.
func NewRelay(o engine.Outbox, produce func(context.Context, []engine.Outgoing) []error, log *slog.Logger) *Relay {
	return &Relay{Outbox: o, Produce: produce, Log: log, wake: make(chan struct{}, 1)}
}

// Wake says that something was committed to the outbox.
func (r *Relay) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run relays until ctx ends, or until the outbox is empty after stop was closed.
func (r *Relay) Run(ctx context.Context, stop <-chan struct{}) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer r.endStandby(ctx, cancel, stop)()
	for try := 0; ; try++ {
		err := r.Outbox.Lead(ctx, func(ctx context.Context, q engine.Queue) error {
			try = 0
			r.leading.Store(true)
			defer r.leading.Store(false)
			return r.relay(ctx, q, stop)
		})
		if err == nil || ctx.Err() != nil {
			return
		}
		r.Log.WarnContext(ctx, "outbox relay was interrupted", "err", err)
		if pause(ctx, try) != nil {
			return
		}
	}
}

// endStandby cancels a relay that is not in charge when it is told to stop. The function it returns
// ends the watch.
func (r *Relay) endStandby(ctx context.Context, cancel context.CancelFunc, stop <-chan struct{}) func() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-ctx.Done():
		case <-stop:
			if !r.leading.Load() {
				cancel()
			}
			r.Wake()
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// relay works until the outbox is empty after stop was closed.
func (r *Relay) relay(ctx context.Context, q engine.Queue, stop <-chan struct{}) error {
	held := map[aggregate]bool{}
	for try := 0; ; {
		stopping := closed(stop)
		batch, err := q.Next(ctx, relayBatch)
		if err != nil {
			return err
		}
		if len(batch) == 0 {
			if stopping {
				return nil
			}
			if err := q.Wait(ctx, r.wake, relayPoll); err != nil {
				return err
			}
			continue
		}
		if err := q.Delete(ctx, r.send(ctx, batch, held)); err != nil {
			return err
		}
		if try++; len(held) == 0 {
			try = 0
		} else if err := pause(ctx, try); err != nil {
			return err
		}
	}
}

// aggregate is what order is kept for.
type aggregate struct{ topic, key string }

// send produces a batch and returns the ids of what the broker has. An aggregate with a record that
// was refused is held: only its first record is sent until the broker takes that.
func (r *Relay) send(ctx context.Context, batch []engine.Queued, held map[aggregate]bool) (sent []int64) {
	tried := map[aggregate]bool{}
	var ids []int64
	var records []engine.Outgoing
	for _, q := range batch {
		a := aggregate{q.Record.Topic, q.Record.Key}
		if held[a] && tried[a] {
			continue
		}
		tried[a] = true
		ids = append(ids, q.ID)
		records = append(records, q.Record)
	}
	clear(held)
	for i, err := range r.Produce(ctx, records) {
		if err == nil {
			sent = append(sent, ids[i])
			continue
		}
		a := aggregate{records[i].Topic, records[i].Key}
		if !held[a] && ctx.Err() == nil {
			r.Log.ErrorContext(ctx, "record was refused, its key is held", "topic", a.topic, "key", a.key, "err", err)
		}
		held[a] = true
	}
	return sent
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
