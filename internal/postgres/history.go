package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/omninode-ai/omninode/onex/engine"
)

// History returns the state of every key and the inputs that led to them, as far as the inbox still has
// them, as of one moment. It takes as long as it takes.
func (s *Store) History(ctx context.Context) (states map[string]engine.Stored, steps []engine.Step, err error) {
	tx, err := s.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, nil, fmt.Errorf("reach database: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if _, err := tx.Exec(ctx, `SET LOCAL statement_timeout = 0`); err != nil {
		return nil, nil, fmt.Errorf("read states: %w", err)
	}
	states = map[string]engine.Stored{}
	if _, err = collect(ctx, tx, func(row pgx.CollectableRow) (none struct{}, err error) {
		var key string
		var v engine.Stored
		err = row.Scan(&key, &v.Version, &v.Machine, &v.Data)
		states[key] = v
		return none, err
	}, `SELECT key, version, machine_state, data FROM state`); err != nil {
		return nil, nil, fmt.Errorf("read states: %w", err)
	}
	steps, err = collect(ctx, tx, func(row pgx.CollectableRow) (t engine.Step, err error) {
		err = row.Scan(&t.Topic, &t.Partition, &t.Offset, &t.EventID, &t.Version, &t.At)
		return t, err
	}, `SELECT topic, partition, record_offset, event_id, state_version, handled_at FROM inbox WHERE state_version IS NOT NULL`)
	if err != nil {
		return nil, nil, fmt.Errorf("read inbox: %w", err)
	}
	return states, steps, nil
}
