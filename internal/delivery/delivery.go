// Package delivery drives the decisions of onex/engine: it fetches nothing and stores nothing itself,
// but calls handlers and commits what the core decides, one record or one batch at a time per
// partition. It knows only the ports of the engine, so that the same loops run on every broker and store.
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
	"slices"
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
	Breaker(input event.Ref, s BreakerState)
}

// Processor settles items: it asks the core, calls the handler and commits. It is safe for
// concurrent use with items of different partitions.
type Processor struct {
	Core     *engine.Core
	Handlers map[event.Ref]engine.Handler
	Store    engine.Store // nil for a node whose state is the broker's (compute)
	Breakers Breakers
	Pauses   *Pauses // nil: nothing is ever paused
	Budget   *Budget // shared by the nodes of a process; nil bounds each partition alone
	Observer Observer
	Log      *slog.Logger
	Now      func() time.Time

	// Concurrency is how many inputs of a partition are handled at once, each of another key; 0 is 16.
	Concurrency int

	// Committed is called after each commit; nil is nothing.
	Committed func(c engine.Commit)

	// Pause waits before a further try of what the store did not answer; nil waits on the clock.
	Pause func(ctx context.Context, try int) error
}

// errAlone says that items failed together: nothing was committed, and each is to be settled alone.
var errAlone = errors.New("settled together the items failed")

// Process settles one item, or a batch of fetched records of one input that follow one another and go
// to the handler in one call, under the partition's lease, which it advances. It tries again for as long
// as the store does not answer; the error is engine.ErrFenced, errOpen, errAlone or that of ctx.
func (p *Processor) Process(ctx context.Context, l *engine.Lease, items ...engine.Item) error {
	for try := 0; ; try++ {
		commits, err := p.decide(ctx, items...)
		if err == nil {
			err = p.commit(ctx, l, commits)
		}
		if err == nil {
			p.settled(ctx, commits)
			return nil
		}
		if err := p.again(ctx, try, items[0], err); err != nil {
			return err
		}
	}
}

// Advance settles fetched records of one input that follow one another: it handles them with
// concurrency over keys and commits them in one transaction, fewer of them each time that another
// partition changes the state of one of their keys meanwhile. It returns how many it settled before its
// time or stop ended, or how many are to be settled alone if the error is errAlone; otherwise errors
// are those of Process.
func (p *Processor) Advance(ctx context.Context, l *engine.Lease, stop <-chan struct{}, items []engine.Item) (int, error) {
	for try := 0; ; try++ {
		commits, err := p.decideEach(ctx, stop, items)
		n := len(commits)
		switch {
		case n > 0:
			err = p.commit(ctx, l, commits)
		case err == nil:
			return 0, nil // stopped
		}
		switch {
		case err == nil:
			p.settled(ctx, commits)
			return n, nil
		case errors.Is(err, engine.ErrConflict) && n > 1:
			p.Observer.Conflict()
			items = items[:n/2]
			continue
		case errors.Is(err, errAlone):
			return n, err
		}
		if err := p.again(ctx, try, items[0], err); err != nil {
			return 0, err
		}
	}
}

// again decides what an error means for a further try; nil is to try.
func (p *Processor) again(ctx context.Context, try int, it engine.Item, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, engine.ErrFenced), errors.Is(err, errOpen), errors.Is(err, errAlone):
		return err
	case errors.Is(err, engine.ErrConflict):
		p.Observer.Conflict()
		return nil
	}
	p.Log.WarnContext(ctx, "store did not answer", "topic", it.Record.Topic, "partition", it.Record.Partition,
		"offset", it.Record.Offset, "err", err)
	return p.pause(ctx, try)
}

func (p *Processor) pause(ctx context.Context, try int) error {
	if p.Pause != nil {
		return p.Pause(ctx, try)
	}
	return pause(ctx, try)
}

// patient settles something, waiting as long as the input is paused or its breaker is open. If it is told to stop
// meanwhile, that is left for later.
func (p *Processor) patient(ctx context.Context, stop <-chan struct{}, input event.Ref, settle func() error) error {
	for {
		if !p.Pauses.await(ctx, stop, input) {
			return ctx.Err()
		}
		err := settle()
		if !errors.Is(err, errOpen) {
			return err
		}
		p.Breakers[input].await(ctx, stop)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case closed(stop):
			return nil
		}
	}
}

// decide looks the items up, lets the core admit them, calls the handler once for those that are
// admitted, and settles.
func (p *Processor) decide(ctx context.Context, items ...engine.Item) ([]engine.Commit, error) {
	views, err := p.look(ctx, items)
	if err != nil {
		return nil, err
	}
	if len(items) == 1 {
		c, err := p.decideOne(ctx, items[0], views[0])
		return []engine.Commit{c}, err
	}
	decisions := make([]engine.Decision, len(items))
	var admitted []int
	for i, it := range items {
		decisions[i] = p.Core.Admit(it, views[i], p.Now())
		if decisions[i].Verdict == engine.Handle {
			admitted = append(admitted, i)
		}
	}
	outcomes := make([]engine.Outcome, len(items))
	if len(admitted) > 0 {
		if err := p.handle(ctx, items, decisions, admitted, outcomes); err != nil {
			return nil, err
		}
	}
	commits := make([]engine.Commit, 0, len(items))
	for i, it := range items {
		commits = append(commits, p.Core.Settle(it, views[i], decisions[i], outcomes[i], p.Now()))
	}
	if len(admitted) > 1 && slices.ContainsFunc(admitted, func(i int) bool { return commits[i].Park != nil }) {
		return nil, errAlone // those after it may have its key
	}
	return commits, nil
}

// decideOne decides an item, given what is known of it.
func (p *Processor) decideOne(ctx context.Context, it engine.Item, v engine.View) (engine.Commit, error) {
	d := p.Core.Admit(it, v, p.Now())
	var out engine.Outcome
	if d.Verdict == engine.Handle {
		var err error
		if out, err = p.attempt(ctx, it, d.Call); err == nil {
			err = ctx.Err() // stopped in the middle: the outcome says nothing
		}
		if err == nil && engine.IsUnavailable(out.Err) {
			err = out.Err
		}
		if err != nil {
			return engine.Commit{}, err
		}
	}
	return p.Core.Settle(it, v, d, out, p.Now()), nil
}

// look returns what the store knows of each item, nothing of one that was not decoded.
func (p *Processor) look(ctx context.Context, items []engine.Item) ([]engine.View, error) {
	views := make([]engine.View, len(items))
	var known []engine.Item
	for _, it := range items {
		if p.Store != nil && it.Readable() {
			known = append(known, it)
		}
	}
	if len(known) == 0 {
		return views, nil
	}
	found, err := p.Store.View(ctx, known...)
	if err != nil {
		return nil, err
	}
	for i, it := range items {
		if it.Readable() {
			views[i], found = found[0], found[1:]
		}
	}
	return views, nil
}

// handle calls the handler once for all that are admitted and hands out what it returns.
func (p *Processor) handle(ctx context.Context, items []engine.Item, decisions []engine.Decision, admitted []int, outcomes []engine.Outcome) error {
	first := admitted[0]
	call := decisions[first].Call
	for _, i := range admitted[1:] {
		call.Rest = append(call.Rest, decisions[i].Call)
	}
	out, err := p.attempt(ctx, items[first], call)
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return ctx.Err() // stopped in the middle: the outcome says nothing
	case len(admitted) > 1 && len(out.Rest) != len(call.Rest):
		p.Log.WarnContext(ctx, "batch failed, its inputs are tried alone", "input", items[first].Input.Type.String(),
			"size", len(admitted), "event_id", items[first].Event.ID, "err", out.Err)
		return errAlone
	}
	outcomes[first] = out
	for i, at := range admitted[1:] {
		outcomes[at] = out.Rest[i]
	}
	return nil
}

// attempt is a call that the input's breaker lets through.
func (p *Processor) attempt(ctx context.Context, it engine.Item, c engine.Call) (engine.Outcome, error) {
	b := p.Breakers[it.Input.Type]
	if b == nil {
		return p.call(ctx, it, c), nil
	}
	return b.attempt(func() engine.Outcome { return p.call(ctx, it, c) })
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
	bounded := withTimeout(ctx, timeout)
	defer bounded.end()
	start := p.Now()
	defer func() {
		if r := recover(); r != nil {
			out = engine.Outcome{Err: engine.Permanent(fmt.Errorf("handler panicked: %v", r))}
			p.Log.ErrorContext(ctx, "handler panicked", "input", it.Input.Type.String(),
				"event_id", it.Event.ID, "err", r, "stack", string(debug.Stack()))
		}
		p.Observer.Called(it.Input.Type, p.Now().Sub(start), out.Err)
	}()
	return handler(bounded, c)
}

// commit writes all of some commits together. If the store does not say whether it did, it is asked
// where the partition stands.
func (p *Processor) commit(ctx context.Context, l *engine.Lease, commits []engine.Commit) error {
	last := commits[len(commits)-1].Item
	moves := last.Parked == nil && last.Timer == nil
	for try := 0; ; try++ {
		err := p.Store.Commit(ctx, *l, commits...)
		if joined, ok := errors.AsType[*engine.JoinError](err); ok {
			if len(commits) > 1 {
				return errAlone
			}
			commits[0] = p.Core.Unjoined(commits[0], joined, p.Now())
			continue
		}
		if moves && err != nil {
			err = p.resolve(ctx, l, last, err)
		}
		switch {
		case err == nil:
			if moves {
				l.Next = last.Next()
			}
			return nil
		case !moves || errors.Is(err, engine.ErrFenced) || errors.Is(err, engine.ErrConflict) || ctx.Err() != nil:
			return err
		}
		p.Log.WarnContext(ctx, "commit did not answer", "event_id", last.Event.ID, "err", err)
		if err := p.pause(ctx, try); err != nil {
			return err
		}
	}
}

// resolve turns an error of a commit into what happened: nil if the commit is in the store after
// all, ErrFenced if somebody else has the partition. A commit that was refused for its own sake, or
// that may be tried again, keeps its error: the compare-and-swap makes a late one harmless.
func (p *Processor) resolve(ctx context.Context, l *engine.Lease, last engine.Item, err error) error {
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
	case now.Next == last.Next():
		return nil
	}
	return err
}

func (p *Processor) settled(ctx context.Context, commits []engine.Commit) {
	for _, c := range commits {
		p.Observer.Settled(c)
		p.report(ctx, c)
		if p.Committed != nil {
			p.Committed(c)
		}
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
