package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/omninode-ai/omninode/onex/engine"
)

// FootprintQuery says of what a node's schema is asked for traces.
type FootprintQuery struct {
	Handled      []InboxKey
	Parked       []engine.Record // where they were fetched, and their keys
	States       []string        // keys
	Correlations []string        // ids
}

// InboxKey names a row of the inbox.
type InboxKey struct{ Input, IdempotencyKey string }

// Footprint is what a node's schema holds of some inputs.
type Footprint struct {
	Handled   []Handled
	Parked    []Waiting
	States    map[string]engine.Stored // without their data
	Outbox    []engine.Outgoing        // not yet published
	Timers    []Pending
	Positions map[Spot]int64 // next offset
}

// Spot is a partition of a topic.
type Spot struct {
	Topic     string
	Partition int32
}

// Handled is a row of the inbox.
type Handled struct {
	InboxKey

	EventID string
	Place   engine.Place
	At      time.Time
	Version int64 // of the state it led to; 0: none
}

// Pending is a timer that has not fired yet.
type Pending struct {
	Key, Name, CauseID string
	Due                time.Time
}

// Footprint reads, as of one moment, what the schema holds of some inputs. It takes as long as it takes.
func (s *Store) Footprint(ctx context.Context, q FootprintQuery) (f Footprint, err error) {
	tx, err := s.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return f, fmt.Errorf("reach database: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if _, err := tx.Exec(ctx, `SET LOCAL statement_timeout = 0`); err != nil {
		return f, fmt.Errorf("read traces: %w", err)
	}
	for _, read := range []func() error{
		func() error { f.Handled, err = handled(ctx, tx, q.Handled); return err },
		func() error { f.Parked, err = parkedAt(ctx, tx, q.Parked); return err },
		func() error { f.States, err = versions(ctx, tx, q.States); return err },
		func() error { f.Outbox, err = unsent(ctx, tx, q.Correlations); return err },
		func() error { f.Timers, err = pending(ctx, tx, q.Correlations); return err },
		func() error { f.Positions, err = s.positions(ctx, tx); return err },
	} {
		if err := read(); err != nil {
			return f, fmt.Errorf("read traces: %w", err)
		}
	}
	return f, nil
}

func handled(ctx context.Context, tx pgx.Tx, keys []InboxKey) ([]Handled, error) {
	inputs, ids := make([]string, 0, len(keys)), make([]string, 0, len(keys))
	for _, k := range keys {
		inputs, ids = append(inputs, k.Input), append(ids, k.IdempotencyKey)
	}
	return collect(ctx, tx, func(row pgx.CollectableRow) (h Handled, err error) {
		err = row.Scan(&h.Input, &h.IdempotencyKey, &h.EventID, &h.Place.Topic, &h.Place.Partition, &h.Place.Offset, &h.At, &h.Version)
		return h, err
	}, `SELECT i.input, i.idempotency_key, i.event_id, i.topic, i.partition, i.record_offset, i.handled_at, coalesce(i.state_version, 0)
		FROM unnest($1::text[], $2::text[]) AS k (input, id) JOIN inbox i ON i.input = k.input AND i.idempotency_key = k.id`, inputs, ids)
}

func parkedAt(ctx context.Context, tx pgx.Tx, records []engine.Record) ([]Waiting, error) {
	n := len(records)
	topics, keys, partitions, offsets := make([]string, 0, n), make([]string, 0, n), make([]int32, 0, n), make([]int64, 0, n)
	for _, r := range records {
		topics, keys = append(topics, r.Topic), append(keys, r.Key)
		partitions, offsets = append(partitions, r.Partition), append(offsets, r.Offset)
	}
	return collect(ctx, tx, func(row pgx.CollectableRow) (w Waiting, err error) {
		r := &w.Record
		var next *time.Time
		err = row.Scan(&w.ID, &r.Topic, &r.Partition, &r.Offset, &r.Key, &w.Reason, &w.Attempts, &w.Since, &next, &w.Error)
		if next != nil {
			w.Next = *next
		}
		return w, err
	}, `SELECT p.id, p.topic, p.partition, p.record_offset, p.key, p.reason, p.attempts, p.parked_at,
		       CASE WHEN p.next_attempt_at = '-infinity' THEN p.parked_at ELSE p.next_attempt_at END, p.error
		FROM unnest($1::text[], $2::text[], $3::int[], $4::bigint[]) AS k (topic, key, partition, at)
		JOIN parked p ON p.topic = k.topic AND p.key = k.key AND p.partition = k.partition AND p.record_offset = k.at
		ORDER BY p.id`, topics, keys, partitions, offsets)
}

func versions(ctx context.Context, tx pgx.Tx, keys []string) (map[string]engine.Stored, error) {
	states := make(map[string]engine.Stored, len(keys))
	_, err := collect(ctx, tx, func(row pgx.CollectableRow) (none struct{}, err error) {
		var key string
		var v engine.Stored
		err = row.Scan(&key, &v.Version, &v.Machine)
		states[key] = v
		return none, err
	}, `SELECT key, version, machine_state FROM state WHERE key = ANY ($1)`, keys)
	return states, err
}

func unsent(ctx context.Context, tx pgx.Tx, correlations []string) ([]engine.Outgoing, error) {
	ids := make([][]byte, 0, len(correlations))
	for _, id := range correlations {
		ids = append(ids, []byte(id))
	}
	return collect(ctx, tx, func(row pgx.CollectableRow) (o engine.Outgoing, err error) {
		var key []byte
		var names, values [][]byte
		err = row.Scan(&o.Topic, &key, &names, &values, &o.Value)
		o.Key, o.Headers = string(key), zip(names, values)
		return o, err
	}, `SELECT topic, key, header_names, header_values, value FROM outbox WHERE header_values && $1::bytea[] ORDER BY id`, ids)
}

func pending(ctx context.Context, tx pgx.Tx, correlations []string) ([]Pending, error) {
	return collect(ctx, tx, func(row pgx.CollectableRow) (p Pending, err error) {
		err = row.Scan(&p.Key, &p.Name, &p.CauseID, &p.Due)
		return p, err
	}, `SELECT key, name, cause_id, due_at FROM timer WHERE correlation_id = ANY ($1) ORDER BY due_at`, correlations)
}

func (s *Store) positions(ctx context.Context, tx pgx.Tx) (map[Spot]int64, error) {
	next := map[Spot]int64{}
	_, err := collect(ctx, tx, func(row pgx.CollectableRow) (none struct{}, err error) {
		var at Spot
		var offset int64
		err = row.Scan(&at.Topic, &at.Partition, &offset)
		next[at] = max(next[at], offset)
		return none, err
	}, `SELECT topic, partition, next_off FROM fence WHERE consumer_group = $1`, s.group)
	return next, err
}
