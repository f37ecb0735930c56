package delivery

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
)

// duePoll is how often the store is asked for parked records and timers: the latest that one becomes
// known which another process made due.
const duePoll = time.Second

// dueGap is the least time between two questions: what comes due within it is found by one.
const dueGap = 5 * time.Millisecond

// Dispatcher runs a worker for each partition that is assigned to this process, and fires timers.
// A broker's consumer calls Claim, Deliver and Revoke.
type Dispatcher struct {
	p      *Processor
	timers bool // the node has timers

	mu      sync.Mutex
	workers map[place]*worker

	lost  chan error    // a worker lost its lease
	alarm chan struct{} // next changed
	next  time.Time     // when something is due, guarded by mu; zero: not known
}

type place struct {
	topic     string
	partition int32
}

// NewDispatcher returns a dispatcher that settles items with p. timers says that the node sets some.
func NewDispatcher(p *Processor, timers bool) *Dispatcher {
	return &Dispatcher{
		p: p, timers: timers, workers: map[place]*worker{},
		lost: make(chan error, 1), alarm: make(chan struct{}, 1),
	}
}

// Claim takes a partition over and starts its worker, which works until Revoke or until work ends.
// It returns the offset to consume from. flow is called when the worker's queue is full and when it
// is low again.
func (d *Dispatcher) Claim(ctx, work context.Context, p engine.Partition, flow func(full bool)) (int64, error) {
	d.Revoke(p.Topic, p.Number)
	l, err := d.p.Store.Claim(ctx, p)
	if err != nil {
		return 0, err
	}
	w := newWorker(d.p, l, flow)
	d.mu.Lock()
	d.workers[place{p.Topic, p.Number}] = w
	d.mu.Unlock()
	go func() { // ends with Revoke, or with work
		if err := w.run(work); err != nil {
			d.lose(fmt.Errorf("partition %s/%d: %w", p.Topic, p.Number, err))
		}
	}()
	return l.Next, nil
}

func (d *Dispatcher) lose(err error) {
	select {
	case d.lost <- err:
	default:
	}
}

// Lost reports a worker that lost its lease: the consumer should join its group anew.
func (d *Dispatcher) Lost() <-chan error { return d.lost }

// Reset forgets what was lost in an earlier session. No partition may be claimed.
func (d *Dispatcher) Reset() {
	select {
	case <-d.lost: //nolint:errcheck // it was reported when it mattered
	default:
	}
}

// Deliver hands fetched records to their partition's worker; those of a partition that is not
// claimed are dropped.
func (d *Dispatcher) Deliver(topic string, partition int32, records []engine.Record) {
	if w := d.worker(place{topic, partition}); w != nil {
		w.deliver(records)
	}
}

func (d *Dispatcher) worker(p place) *worker {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.workers[p]
}

// Revoke ends a partition's worker after the record in hand and returns where it stands.
func (d *Dispatcher) Revoke(topic string, partition int32) (next int64, ok bool) {
	at := place{topic, partition}
	w := d.worker(at)
	if w == nil {
		return 0, false
	}
	w.end()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.workers[at] == w {
		delete(d.workers, at)
	}
	return w.position.Load(), true
}

// Positions returns the next offset of each partition this process works on.
func (d *Dispatcher) Positions() map[string]map[int32]int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	positions := map[string]map[int32]int64{}
	for at, w := range d.workers {
		if positions[at.topic] == nil {
			positions[at.topic] = map[int32]int64{}
		}
		positions[at.topic][at.partition] = w.position.Load()
	}
	return positions
}

// Committed tells the dispatcher what was committed, so that it knows when to look next.
func (d *Dispatcher) Committed(c engine.Commit) {
	if c.Park != nil && !c.Park.Next.IsZero() {
		d.lookAt(c.Park.Next)
	}
	if c.State != nil && d.p.Core.Waits() {
		d.lookAt(d.p.Now())
	}
	if c.Timers != nil {
		for _, t := range *c.Timers {
			d.lookAt(t.Due)
		}
	}
	if !c.Again.IsZero() {
		d.lookAt(c.Again)
	}
}

func (d *Dispatcher) lookAt(at time.Time) {
	d.mu.Lock()
	sooner := d.next.IsZero() || at.Before(d.next)
	if sooner {
		d.next = at
	}
	d.mu.Unlock()
	if sooner {
		select {
		case d.alarm <- struct{}{}:
		default:
		}
	}
}

// Watch looks for parked records and timers that are due until ctx ends; calls of handlers for
// timers end with work.
func (d *Dispatcher) Watch(ctx, work context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.alarm:
		case <-timer.C:
			d.look(ctx, work)
		}
		timer.Reset(d.untilNext())
	}
}

func (d *Dispatcher) partitions() []engine.Partition {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := make([]engine.Partition, 0, len(d.workers))
	for at := range d.workers {
		list = append(list, engine.Partition{Topic: at.topic, Number: at.partition})
	}
	return list
}

func (d *Dispatcher) untilNext() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.next.IsZero() {
		return duePoll
	}
	return min(max(d.next.Sub(d.p.Now()), dueGap), duePoll)
}

func (d *Dispatcher) look(ctx, work context.Context) {
	now := d.p.Now()
	d.mu.Lock()
	if !d.next.After(now) {
		d.next = time.Time{}
	}
	d.mu.Unlock()
	due, err := d.p.Store.Due(ctx, now, d.partitions())
	if !due.Next.IsZero() {
		d.lookAt(due.Next)
	}
	for _, p := range due.Partitions {
		if w := d.worker(place{p.Topic, p.Number}); w != nil {
			w.retrier.poke()
		}
	}
	if err == nil && d.timers && !d.p.Pauses.timers() {
		err = d.fire(ctx, work)
	}
	if err != nil && ctx.Err() == nil {
		d.p.Log.WarnContext(ctx, "store did not answer", "err", err)
	}
}
