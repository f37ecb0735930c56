package postgres

import (
	"context"
	"fmt"
	"time"
)

// clock is the database's time as it was last read, and when that was on a clock nobody sets.
type clock struct {
	database, read time.Time
}

// Now returns the time of the database, so that all processes of a node agree when something is due:
// what it last said and what has passed since. Before the first Synchronize it is the process's own.
func (s *Store) Now() time.Time {
	c := s.clock.Load()
	if c == nil {
		return time.Now()
	}
	return c.database.Add(time.Since(c.read))
}

// Synchronize reads the clock of the database. What Now returns is then right to half of what the
// question took, of which the shortest of a few counts.
func (s *Store) Synchronize(ctx context.Context) error {
	const questions = 3
	var best clock
	shortest := time.Duration(-1)
	for range questions {
		sent := time.Now()
		var at time.Time
		if err := s.pool.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&at); err != nil {
			return fmt.Errorf("read the clock of the database: %w", err)
		}
		if took := time.Since(sent); shortest < 0 || took < shortest {
			shortest, best = took, clock{at, sent.Add(took / 2)}
		}
	}
	s.clock.Store(&best)
	return nil
}
