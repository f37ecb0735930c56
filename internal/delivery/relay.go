package delivery

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
)

const relayPoll = time.Second // fallback if no wake comes

// Relay hands the outbox on to the broker in the order in which each key's records were committed,
// and deletes what the broker has. A crash between the two sends a record again under the same id.
type Relay struct {
	Outbox engine.Outbox
	// Produce sends a wave of records, in order for each key, and reports an error for each that the broker
	// does not have. Of the records of one key it takes all or none.
	Produce func(ctx context.Context, records []engine.Outgoing) []error
	// ProduceAlone sends one record; nil is Produce. It is called beside Produce, for what was refused.
	ProduceAlone func(ctx context.Context, record engine.Outgoing) error
	Log          *slog.Logger
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
			return newTerm(r, q, stop).run(ctx)
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

// alone sends one record.
func (r *Relay) alone(ctx context.Context, record engine.Outgoing) error {
	if r.ProduceAlone != nil {
		return r.ProduceAlone(ctx, record)
	}
	return r.Produce(ctx, []engine.Outgoing{record})[0]
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
