package engine

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Tx is a store's own transaction, e.g. a pgx.Tx: the core hands it on and does not know it.
type Tx any

// Join takes part in the transaction that commits an input. If it fails, nothing of the commit is
// written and the handler counts as failed. It may run several times, in transactions of which at most
// one is committed.
type Join func(ctx context.Context, tx Tx) error

// JoinError says that a Join failed, so that nothing of its commit was written.
type JoinError struct{ Err error }

func (e *JoinError) Error() string { return fmt.Sprintf("commit of own tables: %v", e.Err) }
func (e *JoinError) Unwrap() error { return e.Err }

// ErrPureJoin is how a pure node fails that wants to take part in a commit: it has no database.
var ErrPureJoin = errors.New("a compute node commits nothing of its own: it has no database")

// Unjoined settles an item again whose commit failed because of its Joins, as if its handler had
// returned the error.
func (c *Core) Unjoined(commit Commit, err *JoinError, now time.Time) Commit {
	return c.fail(commit.Item, commit.halt, err, now)
}
