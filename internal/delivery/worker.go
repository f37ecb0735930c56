package delivery

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// worker settles the records of one partition in the order of each key. Those that are parked are in
// the hands of its retrier: a record whose key has one is parked behind it, so it overtakes nothing.
type worker struct {
	p     *Processor
	lease engine.Lease
	flow  func(full bool) // asks the broker to pause or resume the partition
	batch engine.Batch

	mu     sync.Mutex
	queue  []engine.Record
	queued int64 // bytes of the queue
	full   bool  // the partition holds enough
	held   bool  // the budget is used up
	paused bool  // for either reason
	gone   bool  // it has ended
	low    int   // resume at so many

	inHand int64        // bytes of the records that are being settled
	share  atomic.Int64 // bytes that it may hold

	size int // how many records are looked up at once: as many as a turn lately settled, and more

	position atomic.Int64 // lease.Next, for others to read

	retrier *retrier

	signal chan struct{} // something is queued
	stop   chan struct{} // finish the record in hand, then end
	once   sync.Once
	done   chan struct{}
}

// A partition's queue is paused when it is full and resumed when it is low.
const (
	queueFull = 2000
	queueLow  = 1000
)

// commitSize is how many records are at most settled in one transaction.
const commitSize = 1000

func newWorker(p *Processor, l engine.Lease, flow func(full bool)) *worker {
	w := &worker{
		p: p, lease: l, flow: flow, batch: p.Core.Batch(l.Partition.Topic), size: commitSize,
		signal: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	w.low = max(queueLow, w.batch.Size-1) // a paused partition never makes a batch wait
	w.position.Store(l.Next)
	w.share.Store(shareBytes)
	w.retrier = newRetrier(p, l, w.stop)
	return w
}

// run works until it is stopped, ctx ends or the lease is lost; only the last is an error.
func (w *worker) run(ctx context.Context) error {
	defer close(w.done)
	w.p.Budget.join(w)
	defer w.drop()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return w.retrier.run(ctx) })
	group.Go(func() error { return w.consume(ctx) })
	return group.Wait()
}

// consume settles what is fetched.
func (w *worker) consume(ctx context.Context) error {
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
			return nil //nolint:nilerr // stopped in the middle of a record, which is not committed
		}
		if err != nil {
			return err
		}
		if idle {
			w.wait(ctx)
		}
	}
}

// step settles the next records; idle says that there was none.
func (w *worker) step(ctx context.Context) (idle bool, err error) {
	w.gather(ctx)
	if w.stopping() {
		return true, nil
	}
	records := w.next()
	if len(records) == 0 {
		return true, nil
	}
	err = w.settle(ctx, w.open(records))
	w.settled()
	return false, err
}

// settled lets go of the records in hand.
func (w *worker) settled() {
	w.mu.Lock()
	n := w.inHand
	w.inHand = 0
	w.relax()
	w.mu.Unlock()
	w.p.Budget.took(-n)
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

// settle settles fetched records.
func (w *worker) settle(ctx context.Context, items []engine.Item) error {
	for len(items) > 0 && !w.stopping() {
		n, err := w.advance(ctx, items)
		if err != nil {
			return err
		}
		items = items[n:]
	}
	return nil
}

// advance settles the first of some items together, or each alone if they fail together, and returns
// how many it settled.
func (w *worker) advance(ctx context.Context, items []engine.Item) (int, error) {
	if items[0].Replay != nil { // each belongs to another partition
		return 1, w.process(ctx, items[0])
	}
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

// patient settles something as soon as the input's breaker lets it.
func (w *worker) patient(ctx context.Context, input event.Ref, settle func() error) error {
	defer func() { w.position.Store(w.lease.Next) }()
	return w.p.patient(ctx, w.stop, input, settle)
}

// gather waits until there is a whole batch, or as long as one may wait.
func (w *worker) gather(ctx context.Context) {
	if w.batch.Wait <= 0 || w.empty() {
		return
	}
	timer := time.NewTimer(w.batch.Wait)
	defer timer.Stop()
	for !w.whole() {
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

func (w *worker) empty() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.queue) == 0
}

// whole reports whether the queue holds a batch, or cannot hold more.
func (w *worker) whole() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.queue) >= w.batch.Size || w.paused
}

func (w *worker) wait(ctx context.Context) {
	select {
	case <-w.signal:
	case <-w.stop:
	case <-ctx.Done():
	}
}

func (w *worker) stopping() bool { return closed(w.stop) }

// deliver queues records.
func (w *worker) deliver(records []engine.Record) {
	var bytes int64
	for _, r := range records {
		bytes += sizeOf(r)
	}
	w.mu.Lock()
	if w.gone {
		w.mu.Unlock()
		return
	}
	w.queue = append(w.queue, records...)
	w.queued += bytes
	w.full = w.full || len(w.queue) >= queueFull || w.queued+w.inHand >= w.share.Load()
	w.adjust()
	w.mu.Unlock()
	w.p.Budget.took(bytes)
	w.wake()
}

// adjust pauses or resumes the partition.
func (w *worker) adjust() {
	if pause := w.full || w.held; pause != w.paused {
		w.paused = pause
		w.flow(pause)
	}
}

// hold says that the budget is used up, or no more.
func (w *worker) hold(held bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = held
	w.adjust()
}

// next takes records for one batch or transaction from the queue, or what is there.
func (w *worker) next() []engine.Record {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 {
		w.queue = nil
		return nil
	}
	n := w.take()
	records := slices.Clone(w.queue[:n])
	clear(w.queue[:n]) // lets go of their payloads
	w.queue = w.queue[n:]
	w.queued -= w.inHand
	w.relax()
	return records
}

// relax resumes the partition once it holds little again.
func (w *worker) relax() {
	if len(w.queue) <= w.low && w.queued+w.inHand <= w.share.Load()/2 {
		w.full = false
	}
	w.adjust()
}

// take returns how many records are settled next, and counts their bytes.
func (w *worker) take() int {
	n := w.batch.Size
	if n <= 1 {
		n = w.size
	}
	n, w.inHand = min(n, len(w.queue)), 0
	for i, r := range w.queue[:n] {
		if w.inHand >= turnBytes && w.batch.Size <= 1 {
			return i
		}
		w.inHand += sizeOf(r)
	}
	return n
}

// drop lets go of what is left when the worker ends.
func (w *worker) drop() {
	w.mu.Lock()
	left := w.queued + w.inHand
	w.queue, w.queued, w.inHand, w.gone = nil, 0, 0, true
	w.mu.Unlock()
	w.p.Budget.leave(w, left)
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
