package postgres

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/omninode-ai/omninode/onex/engine"
)

// timerHold is how long others leave a timer to the process that found it due. If that process ends
// before it commits, the timer is due again by then.
const timerHold = 3 * time.Second

// DueTimers implements engine.Store. It hands each timer to one process: the others find it due again
// after timerHold. Who commits it is decided by the commit alone.
func (s *Store) DueTimers(ctx context.Context, now time.Time, limit int) ([]engine.Fired, error) {
	const query = `
		UPDATE timer t SET due_at = $3 FROM (
			SELECT key, name, due_at FROM timer WHERE due_at <= $1 ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED) AS d
		WHERE t.key = d.key AND t.name = d.name
		RETURNING t.key, t.name, t.attempts, t.cause_id, t.correlation_id, t.workflow_id, t.step_id, t.trace_parent, t.trace_state, t.note, d.due_at`
	type row struct {
		engine.Fired

		due time.Time
	}
	due, err := collect(ctx, s.pool, func(r pgx.CollectableRow) (f row, err error) {
		c := &f.Cause
		err = r.Scan(&f.Key, &f.Name, &f.Attempts, &c.ID, &c.CorrelationID, &c.WorkflowID, &c.StepID, &c.TraceParent, &c.TraceState, &f.Note, &f.due)
		return f, err
	}, query, now, limit, now.Add(timerHold))
	if err != nil {
		return nil, fmt.Errorf("read timers: %w", err)
	}
	slices.SortStableFunc(due, func(a, b row) int {
		return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Name, b.Name))
	})
	fired := make([]engine.Fired, 0, len(due))
	for _, d := range due {
		fired = append(fired, d.Fired)
	}
	return fired, nil
}

// viewTimers is View for timers: one that is gone, or was tried again meanwhile, was seen.
func (s *Store) viewTimers(ctx context.Context, items []engine.Item) ([]engine.View, error) {
	var c firedColumns
	for _, it := range items {
		c.add(it.Timer)
	}
	const query = `
		SELECT (SELECT true FROM timer WHERE key = v.key AND name = v.name AND attempts = v.attempts AND cause_id = v.cause) IS NULL,
		       coalesce(s.version, 0), s.data
		FROM unnest($1::text[], $2::text[], $3::int[], $4::text[]) WITH ORDINALITY AS v (key, name, attempts, cause, at)
		LEFT JOIN LATERAL (SELECT version, data FROM state WHERE key = v.key OFFSET 0) s ON true
		ORDER BY v.at`
	views, err := collect(ctx, s.pool, func(row pgx.CollectableRow) (v engine.View, err error) {
		err = row.Scan(&v.Seen, &v.State.Version, &v.State.Data)
		if len(v.State.Data) == 0 {
			v.State.Data = nil
		}
		return v, err
	}, query, c.keys, c.names, c.attempts, c.causes)
	if err != nil {
		return nil, fmt.Errorf("look up %d timers from %s of %q on: %w", len(items), c.names[0], c.keys[0], err)
	}
	return views, nil
}
