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
}

const (
	floorEvery = 500 * time.Millisecond
	// If nothing is found so often, reading begins at the bottom again: an operator may have emptied the
	// table and restarted its numbers.
	floorDoubt = 30
)

// raise looks from time to time whether the floor may rise.
func (f *floor) raise(ctx context.Context, s *Store) error {
	if f.passed || f.highest <= f.id || time.Now().Before(f.next) {
		return nil
	}
	f.next = time.Now().Add(floorEvery)
	const query = `SELECT coalesce(array_agg(DISTINCT virtualtransaction), '{}') FROM pg_locks
		WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' AND relation = 'outbox'::regclass
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`
	barrier := f.highest
	var writers []string
	if err := s.pool.QueryRow(ctx, query).Scan(&writers); err != nil {
		return fmt.Errorf("look for writers of the outbox: %w", err)
	}
	if f.barrier == 0 {
		f.barrier, f.writers = barrier, writers
		return nil
	}
	f.writers = slices.DeleteFunc(f.writers, func(w string) bool { return !slices.Contains(writers, w) })
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
