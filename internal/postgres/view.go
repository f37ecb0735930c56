package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// View implements engine.Store. However many items there are, it takes one round trip.
func (s *Store) View(ctx context.Context, items ...engine.Item) ([]engine.View, error) {
	const query = `
		SELECT EXISTS (SELECT FROM inbox WHERE input = $1 AND idempotency_key = $2),
		       EXISTS (SELECT FROM parked WHERE topic = $3 AND key = $4),
		       coalesce(s.version, 0), coalesce(s.machine_state, ''), s.data
		FROM (VALUES (1)) one LEFT JOIN state s ON s.key = $5`
	views := make([]engine.View, len(items))
	var batch pgx.Batch
	for i, it := range items {
		v := &views[i]
		batch.Queue(query, it.Event.Type.String(), it.IdempotencyKey, it.Record.Topic, it.Record.Key, it.StateKey).QueryRow(func(row pgx.Row) error {
			err := row.Scan(&v.Seen, &v.Behind, &v.State.Version, &v.State.Machine, &v.State.Data)
			if len(v.State.Data) == 0 {
				v.State.Data = nil
			}
			return err
		})
	}
	if err := s.pool.SendBatch(ctx, &batch).Close(); err != nil {
		return nil, fmt.Errorf("look up %d events from %s on: %w", len(items), items[0].Event.ID, err)
	}
	return views, nil
}

// DueParked implements engine.Store.
func (s *Store) DueParked(ctx context.Context, p engine.Partition, now time.Time, limit int) ([]engine.Parked, error) {
	const query = `
		SELECT id, record_offset, key, header_names, header_values, value, reason, attempts, parked_at
		FROM parked WHERE topic = $1 AND partition = $2 AND next_attempt_at <= $3 ORDER BY id LIMIT $4`
	due, err := collect(ctx, s.pool, func(row pgx.CollectableRow) (engine.Parked, error) {
		d := engine.Parked{Record: engine.Record{Topic: p.Topic, Partition: p.Number}}
		var names, values [][]byte
		err := row.Scan(&d.ID, &d.Record.Offset, &d.Record.Key, &names, &values, &d.Record.Value, &d.Reason, &d.Attempts, &d.Since)
		d.Record.Headers = zip(names, values)
		return d, err
	}, query, p.Topic, p.Number, now, limit)
	if err != nil {
		return nil, fmt.Errorf("read parked records of %s/%d: %w", p.Topic, p.Number, err)
	}
	return due, nil
}

// DuePartitions implements engine.Store.
func (s *Store) DuePartitions(ctx context.Context, now time.Time) ([]engine.Partition, error) {
	const query = `SELECT DISTINCT topic, partition FROM parked WHERE next_attempt_at <= $1`
	due, err := collect(ctx, s.pool, func(row pgx.CollectableRow) (p engine.Partition, err error) {
		err = row.Scan(&p.Topic, &p.Number)
		return p, err
	}, query, now)
	if err != nil {
		return nil, fmt.Errorf("look for parked records: %w", err)
	}
	return due, nil
}

// DueTimers implements engine.Store.
func (s *Store) DueTimers(ctx context.Context, now time.Time, limit int) ([]engine.Fired, error) {
	const query = `
		SELECT key, name, attempts, cause_id, correlation_id, workflow_id, step_id, trace_parent, trace_state
		FROM timer WHERE due_at <= $1 ORDER BY due_at LIMIT $2`
	due, err := collect(ctx, s.pool, func(row pgx.CollectableRow) (f engine.Fired, err error) {
		c := &f.Cause
		err = row.Scan(&f.Key, &f.Name, &f.Attempts, &c.ID, &c.CorrelationID, &c.WorkflowID, &c.StepID, &c.TraceParent, &c.TraceState)
		return f, err
	}, query, now, limit)
	if err != nil {
		return nil, fmt.Errorf("read timers: %w", err)
	}
	return due, nil
}

// unzip splits headers into the two arrays the tables hold; both are never null.
func unzip(headers []event.Header) (names, values [][]byte) {
	names, values = make([][]byte, 0, len(headers)), make([][]byte, 0, len(headers))
	for _, h := range headers {
		names = append(names, []byte(h.Key))
		values = append(values, notNil(h.Value))
	}
	return names, values
}

func zip(names, values [][]byte) []event.Header {
	headers := make([]event.Header, 0, len(names))
	for i := range min(len(names), len(values)) {
		headers = append(headers, event.Header{Key: string(names[i]), Value: values[i]})
	}
	return headers
}

func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
