package delivery

import (
	"cmp"
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/omninode-ai/omninode/onex/engine"
)

const (
	relayBatch = 1000 // records that are read at once

	// A wave fits one batch of a partition, which a broker takes or refuses as a whole: an earlier record of
	// a key is never refused while a later one is taken.
	waveBytes   = 900_000
	recordBytes = 40 // of a record beside its key, value and headers, at most
	headerBytes = 8

	sweepEvery  = time.Minute
	sweepPause  = 50 * time.Millisecond // between the parts of a sweep
	lastDelete  = time.Second           // for what the broker has when the process stops
	aheadDelete = 4                     // waves that may wait for their deletion
)

// term is one time in charge of the outbox. While a wave is sent, the next batch is read and what was
// sent before is deleted:
//
//	read → batches → send → sent → delete
//
// The reader always begins at the bottom of the outbox and leaves out what is under way, so that a
// record whose commit came late is not missed.
type term struct {
	*Relay

	q       engine.Queue
	stop    <-chan struct{}
	batches chan batch
	sent    chan []int64
	refused chan struct{} // something is held
	fail    context.CancelCauseFunc

	mu     sync.Mutex
	flying map[int64]bool // read, and neither deleted nor given back
	holds  holds
	epoch  int // changes with the holds, and when something is given back
	looked int // epoch in which the outbox was last read
}

// batch is what was read under the holds of an epoch.
type batch struct {
	records []engine.Queued
	epoch   int
}

func newTerm(r *Relay, q engine.Queue, stop <-chan struct{}) *term {
	return &term{
		Relay: r, q: q, stop: stop, batches: make(chan batch, 1), sent: make(chan []int64, aheadDelete),
		refused: make(chan struct{}, 1), flying: map[int64]bool{}, holds: holds{},
	}
}

// run works until the outbox is empty after stop was closed.
func (t *term) run(ctx context.Context) error {
	t.Scheduler.begin()
	ctx, t.fail = context.WithCancelCause(ctx)
	defer t.fail(nil)
	g, ctx := errgroup.WithContext(ctx)
	side, end := context.WithCancel(ctx)
	g.Go(func() error {
		defer close(t.batches)
		return t.read(ctx)
	})
	g.Go(func() error {
		defer close(t.sent)
		return t.send(ctx)
	})
	g.Go(func() error {
		defer end()
		return t.delete(ctx)
	})
	g.Go(func() error { return t.retry(side) })
	g.Go(func() error {
		t.sweep(side)
		return nil
	})
	if err := g.Wait(); err != nil {
		return cmp.Or(context.Cause(ctx), err)
	}
	return nil
}

// read reads ahead by one batch.
func (t *term) read(ctx context.Context) error {
	for {
		stopping := closed(t.stop)
		idle, err := t.schedule(ctx, stopping)
		if err != nil {
			return err
		}
		more, err := t.fetch(ctx)
		switch {
		case err != nil:
			return err
		case more:
			continue
		case stopping && t.settled():
			return nil
		}
		if err := t.q.Wait(ctx, t.wake, idle); err != nil {
			return err
		}
	}
}

// schedule puts into the outbox what is due and returns how long nothing more is. A process that
// stops leaves that to the next one in charge.
func (t *term) schedule(ctx context.Context, stopping bool) (time.Duration, error) {
	if stopping {
		return relayPoll, nil
	}
	return t.Scheduler.tick(ctx, t.q, relayPoll)
}

// fetch reads a batch and hands it on.
func (t *term) fetch(ctx context.Context) (more bool, err error) {
	t.mu.Lock()
	skip, b := t.holds.skip(), batch{epoch: t.epoch}
	t.looked = b.epoch
	for id := range t.flying {
		skip.IDs = append(skip.IDs, id)
	}
	t.mu.Unlock()
	b.records, more, err = t.q.Next(ctx, skip, relayBatch)
	if err != nil || len(b.records) == 0 {
		return false, err
	}
	if !t.begin(b) {
		return true, nil // to be read again, with what comes before it
	}
	select {
	case t.batches <- b:
		return more, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// begin notes that a batch is under way, unless something was given back or released since it was read:
// that may be an earlier record of one of its keys.
func (t *term) begin(b batch) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.epoch != b.epoch {
		return false
	}
	for _, q := range b.records {
		t.flying[q.ID] = true
	}
	return true
}

// settled reports whether nothing is under way or held, nor was when the outbox was found empty: what
// was left out then may be free now.
func (t *term) settled() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.flying)+len(t.holds) == 0 && t.looked == t.epoch
}

// send sends batches in waves. One that was read under other holds than there are now may lack a
// record that was held then: it is given back, to be read again.
func (t *term) send(ctx context.Context) error {
	for b := range t.batches {
		for len(b.records) > 0 {
			if !t.current(b.epoch) {
				t.giveBack(b.records)
				break
			}
			n := wave(b.records)
			if err := t.wave(ctx, b.records[:n]); err != nil {
				return err
			}
			b.records = b.records[n:]
		}
	}
	return nil
}

func (t *term) current(epoch int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.epoch == epoch
}

// wave returns how many of some records are sent at once, at least one.
func wave(records []engine.Queued) int {
	size := 0
	for i, q := range records {
		size += recordBytes + len(q.Record.Key) + len(q.Record.Value)
		for _, h := range q.Record.Headers {
			size += headerBytes + len(h.Key) + len(h.Value)
		}
		if i > 0 && size > waveBytes {
			return i
		}
	}
	return len(records)
}

func (t *term) wave(ctx context.Context, records []engine.Queued) error {
	out := make([]engine.Outgoing, len(records))
	for i, q := range records {
		out[i] = q.Record
	}
	sent := make([]int64, 0, len(records))
	var refused []engine.Queued
	for i, err := range t.Produce(ctx, out) {
		switch {
		case err == nil:
			sent = append(sent, records[i].ID)
		case ctx.Err() == nil:
			refused = append(refused, records[i])
			t.hold(ctx, records[i], err)
		}
	}
	t.giveBack(refused)
	if len(sent) > 0 {
		t.sent <- sent // the deleter makes room
	}
	return ctx.Err()
}

// hold keeps back what follows a record that was refused.
func (t *term) hold(ctx context.Context, q engine.Queued, err error) {
	a := engine.Aggregate{Topic: q.Record.Topic, Key: q.Record.Key}
	t.mu.Lock()
	added := t.holds.add(a, q.ID)
	t.epoch++
	t.mu.Unlock()
	if added {
		t.Log.ErrorContext(ctx, "record was refused, its key is held", "topic", a.Topic, "key", a.Key, "err", err)
	}
	signal(t.refused)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// giveBack ends what was under way without having been sent, or with it.
func (t *term) giveBack(records []engine.Queued) {
	if len(records) == 0 {
		return
	}
	t.mu.Lock()
	for _, q := range records {
		delete(t.flying, q.ID)
	}
	t.epoch++ // a batch that was read meanwhile lacks them
	t.mu.Unlock()
	t.Wake()
}

// delete removes what was sent. When the process is stopped in the middle it still does so for what
// the broker has, so that less is sent again.
func (t *term) delete(ctx context.Context) error {
	for ids := range t.sent {
		for drained := false; !drained; {
			select {
			case further, ok := <-t.sent:
				ids, drained = append(ids, further...), !ok
			default:
				drained = true
			}
		}
		if err := t.remove(ctx, ids); err != nil {
			t.fail(err)
			for range t.sent { //nolint:revive // until the sender has seen it
			}
			return err
		}
	}
	return nil
}

func (t *term) remove(ctx context.Context, ids []int64) error {
	bounded := ctx
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		bounded, cancel = context.WithTimeout(context.WithoutCancel(ctx), lastDelete)
		defer cancel()
	}
	if err := t.q.Delete(bounded, ids); err != nil {
		return err
	}
	t.mu.Lock()
	for _, id := range ids {
		delete(t.flying, id)
	}
	t.mu.Unlock()
	if closed(t.stop) {
		t.Wake()
	}
	return nil
}

// sweep removes from time to time what was kept for long enough.
func (t *term) sweep(ctx context.Context) {
	schedules := t.Scheduler.names()
	for wait := sweepPause; ; {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		more, err := t.q.Sweep(ctx, schedules)
		if err != nil && ctx.Err() == nil {
			t.Log.WarnContext(ctx, "old rows were not swept", "err", err)
		}
		if wait = sweepEvery; more {
			wait = sweepPause
		}
	}
}
