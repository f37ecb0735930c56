package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/omninode-ai/omninode/onex/engine"
)

const leadPoll = time.Second // how often a standby asks whether the relay's place is free

// Lead implements engine.Outbox. The lock belongs to the session that also reads and deletes, so a
// process that lost it cannot delete.
func (s *Store) Lead(ctx context.Context, f func(ctx context.Context, q engine.Queue) error) error {
	pooled, err := s.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connect outbox relay: %w", err)
	}
	conn := pooled.Hijack()
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // ends the lock as well
	for {
		var leads bool
		const lock = `SELECT pg_try_advisory_lock(hashtextextended('omninode outbox ' || current_schema(), 0))`
		if err := conn.QueryRow(ctx, lock).Scan(&leads); err != nil {
			return fmt.Errorf("lock outbox: %w", err)
		}
		if leads {
			break
		}
		if err := sleep(ctx, leadPoll); err != nil {
			return err
		}
	}
	if _, err := conn.Exec(ctx, `SET idle_session_timeout = `+millis(leaderSilence)); err != nil {
		return fmt.Errorf("bound the relay's silence: %w", err)
	}
	const listen = `DO $$ BEGIN EXECUTE format('LISTEN %I', 'outbox_' || current_schema()); END $$`
	if _, err := conn.Exec(ctx, listen); err != nil {
		return fmt.Errorf("listen to outbox: %w", err)
	}
	s.leading.Store(true)
	defer s.leading.Store(false)
	return f(ctx, &queue{s, conn})
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// queue implements engine.Queue.
type queue struct {
	store *Store
	conn  *pgx.Conn
}

var _ engine.Queue = (*queue)(nil)

// Next implements engine.Queue.
func (q *queue) Next(ctx context.Context, after int64, limit int) ([]engine.Queued, error) {
	const query = `SELECT id, topic, key, header_names, header_values, value FROM outbox WHERE id > $1 ORDER BY id LIMIT $2`
	records, err := collect(ctx, q.conn, func(row pgx.CollectableRow) (r engine.Queued, err error) {
		var key []byte
		var names, values [][]byte
		err = row.Scan(&r.ID, &r.Record.Topic, &key, &names, &values, &r.Record.Value)
		r.Record.Key, r.Record.Headers = string(key), zip(names, values)
		return r, err
	}, query, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	return records, nil
}

// Delete implements engine.Queue.
func (q *queue) Delete(ctx context.Context, ids []int64) error {
	if _, err := q.conn.Exec(ctx, `DELETE FROM outbox WHERE id = ANY ($1)`, ids); err != nil {
		return fmt.Errorf("delete from outbox: %w", err)
	}
	return nil
}

// Wait implements engine.Queue.
func (q *queue) Wait(ctx context.Context, wake <-chan struct{}, d time.Duration) error {
	wait, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	woken := make(chan struct{})
	go func() {
		defer close(woken)
		select {
		case <-wake:
			cancel()
		case <-wait.Done():
		}
	}()
	_, err := q.conn.WaitForNotification(wait)
	cancel()
	<-woken
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil && wait.Err() == nil || q.conn.IsClosed() {
		return fmt.Errorf("wait for outbox: %w", err)
	}
	return nil
}
