package delivery

import (
	"context"
	"sync"
	"time"
)

// deadline is context.WithDeadline for a call that mostly ends before anybody waits for the end of its
// context: only then it takes part in the timers and in its parent's list of children.
type deadline struct {
	context.Context //nolint:containedctx // it is one

	at time.Time

	mu     sync.Mutex
	ended  bool
	real   context.Context //nolint:containedctx // made when somebody waits
	cancel context.CancelFunc
}

func withTimeout(ctx context.Context, timeout time.Duration) *deadline {
	return &deadline{Context: ctx, at: time.Now().Add(timeout)}
}

// Deadline implements context.Context.
func (d *deadline) Deadline() (time.Time, bool) {
	if at, ok := d.Context.Deadline(); ok && at.Before(d.at) {
		return at, true
	}
	return d.at, true
}

// Done implements context.Context.
func (d *deadline) Done() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.real == nil {
		d.real, d.cancel = context.WithDeadline(d.Context, d.at)
		if d.ended {
			d.cancel()
		}
	}
	return d.real.Done()
}

// Err implements context.Context.
func (d *deadline) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.real != nil:
		return d.real.Err()
	case d.Context.Err() != nil:
		return d.Context.Err()
	case d.ended:
		return context.Canceled
	case !time.Now().Before(d.at):
		return context.DeadlineExceeded
	}
	return nil
}

// Value implements context.Context.
func (d *deadline) Value(key any) any {
	d.mu.Lock()
	from := d.Context
	if d.real != nil {
		from = d.real
	}
	d.mu.Unlock()
	return from.Value(key)
}

// end frees what the context holds; it is cancelled if it was not before.
func (d *deadline) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = true
	if d.cancel != nil {
		d.cancel()
	}
}
