package delivery

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/omninode-ai/omninode/onex/engine"
)

const (
	parkedBatch = 100 // parked records that are read at once
	retries     = 16  // keys of a partition whose parked records are settled at once
	chainSize   = 100 // parked records of one key that are settled in one transaction
)

// retrier settles the parked records of one partition when they are due, and with each those behind it, in
// transactions of their own and beside the partition's worker, so that nothing waits for an attempt that
// takes long.
type retrier struct {
	p      *Processor
	lease  engine.Lease // its epoch: parked records have no place in the partition
	stop   <-chan struct{}
	signal chan struct{} // something may be due

	mu       sync.Mutex
	inFlight map[int64]bool // by id of the record
}

func newRetrier(p *Processor, l engine.Lease, stop <-chan struct{}) *retrier {
	r := &retrier{p: p, lease: l, stop: stop, signal: make(chan struct{}, 1), inFlight: map[int64]bool{}}
	r.poke() // an earlier owner may have left some
	return r
}

// poke says that parked records may be due.
func (r *retrier) poke() {
	select {
	case r.signal <- struct{}{}:
	default:
	}
}

// run works until it is stopped, ctx ends or the lease is lost; only the last is an error. It returns
// when nothing of it is in hand.
func (r *retrier) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(retries)
	for {
		select {
		case <-r.stop:
			return group.Wait()
		case <-ctx.Done():
			return group.Wait()
		case <-r.signal:
		}
		due, err := r.p.Store.DueParked(ctx, r.lease.Partition, r.p.Now(), parkedBatch)
		if err != nil && ctx.Err() == nil {
			r.p.Log.WarnContext(ctx, "store did not answer", "topic", r.lease.Partition.Topic, "err", err)
			continue // the dispatcher says soon that something is due
		}
		for _, d := range due {
			if !r.begin(d.ID) {
				continue
			}
			r.p.Budget.took(sizeOf(d.Record))
			group.Go(func() error { return r.settle(ctx, d) })
		}
	}
}

// begin takes a record in hand unless it is there already, or nothing is to be begun.
func (r *retrier) begin(id int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.inFlight[id] || closed(r.stop) {
		return false
	}
	r.inFlight[id] = true
	return true
}

// settle settles a parked record and, for as long as none is parked again, those that wait behind it.
// The one that is then the first becomes due.
func (r *retrier) settle(ctx context.Context, first engine.Parked) error {
	defer r.poke()
	defer r.p.Budget.took(-sizeOf(first.Record))
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.inFlight, first.ID)
	}()
	behind, err := r.p.Store.Behind(ctx, first, chainSize-1)
	if err != nil {
		r.p.Log.WarnContext(ctx, "store did not answer", "topic", first.Record.Topic, "err", err) // without them, then
	}
	chain := []engine.Item{r.p.Core.Reopen(first)}
	for _, d := range behind {
		chain = append(chain, r.p.Core.Reopen(d))
	}
	lease := r.lease
	err = r.p.patient(ctx, r.stop, chain[0].Input.Type, func() error { return r.p.Retry(ctx, &lease, r.stop, chain) })
	if ctx.Err() != nil {
		return nil // told to stop: what is not committed stays parked
	}
	return err
}
