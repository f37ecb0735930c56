package delivery

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// parkedBatch is how many parked records are read at once.
const parkedBatch = 100

// worker settles the records of one partition in order, and the parked ones among them. One
// goroutine does both, so that a record never overtakes an earlier one of its key.
type worker struct {
	p     *Processor
	lease engine.Lease
	flow  func(full bool) // asks the broker to pause or resume the partition
	batch engine.Batch

	mu     sync.Mutex
	queue  []engine.Record
	paused bool
	low    int // resume at so many

	size int // how many records are looked up at once: as many as a turn lately settled, and more

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
	queueLow  = 500
)

// commitSize is how many records are at most settled in one transaction.
const commitSize = 500

func newWorker(p *Processor, l engine.Lease, flow func(full bool)) *worker {
	w := &worker{
		p: p, lease: l, flow: flow, batch: p.Core.Batch(l.Partition.Topic), size: commitSize,
		signal: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	w.low = max(queueLow, w.batch.Size-1) // a paused partition never makes a batch wait
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
	w.gather(ctx)
	if w.stopping() {
		return true, nil
	}
	records := w.next()
	if len(records) == 0 {
		return true, nil
	}
	return false, w.settle(ctx, w.open(records))
}

// open decodes records; those that came before are left out, since offsets only ever advance.
func (w *worker) open(records []engine.Record) []engine.Item {
	items := make([]engine.Item, 0, len(records))
	next := w.lease.Next
	for _, r := range records {
		if r.Offset >= next {
			items, next = append(items, w.p.Core.Open(r)), r.Offset+1
		}
	}
	return items
}

// settle settles fetched records; what is due meanwhile gets its turn between transactions.
func (w *worker) settle(ctx context.Context, items []engine.Item) error {
	for len(items) > 0 && !w.stopping() {
		n, err := w.advance(ctx, items)
		if err != nil {
			return err
		}
		items = items[n:]
		if w.due.Swap(false) {
			if err := w.retry(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// advance settles the first of some items together, or each alone if they fail together, and returns
// how many it settled.
func (w *worker) advance(ctx context.Context, items []engine.Item) (int, error) {
	if w.batch.Size > 1 {
		n := together(items)
		err := w.process(ctx, items[:n]...)
		if errors.Is(err, errAlone) {
			err = w.each(ctx, items[:n])
		}
		return n, err
	}
	items = items[:min(len(items), w.size)]
	var n int
	err := w.patient(ctx, items[0].Input.Type, func() (err error) {
		n, err = w.p.Advance(ctx, &w.lease, w.stop, items)
		return err
	})
	if errors.Is(err, errAlone) {
		return n, w.each(ctx, items[:n])
	}
	if n == len(items) {
		w.size = min(2*w.size, commitSize)
	} else {
		w.size = max(2*n, lookAhead)
	}
	return n, err
}

func (w *worker) each(ctx context.Context, items []engine.Item) error {
	for _, it := range items {
		if w.stopping() {
			return nil
		}
		if err := w.process(ctx, it); err != nil {
			return err
		}
	}
	return nil
}

// together returns how many items can be settled at once: those before one whose idempotency key is
// that of an earlier one, since the store only knows what was committed.
func together(items []engine.Item) int {
	keys := make(map[string]bool, len(items))
	for i, it := range items {
		if keys[it.IdempotencyKey] && it.Readable() {
			return i
		}
		keys[it.IdempotencyKey] = true
	}
	return len(items)
}

// process settles items that go to the handler in one call.
func (w *worker) process(ctx context.Context, items ...engine.Item) error {
	return w.patient(ctx, items[0].Input.Type, func() error { return w.p.Process(ctx, &w.lease, items...) })
}

// patient settles something, waiting as long as the input's breaker is open. Once it is told to stop
// meanwhile, that is left to the partition's next owner.
func (w *worker) patient(ctx context.Context, input event.Ref, settle func() error) error {
	for {
		err := settle()
		w.position.Store(w.lease.Next)
		if !errors.Is(err, errOpen) {
			return err
		}
		w.p.Breakers[input].await(ctx, w.stop)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case w.stopping():
			return nil
		}
	}
}

// gather waits until there is a whole batch, or as long as one may wait.
func (w *worker) gather(ctx context.Context) {
	if w.batch.Wait <= 0 || w.queued() == 0 {
		return
	}
	timer := time.NewTimer(w.batch.Wait)
	defer timer.Stop()
	for w.queued() < w.batch.Size {
		select {
		case <-timer.C:
			return
		case <-w.stop:
			return
		case <-ctx.Done():
			return
		case <-w.signal:
		}
	}
}

func (w *worker) queued() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.queue)
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
		if err := w.process(ctx, w.p.Core.Reopen(d)); err != nil {
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

// next takes records for one batch or transaction from the queue, or what is there.
func (w *worker) next() []engine.Record {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 {
		w.queue = nil
		return nil
	}
	n := w.batch.Size
	if n <= 1 {
		n = w.size
	}
	n = min(n, len(w.queue))
	records := slices.Clone(w.queue[:n])
	clear(w.queue[:n]) // lets go of their payloads
	w.queue = w.queue[n:]
	if w.paused && len(w.queue) <= w.low {
		w.paused = false
		w.flow(false)
	}
	return records
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
