package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/omninode-ai/omninode/onex/engine"
)

// joinTimeout bounds all functions that take part in one commit: they hold the partition's fence, and
// must end before the server ends their transaction.
const joinTimeout = idleInTransaction - time.Second

func joined(commits []engine.Commit) bool {
	return slices.ContainsFunc(commits, func(c engine.Commit) bool { return len(c.Joins) > 0 })
}

// commitJoined is a commit that others take part in: in place of one round trip it takes an interactive
// transaction, fence and writes first.
func (s *Store) commitJoined(ctx context.Context, t *transaction, commits []engine.Commit) error {
	tx, err := s.pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	t.add(`SELECT set_config('plan_cache_mode', 'auto', true), set_config('enable_seqscan', 'on', true)`) // for queries of any kind
	if err := tx.SendBatch(ctx, &t.Batch).Close(); err != nil {
		return err
	}
	bound, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	for _, c := range commits {
		for _, join := range c.Joins {
			if err := s.join(bound, tx, join); err != nil {
				return err
			}
		}
	}
	return tx.Commit(ctx)
}

// join calls a function that takes part in tx. What it did wrong is a *engine.JoinError; what it cannot
// help is not, so that the commit is tried again.
func (s *Store) join(ctx context.Context, tx pgx.Tx, join engine.Join) error {
	err := call(ctx, tx, join)
	conn := tx.Conn()
	switch {
	case errors.Is(context.Cause(ctx), context.Canceled):
		return ctx.Err()
	case ctx.Err() != nil:
		return &engine.JoinError{Err: fmt.Errorf("not done after %s: %w", joinTimeout, errors.Join(ctx.Err(), err))}
	case err != nil && (conn.IsClosed() || strings.HasPrefix(sqlState(err), classRollback)):
		return err
	case err != nil:
		return &engine.JoinError{Err: err}
	case conn.PgConn().TxStatus() == txFailed:
		return &engine.JoinError{Err: errors.New("a statement failed, and the function did not return its error")}
	case conn.PgConn().TxStatus() != txOpen:
		return &engine.JoinError{Err: engine.Permanent(errors.New("the function ended the transaction"))}
	}
	return nil
}

const (
	classRollback = "40" // of SQLSTATE: deadlock, serialization failure

	txOpen, txFailed = 'T', 'E' // of the protocol's ReadyForQuery
)

// call calls join; code that panics must not end the node.
func call(ctx context.Context, tx pgx.Tx, join engine.Join) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = engine.Permanent(fmt.Errorf("panicked: %v", r))
		}
	}()
	return join(ctx, borrowed{tx})
}

// borrowed is a transaction that only its owner ends.
type borrowed struct{ pgx.Tx }

var errBorrowed = errors.New("the transaction is the engine's: return nil to commit it, an error to roll it back")

// Commit implements pgx.Tx.
func (borrowed) Commit(context.Context) error { return errBorrowed }

// Rollback implements pgx.Tx.
func (borrowed) Rollback(context.Context) error { return errBorrowed }
