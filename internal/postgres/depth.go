package postgres

import (
	"context"
	"fmt"
	"time"
)

// DepthLimit is the most that Depths counts, so that it stays cheap however much waits.
const DepthLimit = 10_000

// Depths is what waits in a node's schema.
type Depths struct {
	Outbox, Parked int64         // records, up to DepthLimit
	Oldest         time.Duration // how long the first record of the outbox has waited; 0: there is none
}

// Depths counts what waits in the outbox and what is parked.
func (s *Store) Depths(ctx context.Context) (d Depths, err error) {
	const query = `
		SELECT (SELECT count(*) FROM (SELECT FROM outbox WHERE id > $1 ORDER BY id LIMIT $2) AS o),
		       (SELECT count(*) FROM (SELECT FROM parked ORDER BY id LIMIT $2) AS p),
		       coalesce((SELECT greatest(now() - created_at, '0') FROM outbox WHERE id > $1 ORDER BY id LIMIT 1), '0')`
	if err := s.pool.QueryRow(ctx, query, s.floor.Load(), DepthLimit).Scan(&d.Outbox, &d.Parked, &d.Oldest); err != nil {
		return d, fmt.Errorf("count outbox and parked records: %w", err)
	}
	return d, nil
}
