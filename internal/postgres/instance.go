package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/omninode-ai/omninode/onex/engine"
)

// instances writes what the last of some commits says of each instance, by key.
func (t *transaction) instances(commits []engine.Commit) {
	last := map[string]engine.Instance{}
	for _, c := range commits {
		if c.Instance != nil && c.State != nil {
			last[c.State.Key] = *c.Instance
		}
	}
	if len(last) == 0 {
		return
	}
	var keys, definitions, statuses []string
	for _, key := range slices.Sorted(maps.Keys(last)) {
		keys, definitions, statuses = append(keys, key), append(definitions, last[key].Definition), append(statuses, last[key].Status)
	}
	t.add(`INSERT INTO instance (key, definition, status) SELECT * FROM unnest($1::text[], $2::text[], $3::text[])
		ON CONFLICT (key) DO UPDATE SET definition = excluded.definition, status = excluded.status, changed_at = now()`,
		keys, definitions, statuses)
}

// KeepDefinition stores a definition of the node's workflow under its hash, unless it is there.
func (s *Store) KeepDefinition(ctx context.Context, hash, version string, definition []byte) error {
	const insert = `INSERT INTO workflow (hash, version, definition) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`
	if _, err := s.pool.Exec(ctx, insert, hash, version, definition); err != nil {
		return fmt.Errorf("store definition %.12s: %w", hash, err)
	}
	return nil
}

// ErrNoDefinition says that no definition is stored under a hash.
var ErrNoDefinition = errors.New("no definition is stored under this hash")

// Definition returns the definition that is stored under a hash.
func (s *Store) Definition(ctx context.Context, hash string) (definition []byte, err error) {
	err = s.pool.QueryRow(ctx, `SELECT definition FROM workflow WHERE hash = $1`, hash).Scan(&definition)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNoDefinition
	}
	if err != nil {
		return nil, fmt.Errorf("read definition %.12s: %w", hash, err)
	}
	return definition, nil
}

// StepCounts counts the instances in some statuses, and what their steps are doing in those of definitions
// other than except. A step that is not begun is not listed.
func (s *Store) StepCounts(ctx context.Context, statuses []string, except string) ([]engine.StepCount, error) {
	const query = `
		SELECT definition, status, '', '', count(*) FROM instance WHERE status = ANY ($1) GROUP BY definition, status
		UNION ALL
		SELECT i.definition, i.status, step.key, step.value, count(*) FROM instance i
		JOIN LATERAL (SELECT data FROM state WHERE key = i.key OFFSET 0) s ON true,
		LATERAL jsonb_each_text(convert_from(s.data, 'UTF8')::jsonb -> 'steps') AS step
		WHERE i.status = ANY ($1) AND i.definition <> $2
		GROUP BY i.definition, i.status, step.key, step.value
		ORDER BY 1, 2, 3, 4`
	counts, err := collect(ctx, s.pool, pgx.RowToStructByPos[engine.StepCount], query, statuses, except)
	if err != nil {
		return nil, fmt.Errorf("count instances: %w", err)
	}
	return counts, nil
}

// Instance is an instance of a workflow as people see it.
type Instance struct {
	engine.Instance

	Key              string
	Started, Changed time.Time
	Version          int64     // of its state
	State            []byte    // JSON
	Due              time.Time // of its next timer; zero: it has none
	Asked            []string  // names of timers that people set and that have not fired yet
}

// InstanceQuery selects instances; the zero value is all that there are.
type InstanceQuery struct {
	Key        string
	Statuses   []string // none: all
	Definition string   // the beginning of its hash
	Limit      int      // 0: 100
}

// Instances returns instances, those that changed last first.
func (s *Store) Instances(ctx context.Context, q InstanceQuery) ([]Instance, error) {
	const query = `
		SELECT i.key, i.definition, i.status, i.started_at, i.changed_at, s.version, s.data,
		       (SELECT min(due_at) FROM timer WHERE key = i.key AND NOT starts_with(name, $5)),
		       ARRAY (SELECT name FROM timer WHERE key = i.key AND starts_with(name, $5) ORDER BY name)
		FROM instance i JOIN state s ON s.key = i.key
		WHERE ($1 = '' OR i.key = $1) AND (cardinality($2::text[]) = 0 OR i.status = ANY ($2)) AND starts_with(i.definition, $3)
		ORDER BY i.changed_at DESC, i.key LIMIT $4`
	list, err := collect(ctx, s.pool, func(row pgx.CollectableRow) (i Instance, err error) {
		var due *time.Time
		err = row.Scan(&i.Key, &i.Definition, &i.Status, &i.Started, &i.Changed, &i.Version, &i.State, &due, &i.Asked)
		if due != nil {
			i.Due = *due
		}
		return i, err
	}, query, q.Key, notNone(q.Statuses), q.Definition, cmp.Or(q.Limit, 100), engine.AskPrefix)
	if err != nil {
		return nil, fmt.Errorf("list instances: %w", err)
	}
	return list, nil
}

// Ask sets a timer of an instance that is due at once, for a person: a process of the node fires it within
// about a second. It is ErrConflict if the instance has changed since it was read, or the same was asked
// already.
func (s *Store) Ask(ctx context.Context, i Instance, ask, note string, cause engine.TimerCause) error {
	const insert = `
		INSERT INTO timer (key, name, due_at, cause_id, correlation_id, workflow_id, step_id, trace_parent, trace_state, note)
		SELECT key, $3, clock_timestamp(), $4, $5, $6, '', '', '', $7 FROM state WHERE key = $1 AND version = $2
		ON CONFLICT DO NOTHING`
	tag, err := s.pool.Exec(ctx, insert, i.Key, i.Version, ask, cause.ID, cause.CorrelationID, cause.WorkflowID, note)
	if err != nil {
		return fmt.Errorf("ask instance %q: %w", i.Key, err)
	}
	if tag.RowsAffected() == 0 {
		return engine.ErrConflict
	}
	return nil
}
