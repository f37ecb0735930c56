package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
)

// floor is an id at and below which the outbox will never have a record again. Reading begins above
// it, so that rows which were deleted but must be kept for somebody's old snapshot (a backup, a long
// report) are not read over and over.
//
// Ids are drawn before they become visible: a gap below what was read may be filled later. But who
// drew an id holds a lock on the table until its transaction ends. So once all that held one after an
// id was seen have ended, what is not there up to that id never will be.
type floor struct {
	id      int64
	highest int64 // that was ever seen

	barrier int64    // the next floor, once the writers have ended; 0: none
	writers []string // those there were when the barrier was set
	passed  bool     // they have ended: what is read from now on tells the rest
	next    time.Time
	empty   int

	asked  int64         // the highest when the writers were asked for
	answer <-chan answer // nil: they are not
}

const (
	floorEvery = 500 * time.Millisecond
	// If nothing is found so often, reading begins at the bottom again: an operator may have emptied the
	// table and restarted its numbers.
	floorDoubt = 30
)

// answer says who might have drawn an id that is not visible yet.
type answer struct {
	writers []string
	err     error
}

// raise looks from time to time whether the floor may rise. It asks beside the reading, which waits for
// nothing but rows: the answer counts from the first reading that begins after it came.
func (q *queue) raise(ctx context.Context) error {
	f := &q.floor
	if f.answer == nil {
		if !f.passed && f.highest > f.id && !time.Now().Before(f.next) {
			f.next, f.asked = time.Now().Add(floorEvery), f.highest
			to := make(chan answer, 1)
			f.answer = to
			q.asking.Go(func() { to <- q.store.writers(ctx) })
		}
		return nil
	}
	select {
	case a := <-f.answer:
		f.answer = nil
		return f.take(a)
	default:
		return nil
	}
}

// writers returns the transactions that hold a lock on the outbox.
func (s *Store) writers(ctx context.Context) (a answer) {
	const query = `SELECT coalesce(array_agg(DISTINCT virtualtransaction), '{}') FROM pg_locks
		WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' AND relation = 'outbox'::regclass
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`
	if err := s.pool.QueryRow(ctx, query).Scan(&a.writers); err != nil {
		a.err = fmt.Errorf("look for writers of the outbox: %w", err)
	}
	return a
}

// take takes an answer in.
func (f *floor) take(a answer) error {
	switch {
	case a.err != nil:
		return a.err
	case f.barrier == 0:
		f.barrier, f.writers = f.asked, a.writers
		return nil
	}
	f.writers = slices.DeleteFunc(f.writers, func(w string) bool { return !slices.Contains(a.writers, w) })
	f.passed = len(f.writers) == 0
	return nil
}

// seen is told what was read above the floor, leaving out skip.
func (f *floor) seen(records []engine.Queued, skip engine.Except) {
	if len(records) == 0 {
		f.empty++
	} else {
		f.empty = 0
		f.highest = max(f.highest, records[len(records)-1].ID)
	}
	if f.empty >= floorDoubt {
		*f = floor{next: f.next}
		return
	}
	if !f.passed {
		return
	}
	if len(skip.Aggregates)+len(skip.Topics) == 0 { // else there are records that were not read
		lowest := f.barrier + 1
		for _, id := range skip.IDs {
			lowest = min(lowest, id)
		}
		if len(records) > 0 {
			lowest = min(lowest, records[0].ID)
		}
		f.id = max(f.id, lowest-1)
	}
	f.barrier, f.writers, f.passed = 0, nil, false
}
