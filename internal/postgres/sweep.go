package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// DefaultInboxRetention is how long it is remembered what was handled. A duplicate may arrive for as
// long as its topic or a producer's outbox keeps the record.
const DefaultInboxRetention = 7 * 24 * time.Hour

const sweepRows = 2000 // at once: a few milliseconds

// Sweep implements engine.Queue: what the inbox remembers of old, and schedules the node no longer has.
// All of it goes by the clock of the database.
func (q *queue) Sweep(ctx context.Context, schedules []string) (more bool, err error) {
	t := &transaction{store: q.store}
	t.add(lazily)
	q.mine(t)
	var swept int64
	t.Queue(`WITH old AS (
			DELETE FROM inbox WHERE ctid = ANY (ARRAY (
				SELECT ctid FROM inbox WHERE handled_at < now() - $1::interval ORDER BY handled_at LIMIT $2))
			RETURNING 1)
		SELECT count(*) FROM old`, q.store.retention, sweepRows).QueryRow(func(row pgx.Row) error { return row.Scan(&swept) })
	t.add(`DELETE FROM schedule WHERE name <> ALL ($1) AND updated_at < now() - $2::interval`, notNone(schedules), q.store.retention)
	if err := q.run(ctx, t, "sweep"); err != nil {
		return false, fmt.Errorf("old rows: %w", err)
	}
	return swept == sweepRows, nil
}
