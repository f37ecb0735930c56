package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/omninode-ai/omninode/onex/engine"
)

// The relay's lease. A process that renewed it for the last time is followed after at most leaseTerm;
// it stops by itself leaseMargin earlier.
const (
	leaseTerm   = 2500 * time.Millisecond
	leaseRenew  = 500 * time.Millisecond
	leaseMargin = 250 * time.Millisecond
)

var errTermEnded = errors.New("another process relays the outbox, or the lease could not be renewed")

// Lead implements engine.Outbox: by a lease on the database's clock. What is done with the queue is
// refused once another process has begun a later term.
func (s *Store) Lead(ctx context.Context, f func(ctx context.Context, q engine.Queue) error) error {
	pooled, err := s.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connect outbox relay: %w", err)
	}
	q := &queue{store: s, conn: pooled.Hijack()}
	defer func() { _ = q.conn.Close(context.WithoutCancel(ctx)) }()
	if err := q.listen(ctx, "LISTEN", "relay_"); err != nil {
		return err
	}
	since, err := q.take(ctx)
	if err != nil {
		return err
	}
	s.leading.Store(true)
	defer s.leading.Store(false)
	defer s.floor.Store(0)
	defer q.release(ctx)
	if err := errors.Join(q.listen(ctx, "UNLISTEN", "relay_"), q.listen(ctx, "LISTEN", "outbox_")); err != nil {
		return err
	}
	term, end := context.WithCancelCause(ctx)
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		end(q.renew(term, since))
	}()
	err = f(term, q)
	end(nil)
	<-renewed
	q.asking.Wait()
	if cause := context.Cause(term); errors.Is(cause, errTermEnded) {
		return cause
	}
	return err
}

// listen begins or ends to listen to one of the schema's channels.
func (q *queue) listen(ctx context.Context, verb, channel string) error {
	sql := `DO $$ BEGIN EXECUTE format('` + verb + ` %I', '` + channel + `' || current_schema()); END $$`
	if _, err := q.conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("%s to %sthe schema: %w", verb, channel, err)
	}
	return nil
}

// take waits until the lease is free and begins the next term. It returns when the lease was not yet
// taken, from where on it is trusted.
func (q *queue) take(ctx context.Context) (since time.Time, err error) {
	const query = `
		WITH taken AS (
			UPDATE relay SET term = term + 1, holder = $1, taken_at = clock_timestamp(), expires_at = clock_timestamp() + $2
			WHERE expires_at <= clock_timestamp() RETURNING term)
		SELECT (SELECT term FROM taken), greatest(expires_at - clock_timestamp(), '0') FROM relay`
	for {
		since = time.Now()
		var term *int64
		var left time.Duration
		if err := q.store.pool.QueryRow(ctx, query, q.store.instance, leaseTerm).Scan(&term, &left); err != nil {
			return since, fmt.Errorf("take over the outbox relay: %w", err)
		}
		if term != nil {
			q.term = *term
			return since, nil
		}
		if err := q.Wait(ctx, nil, left+time.Millisecond); err != nil {
			return since, err
		}
	}
}

// renew prolongs the lease until ctx ends, or returns errTermEnded as soon as it is no longer trusted.
func (q *queue) renew(ctx context.Context, since time.Time) error {
	for {
		trusted, cancel := context.WithDeadline(ctx, since.Add(leaseTerm-leaseMargin))
		if err := sleep(trusted, leaseRenew); err == nil {
			start := time.Now()
			err = q.prolong(trusted)
			switch {
			case err == nil:
				since = start
			case errors.Is(err, engine.ErrFenced):
				cancel()
				return errTermEnded
			}
		}
		over := trusted.Err() != nil
		cancel()
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // it is not needed any longer
		case over:
			return errTermEnded
		}
	}
}

// lazily makes a transaction that may be lost with a crash of the server not wait for the disk.
const lazily = `SELECT set_config('synchronous_commit', 'off', true)`

func (q *queue) prolong(ctx context.Context) error {
	t := &transaction{store: q.store}
	t.add(lazily)
	t.guarded(stateFenced, 1, `UPDATE relay SET expires_at = clock_timestamp() + $2 WHERE term = $1 RETURNING 1`, q.term, leaseTerm)
	return q.run(ctx, t, "renew the relay's lease")
}

// release lets the next process begin at once.
func (q *queue) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	t := &transaction{store: q.store}
	t.add(`UPDATE relay SET expires_at = '-infinity' WHERE term = $1`, q.term)
	t.add(`SELECT pg_notify('relay_' || current_schema(), '')`)
	_ = q.run(ctx, t, "release the relay's lease") // else it expires
}

// run commits a transaction of this term.
func (q *queue) run(ctx context.Context, t *transaction, what string) error {
	err := q.store.pool.SendBatch(ctx, &t.Batch).Close()
	switch sqlState(err) {
	case stateFenced:
		return engine.ErrFenced
	case stateConflict:
		return engine.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
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

// queue implements engine.Queue.
type queue struct {
	store *Store
	conn  *pgx.Conn // listens
	term  int64
	floor floor

	asking sync.WaitGroup // for the floor
}

var _ engine.Queue = (*queue)(nil)
