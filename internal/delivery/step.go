package delivery

import (
	"context"

	"github.com/omninode-ai/omninode/onex/engine"
)

// Steps are the loops of one claimed partition without their goroutines: whoever calls decides what
// comes next. With a Processor whose Concurrency is 1, every call runs on the caller's goroutine alone. It
// is not safe for concurrent use, but a call of Retry may begin while another one has not ended.
type Steps struct{ w *worker }

// NewSteps returns the steps of a partition that was claimed.
func NewSteps(p *Processor, l engine.Lease) *Steps {
	return &Steps{newWorker(p, l, func(bool) {})}
}

// Deliver queues records.
func (s *Steps) Deliver(records []engine.Record) { s.w.deliver(records) }

// Settle settles the next records; idle says that there was none. Errors are those of Processor.Process.
func (s *Steps) Settle(ctx context.Context) (idle bool, err error) { return s.w.step(ctx) }

// Retry settles a parked record of the partition, unless it is in hand.
func (s *Steps) Retry(ctx context.Context, d engine.Parked) error {
	if !s.w.retrier.begin(d.ID) {
		return nil
	}
	return s.w.retrier.settle(ctx, d)
}

// Position returns the offset of the next record that is not settled.
func (s *Steps) Position() int64 { return s.w.position.Load() }

// FireTimers settles the timers of the node that are due.
func FireTimers(ctx context.Context, p *Processor) error {
	return NewDispatcher(p, true).fire(ctx, ctx)
}

// RelaySteps is a relay in charge of an outbox, without its goroutines.
type RelaySteps struct{ t *term }

// NewRelaySteps returns the steps of a relay for one term.
func NewRelaySteps(r *Relay, q engine.Queue) *RelaySteps {
	return &RelaySteps{newTerm(r, q, make(chan struct{}))}
}

// Relay tries held records again, then reads a batch, sends it and deletes what was sent.
func (s *RelaySteps) Relay(ctx context.Context) error {
	for _, trials := range s.t.holds.trials() {
		if err := s.t.try(ctx, trials); err != nil {
			return err
		}
	}
	if _, err := s.t.fetch(ctx); err != nil || len(s.t.batches) == 0 {
		return err
	}
	for b := <-s.t.batches; len(b.records) > 0; {
		if !s.t.current(b.epoch) {
			s.t.giveBack(b.records)
			return nil
		}
		n := wave(b.records)
		if err := s.t.wave(ctx, b.records[:n]); err != nil {
			return err
		}
		if len(s.t.sent) > 0 {
			if err := s.t.remove(ctx, <-s.t.sent); err != nil {
				return err
			}
		}
		b.records = b.records[n:]
	}
	return nil
}

// Holds reports whether records that were refused are to be tried again.
func (s *RelaySteps) Holds() bool { return len(s.t.holds) > 0 }
