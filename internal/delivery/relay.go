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
	// Scheduler puts into the outbox what is due; nil is nothing.
	Scheduler *Scheduler

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
	r.Scheduler.begin()
	for try := 0; ; {
		stopping := closed(stop)
		idle, err := r.schedule(ctx, q, stopping)
		if err != nil {
			return err
		}
		refused, empty, err := r.round(ctx, q, held)
		if err != nil {
			return err
		}
		held = refused
		switch {
		case len(held) > 0:
			try++
			err = pause(ctx, try)
		case empty && stopping:
			return nil
		case empty:
			err = q.Wait(ctx, r.wake, idle)
		default:
			try = 0
		}
		if err != nil {
			return err
		}
	}
}

// schedule puts into the outbox what is due and returns how long nothing more is. A process that
// stops leaves that to the next one in charge.
func (r *Relay) schedule(ctx context.Context, q engine.Queue, stopping bool) (time.Duration, error) {
	if stopping {
		return relayPoll, nil
	}
	return r.Scheduler.tick(ctx, q, relayPoll)
}

// aggregate is what order is kept for.
type aggregate struct{ topic, key string }

// round sends a batch from the beginning of the outbox and returns which aggregates had a record
// refused. While there are some, or were in the round before, it goes on to the end of the outbox:
// others must not wait behind them.
func (r *Relay) round(ctx context.Context, q engine.Queue, held map[aggregate]bool) (refused map[aggregate]bool, empty bool, err error) {
	refused = map[aggregate]bool{}
	tried := map[aggregate]bool{}
	for after := int64(0); ; {
		batch, err := q.Next(ctx, after, relayBatch)
		if err != nil || len(batch) == 0 {
			return refused, after == 0, err
		}
		after = batch[len(batch)-1].ID
		if err := q.Delete(ctx, r.send(ctx, batch, held, tried, refused)); err != nil {
			return refused, false, err
		}
		if len(batch) < relayBatch || len(held)+len(refused) == 0 {
			return refused, false, nil
		}
	}
}

// send produces a batch and returns the ids of what the broker has. Of an aggregate that was held in
// the round before only the first record is sent, and nothing more of one that was refused in this.
func (r *Relay) send(ctx context.Context, batch []engine.Queued, held, tried, refused map[aggregate]bool) (sent []int64) {
	var ids []int64
	var records []engine.Outgoing
	for _, q := range batch {
		a := aggregate{q.Record.Topic, q.Record.Key}
		if refused[a] || held[a] && tried[a] {
			continue
		}
		tried[a] = true
		ids = append(ids, q.ID)
		records = append(records, q.Record)
	}
	for i, err := range r.Produce(ctx, records) {
		if err == nil {
			sent = append(sent, ids[i])
			continue
		}
		a := aggregate{records[i].Topic, records[i].Key}
		if !held[a] && !refused[a] && ctx.Err() == nil {
			r.Log.ErrorContext(ctx, "record was refused, its key is held", "topic", a.topic, "key", a.key, "err", err)
		}
		refused[a] = true
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
