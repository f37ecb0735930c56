// Package delivery drives the decisions of onex/engine: it fetches nothing and stores nothing itself,
// but calls handlers and commits what the core decides, one record at a time per partition. It knows
// only the ports of the engine, so that the same loops run on every broker and store.
//
//	broker → Dispatcher → worker per partition → Processor → engine.Store
//	engine.Outbox → Relay → broker
package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// defaultTimeout bounds one call of a handler whose input declares no timeout.
const defaultTimeout = 10 * time.Second

// Observer is told what happens, for metrics. Its methods are called concurrently and must be quick.
type Observer interface {
	Called(input event.Ref, took time.Duration, err error)
	Settled(c engine.Commit)
	Conflict()
}

// Processor settles items: it asks the core, calls the handler and commits. It is safe for
// concurrent use with items of different partitions.
type Processor struct {
	Core     *engine.Core
	Handlers map[event.Ref]engine.Handler
	Store    engine.Store // nil for a node whose state is the broker's (compute)
	Observer Observer
	Log      *slog.Logger
	Now      func() time.Time

	// Committed is called after each commit; nil is nothing.
	Committed func(c engine.Commit)
}

// Process settles one item under the partition's lease, which it advances. It tries again for as
// long as the store does not answer; the error is engine.ErrFenced or that of ctx.
func (p *Processor) Process(ctx context.Context, l *engine.Lease, it engine.Item) error {
	for try := 0; ; try++ {
		c, err := p.decide(ctx, it)
		if err == nil {
			err = p.commit(ctx, l, c)
		}
		switch {
		case err == nil:
			p.settled(ctx, c)
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, engine.ErrFenced):
			return err
		case errors.Is(err, engine.ErrConflict):
			p.Observer.Conflict()
			if it.Parked != nil || it.Timer != nil {
				return nil // it is no longer what was read: the store says what is due now
			}
		default:
			p.Log.WarnContext(ctx, "store did not answer", "topic", it.Record.Topic, "partition", it.Record.Partition,
				"offset", it.Record.Offset, "err", err)
			if err := pause(ctx, try); err != nil {
				return err
			}
		}
	}
}

// decide looks the item up, lets the core admit it, calls the handler if so, and settles.
func (p *Processor) decide(ctx context.Context, it engine.Item) (engine.Commit, error) {
	var v engine.View
	if p.Store != nil && it.Readable() {
		var err error
		if v, err = p.Store.View(ctx, it); err != nil {
			return engine.Commit{}, err
		}
	}
	d := p.Core.Admit(it, v, p.Now())
	var out engine.Outcome
	if d.Verdict == engine.Handle {
		out = p.call(ctx, it, d.Call)
		if ctx.Err() != nil {
			return engine.Commit{}, ctx.Err() // stopped in the middle: the outcome says nothing
		}
	}
	return p.Core.Settle(it, v, d, out, p.Now()), nil
}

// call runs the handler of an item within its timeout. A panic is an error that no attempt cures.
func (p *Processor) call(ctx context.Context, it engine.Item, c engine.Call) (out engine.Outcome) {
	handler, ok := p.Handlers[it.Input.Type]
	if !ok {
		return engine.Outcome{Err: engine.Permanent(fmt.Errorf("input %s has no handler", it.Input.Type))}
	}
	timeout := it.Input.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	start := p.Now()
	defer func() {
		if r := recover(); r != nil {
			out = engine.Outcome{Err: engine.Permanent(fmt.Errorf("handler panicked: %v", r))}
			p.Log.ErrorContext(ctx, "handler panicked", "input", it.Input.Type.String(),
				"event_id", it.Event.ID, "err", r, "stack", string(debug.Stack()))
		}
		p.Observer.Called(it.Input.Type, p.Now().Sub(start), out.Err)
	}()
	return handler(ctx, c)
}

// commit writes c. If the store does not say whether it did, it is asked where the partition stands.
func (p *Processor) commit(ctx context.Context, l *engine.Lease, c engine.Commit) error {
	moves := c.Item.Parked == nil && c.Item.Timer == nil
	for try := 0; ; try++ {
		err := p.Store.Commit(ctx, *l, c)
		if moves && err != nil {
			err = p.resolve(ctx, l, c, err)
		}
		switch {
		case err == nil:
			if moves {
				l.Next = c.Item.Record.Offset + 1
			}
			return nil
		case !moves || errors.Is(err, engine.ErrFenced) || errors.Is(err, engine.ErrConflict) || ctx.Err() != nil:
			return err
		}
		p.Log.WarnContext(ctx, "commit did not answer", "event_id", c.Item.Event.ID, "err", err)
		if err := pause(ctx, try); err != nil {
			return err
		}
	}
}

// resolve turns an error of a commit into what happened: nil if the commit is in the store after
// all, ErrFenced if somebody else has the partition. A commit that was refused for its own sake, or
// that may be tried again, keeps its error: the compare-and-swap makes a late one harmless.
func (p *Processor) resolve(ctx context.Context, l *engine.Lease, c engine.Commit, err error) error {
	if errors.Is(err, engine.ErrConflict) {
		return err
	}
	now, perr := p.Store.Position(ctx, l.Partition)
	switch {
	case perr != nil && errors.Is(err, engine.ErrFenced):
		return perr // not known yet: the commit is tried again
	case perr != nil:
		return err
	case now.Epoch != l.Epoch:
		return engine.ErrFenced
	case now.Next == c.Item.Record.Offset+1:
		return nil
	}
	return err
}

func (p *Processor) settled(ctx context.Context, c engine.Commit) {
	p.Observer.Settled(c)
	p.report(ctx, c)
	if p.Committed != nil {
		p.Committed(c)
	}
}

func (p *Processor) report(ctx context.Context, c engine.Commit) {
	it := c.Item
	attrs := []any{
		"topic", it.Record.Topic, "partition", it.Record.Partition, "offset", it.Record.Offset,
		"event_id", it.Event.ID, "correlation_id", it.Event.CorrelationID, "attempt", it.Attempt,
	}
	switch c.Result {
	case engine.DeadLettered:
		p.Log.ErrorContext(ctx, "input dead-lettered", append(attrs, "class", c.Class, "err", c.Err)...)
	case engine.KeyHalted:
		p.Log.ErrorContext(ctx, "key halted", append(attrs, "key", it.Record.Key, "class", c.Class, "err", c.Err)...)
	case engine.Retried:
		p.Log.WarnContext(ctx, "input failed and will be tried again", append(attrs, "err", c.Err)...)
	case engine.Handled, engine.Duplicate, engine.Waiting:
		p.Log.DebugContext(ctx, "input settled", append(attrs, "result", c.Result)...)
	}
}

const (
	firstPause = 50 * time.Millisecond
	maxPause   = 2 * time.Second
)

// pause waits before the next try of something that must succeed.
func pause(ctx context.Context, try int) error {
	timer := time.NewTimer(min(firstPause<<min(try, 6), maxPause))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
