package delivery

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/omninode-ai/omninode/onex/engine"
)

// parkedBatch is how many parked records are read at once.
const parkedBatch = 100

// worker settles the records of one partition in order, and the parked ones among them. One
// goroutine does both, so that a record never overtakes an earlier one of its key.
type worker struct {
	p     *Processor
	lease engine.Lease
	flow  func(full bool) // asks the broker to pause or resume the partition

	mu     sync.Mutex
	queue  []engine.Record
	paused bool

	position atomic.Int64 // lease.Next, for others to read

	due    atomic.Bool   // parked records are due
	signal chan struct{} // something is queued or due
	stop   chan struct{} // finish the record in hand, then end
	once   sync.Once
	done   chan struct{}
}

// A partition's queue is paused when it is full and resumed when it is low.
const (
	queueFull = 1000
	queueLow  = 200
)

func newWorker(p *Processor, l engine.Lease, flow func(full bool)) *worker {
	w := &worker{
		p: p, lease: l, flow: flow,
		signal: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	w.position.Store(l.Next)
	w.due.Store(true) // an earlier owner may have left some
	return w
}

// run works until it is stopped, ctx ends or the lease is lost; only the last is an error.
func (w *worker) run(ctx context.Context) error {
	defer close(w.done)
	for {
		select {
		case <-w.stop:
			return nil
		case <-ctx.Done():
			return nil
		default:
		}
		idle, err := w.step(ctx)
		if ctx.Err() != nil {
			return nil // stopped in the middle of a record, which is not committed
		}
		if err != nil {
			return err
		}
		if idle {
			w.wait(ctx)
		}
	}
}

// step settles what is due, else the next record; idle says that there was neither.
func (w *worker) step(ctx context.Context) (idle bool, err error) {
	if w.due.Swap(false) {
		return false, w.retry(ctx)
	}
	r, ok := w.next()
	if !ok {
		return true, nil
	}
	if r.Offset < w.lease.Next {
		return false, nil // settled before
	}
	err = w.p.Process(ctx, &w.lease, w.p.Core.Open(r))
	w.position.Store(w.lease.Next)
	return false, err
}

func (w *worker) wait(ctx context.Context) {
	select {
	case <-w.signal:
	case <-w.stop:
	case <-ctx.Done():
	}
}

// retry settles the parked records that are due. Records behind one that was settled become due in
// turn, so it looks again until nothing is.
func (w *worker) retry(ctx context.Context) error {
	due, err := w.p.Store.DueParked(ctx, w.lease.Partition, w.p.Now(), parkedBatch)
	if err != nil {
		w.p.Log.WarnContext(ctx, "store did not answer", "topic", w.lease.Partition.Topic, "err", err)
		return pause(ctx, 0) // the next look at what is due comes from the dispatcher
	}
	for _, d := range due {
		if w.stopping() {
			return nil
		}
		if err := w.p.Process(ctx, &w.lease, w.p.Core.Reopen(d)); err != nil {
			return err
		}
	}
	if len(due) > 0 {
		w.poke()
	}
	return nil
}

func (w *worker) stopping() bool {
	select {
	case <-w.stop:
		return true
	default:
		return false
	}
}

// deliver queues records.
func (w *worker) deliver(records []engine.Record) {
	w.mu.Lock()
	w.queue = append(w.queue, records...)
	if !w.paused && len(w.queue) >= queueFull {
		w.paused = true
		w.flow(true)
	}
	w.mu.Unlock()
	w.wake()
}

func (w *worker) next() (engine.Record, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 {
		w.queue = nil
		return engine.Record{}, false
	}
	r := w.queue[0]
	w.queue[0] = engine.Record{} // lets go of its payload
	w.queue = w.queue[1:]
	if w.paused && len(w.queue) <= queueLow {
		w.paused = false
		w.flow(false)
	}
	return r, true
}

// poke says that parked records may be due.
func (w *worker) poke() {
	w.due.Store(true)
	w.wake()
}

func (w *worker) wake() {
	select {
	case w.signal <- struct{}{}:
	default:
	}
}

// end stops the worker after the record in hand and waits for it.
func (w *worker) end() {
	w.once.Do(func() { close(w.stop) })
	<-w.done
}
