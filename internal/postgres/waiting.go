package postgres

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/omninode-ai/omninode/onex/engine"
)

// Waiting is a parked record as people see it.
type Waiting struct {
	engine.Parked

	Next   time.Time // of its next attempt; zero: until the record before it is done, or a person acts
	Error  string    // of the last attempt
	First  int64     // id of the first record of its topic and key: itself, unless it waits behind that
	Behind int       // records that wait behind it
}

// Due reports whether its next attempt is due already, as far as anyone knows when it is.
func (w Waiting) Due(now time.Time) bool { return !w.Next.IsZero() && !w.Next.After(now) }

// WaitingQuery selects parked records; the zero value is the first record of every topic and key.
type WaitingQuery struct {
	IDs    []int64       // these, and not only first ones
	Key    string        // of this key
	Reason engine.Reason // for this reason
	All    bool          // those behind others as well
	Limit  int           // 0: 1000
}

// Waiting returns parked records, those that wait longest first.
func (s *Store) Waiting(ctx context.Context, q WaitingQuery) ([]Waiting, error) {
	const query = `
		SELECT p.id, p.topic, p.partition, p.record_offset, p.key, p.header_names, p.header_values, p.value,
		       p.reason, p.attempts, p.parked_at, nullif(p.next_attempt_at, '-infinity'), p.next_attempt_at = '-infinity', p.error,
		       (SELECT min(id) FROM parked f WHERE f.topic = p.topic AND f.key = p.key),
		       (SELECT count(*) FROM parked b WHERE b.topic = p.topic AND b.key = p.key AND b.id > p.id)
		FROM parked p
		WHERE ($1::bigint[] IS NULL OR p.id = ANY ($1)) AND ($2 = '' OR p.key = $2) AND ($3 = '' OR p.reason = $3)
		  AND ($4 OR $1::bigint[] IS NOT NULL OR NOT EXISTS (SELECT FROM parked e WHERE e.topic = p.topic AND e.key = p.key AND e.id < p.id))
		ORDER BY p.parked_at, p.id LIMIT $5`
	list, err := collect(ctx, s.pool, func(row pgx.CollectableRow) (w Waiting, err error) {
		var names, values [][]byte
		var next *time.Time
		var now *bool
		r := &w.Record
		err = row.Scan(&w.ID, &r.Topic, &r.Partition, &r.Offset, &r.Key, &names, &values, &r.Value,
			&w.Reason, &w.Attempts, &w.Since, &next, &now, &w.Error, &w.First, &w.Behind)
		r.Headers = zip(names, values)
		switch {
		case next != nil:
			w.Next = *next
		case now != nil && *now:
			w.Next = time.Unix(0, 0)
		}
		return w, err
	}, query, q.IDs, q.Key, string(q.Reason), q.All, cmp.Or(q.Limit, 1000))
	if err != nil {
		return nil, fmt.Errorf("list parked records: %w", err)
	}
	return list, nil
}

// AttemptNow makes the next attempt at a parked record due; one that was halted gets one more. It is
// ErrConflict if the record is no longer as it was read.
func (s *Store) AttemptNow(ctx context.Context, p engine.Parked) error {
	const update = `UPDATE parked SET next_attempt_at = '-infinity', reason = CASE reason WHEN 'halted' THEN 'retry' ELSE reason END
		WHERE id = $1 AND attempts = $2 AND reason = $3`
	tag, err := s.pool.Exec(ctx, update, p.ID, p.Attempts, string(p.Reason))
	if err != nil {
		return fmt.Errorf("make parked record %d due: %w", p.ID, err)
	}
	if tag.RowsAffected() == 0 {
		return engine.ErrConflict
	}
	return nil
}

// Settle commits what a person decided about a parked record: no partition has to be claimed for it, and
// whoever has claimed it finds the record gone. It is ErrConflict if the record is no longer as it was read.
func (s *Store) Settle(ctx context.Context, c engine.Commit) error {
	t := &transaction{store: s}
	t.parked([]engine.Commit{c})
	t.outbox(c.Outbox)
	t.notify()
	err := s.pool.SendBatch(ctx, &t.Batch).Close()
	if sqlState(err) == stateConflict {
		return engine.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("settle parked record %d: %w", c.Item.Parked.ID, err)
	}
	return nil
}

// HaltedKeys counts the keys that wait for a person.
func (s *Store) HaltedKeys(ctx context.Context) (n int64, err error) {
	if err := s.pool.QueryRow(ctx, `SELECT count(*) FROM parked WHERE reason = 'halted'`).Scan(&n); err != nil {
		return 0, fmt.Errorf("count halted keys: %w", err)
	}
	return n, nil
}
