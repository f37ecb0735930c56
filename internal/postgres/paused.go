package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Pause is what a person keeps a node from handling.
type Pause struct {
	Input  string // message type; "" is the whole node
	Reason string
	By     string
	At     time.Time
}

// Paused returns the pauses of the node, sorted by input.
func (s *Store) Paused(ctx context.Context) ([]Pause, error) {
	const query = `SELECT input, reason, paused_by, paused_at FROM paused ORDER BY input`
	list, err := collect(ctx, s.pool, func(row pgx.CollectableRow) (p Pause, err error) {
		err = row.Scan(&p.Input, &p.Reason, &p.By, &p.At)
		return p, err
	}, query)
	if err != nil {
		return nil, fmt.Errorf("read what is paused: %w", err)
	}
	return list, nil
}

// Pause pauses; what is paused already keeps its time.
func (s *Store) Pause(ctx context.Context, p Pause) error {
	const upsert = `INSERT INTO paused (input, reason, paused_by) VALUES ($1, $2, $3)
		ON CONFLICT (input) DO UPDATE SET reason = excluded.reason, paused_by = excluded.paused_by`
	if _, err := s.pool.Exec(ctx, upsert, p.Input, p.Reason, p.By); err != nil {
		return fmt.Errorf("pause: %w", err)
	}
	return nil
}

// Resume ends pauses and returns how many there were: that of an input, or all of the node.
func (s *Store) Resume(ctx context.Context, input string) (int, error) {
	tag, err := s.pool.Exec(ctx, `DELETE FROM paused WHERE $1 = '' OR input = $1`, input)
	if err != nil {
		return 0, fmt.Errorf("resume: %w", err)
	}
	return int(tag.RowsAffected()), nil
}
