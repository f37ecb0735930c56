package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/omninode-ai/omninode/onex/engine"
)

// Ticks implements engine.Queue.
func (q *queue) Ticks(ctx context.Context) (map[string]engine.Tick, error) {
	type named struct {
		name string
		tick engine.Tick
	}
	rows, err := collect(ctx, q.store.pool, func(row pgx.CollectableRow) (n named, err error) {
		err = row.Scan(&n.name, &n.tick.Spec, &n.tick.At)
		return n, err
	}, `SELECT name, spec, last_tick FROM schedule`)
	if err != nil {
		return nil, fmt.Errorf("read schedules: %w", err)
	}
	ticks := make(map[string]engine.Tick, len(rows))
	for _, r := range rows {
		ticks[r.name] = r.tick
	}
	return ticks, nil
}

// Tick implements engine.Queue.
func (q *queue) Tick(ctx context.Context, name string, last, next engine.Tick, send []engine.Outgoing) error {
	const first = `INSERT INTO schedule (name, spec, last_tick) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING 1`
	const further = `UPDATE schedule SET spec = $2, last_tick = $3, updated_at = now()
		WHERE name = $1 AND spec = $4 AND last_tick = $5 RETURNING 1`
	statement, args := first, []any{name, next.Spec, next.At}
	if !last.At.IsZero() {
		statement, args = further, append(args, last.Spec, last.At)
	}
	t := &transaction{store: q.store}
	q.mine(t)
	t.guarded(stateConflict, 1, statement, args...)
	t.outbox(send)
	return q.run(ctx, t, "write tick of schedule "+name)
}
