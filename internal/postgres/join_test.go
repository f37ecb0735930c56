package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/omninode-ai/omninode/internal/postgres"
	"github.com/omninode-ai/omninode/internal/provision"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// joins is a store whose node has a table of its own.
type joins struct {
	*postgres.Store

	t     *testing.T
	node  string
	lease engine.Lease
}

func newJoins(t *testing.T) *joins {
	t.Helper()
	node, roleURL := migrated(t)
	role := provision.Schema(node)
	admin(t, fmt.Sprintf(`CREATE TABLE %q.charge (id text PRIMARY KEY); GRANT SELECT, INSERT, UPDATE, DELETE ON %[1]q.charge TO %[1]q`, role))
	j := &joins{Store: open(t, roleURL), t: t, node: node}
	var err error
	j.lease, err = j.Claim(t.Context(), engine.Partition{Topic: "onex.cmd.shop.ask.v1"})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// input is the next record, which takes part in its commit with some functions.
func (j *joins) input(functions ...engine.Join) engine.Commit {
	e := event.NewRoot("onex://test", event.MustRef("shop/ask.v1"), "k", []byte(`{}`), time.Unix(0, 0))
	return engine.Commit{
		Item: engine.Item{
			Record: engine.Record{Topic: j.lease.Partition.Topic, Offset: j.lease.Next, Key: "k"}, Event: e, IdempotencyKey: e.ID, StateKey: "k",
		},
		Inbox: true, Joins: functions,
		State:  &engine.StateWrite{Key: "k", Data: []byte(`{}`)},
		Outbox: []engine.Outgoing{{Topic: "onex.evt.shop.answer.v1", Key: "k", Value: []byte(`{}`)}},
	}
}

// rows returns how many rows inbox, state, outbox and the own table have.
func (j *joins) rows() (n [4]int) {
	j.t.Helper()
	conn, err := pgx.Connect(j.t.Context(), adminURL)
	if err != nil {
		j.t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	query := fmt.Sprintf(`SELECT (SELECT count(*) FROM %[1]q.inbox), (SELECT count(*) FROM %[1]q.state), (SELECT count(*) FROM %[1]q.outbox), (SELECT count(*) FROM %[1]q.charge)`,
		provision.Schema(j.node))
	if err := conn.QueryRow(j.t.Context(), query).Scan(&n[0], &n[1], &n[2], &n[3]); err != nil {
		j.t.Fatal(err)
	}
	return n
}

func charge(id string) engine.Join {
	return func(ctx context.Context, tx engine.Tx) error {
		_, err := tx.(pgx.Tx).Exec(ctx, `INSERT INTO charge VALUES ($1)`, id)
		return err
	}
}

// sql is a Join that runs a statement, whose error it does not return.
func sql(statement string) engine.Join {
	return func(ctx context.Context, tx engine.Tx) error {
		_, _ = tx.(pgx.Tx).Exec(ctx, statement)
		return nil
	}
}

// TestJoin: own tables are written with the input they belong to, in the order of the functions.
func TestJoin(t *testing.T) {
	t.Parallel()
	j := newJoins(t)
	check := func(ctx context.Context, tx engine.Tx) error {
		var charges, handled int
		err := tx.(pgx.Tx).QueryRow(ctx, `SELECT (SELECT count(*) FROM charge), (SELECT count(*) FROM inbox)`).Scan(&charges, &handled)
		if charges != 1 || handled != 1 {
			return fmt.Errorf("%d charges and %d inbox rows are seen", charges, handled)
		}
		return err
	}
	own := func(ctx context.Context, tx engine.Tx) error {
		if tx.(pgx.Tx).Commit(ctx) == nil || tx.(pgx.Tx).Rollback(ctx) == nil {
			return errors.New("the transaction could be ended")
		}
		return nil
	}
	if err := j.Commit(t.Context(), j.lease, j.input(charge("1"), check, own)); err != nil {
		t.Fatal(err)
	}
	if got := j.rows(); got != [4]int{1, 1, 1, 1} {
		t.Errorf("rows: %v", got)
	}
}

// TestJoinFails: whatever a function does wrong, nothing of its commit stays and the partition goes on.
func TestJoinFails(t *testing.T) {
	t.Parallel()
	no := errors.New("no")
	for name, tc := range map[string]struct {
		join      engine.Join
		want      string
		permanent bool
	}{
		"error":           {func(context.Context, engine.Tx) error { return no }, "no", false},
		"permanent error": {func(context.Context, engine.Tx) error { return engine.Permanent(no) }, "no", true},
		"panic":           {func(context.Context, engine.Tx) error { return []error{}[1:][0] }, "panicked: runtime error", true},
		"constraint":      {charge("1"), "duplicate key", false},
		"no table":        {exec(`DELETE FROM none`), "does not exist", false},
		"swallowed error": {sql(`DELETE FROM none`), "did not return its error", false},
		"rollback":        {sql(`ROLLBACK`), "ended the transaction", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJoins(t)
			err := j.Commit(t.Context(), j.lease, j.input(charge("1"), tc.join))
			failed, ok := errors.AsType[*engine.JoinError](err)
			if !ok || !strings.Contains(failed.Error(), tc.want) || engine.Temporary(failed) == tc.permanent {
				t.Errorf("commit: %v", err)
			}
			if got := j.rows(); got != [4]int{} {
				t.Errorf("rows: %v", got)
			}
			if err := j.Commit(t.Context(), j.lease, j.input(charge("1"))); err != nil {
				t.Errorf("next commit: %v", err)
			}
		})
	}
}

// TestJoinCannotHelp: a fenced commit calls nothing, and a function does not count as failed because of a
// connection that broke, a deadlock, or a process that stops.
func TestJoinCannotHelp(t *testing.T) {
	t.Parallel()
	j := newJoins(t)
	stale := j.lease
	stale.Epoch--
	called := func(context.Context, engine.Tx) error { t.Error("called although fenced"); return nil }
	if err := j.Commit(t.Context(), stale, j.input(called)); !errors.Is(err, engine.ErrFenced) {
		t.Errorf("fenced commit: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	for name, join := range map[string]engine.Join{
		"connection": exec(`SELECT pg_terminate_backend(pg_backend_pid())`),
		"deadlock":   exec(`DO $$ BEGIN RAISE EXCEPTION 'deadlock' USING ERRCODE = '40P01'; END $$`),
		"stop": func(ctx context.Context, _ engine.Tx) error {
			cancel()
			<-ctx.Done()
			return ctx.Err()
		},
	} {
		err := j.Commit(ctx, j.lease, j.input(join))
		if _, blamed := errors.AsType[*engine.JoinError](err); blamed || err == nil {
			t.Errorf("%s: %v", name, err)
		}
		if name == "stop" {
			ctx = t.Context()
		}
	}
	if got := j.rows(); got != [4]int{} {
		t.Errorf("rows: %v", got)
	}
}

func exec(statement string) engine.Join {
	return func(ctx context.Context, tx engine.Tx) error {
		_, err := tx.(pgx.Tx).Exec(ctx, statement)
		return err
	}
}

// TestJoinTakesTooLong: a function that does not end in time is given up before the server ends its
// transaction, and counts as failed.
func TestJoinTakesTooLong(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for several seconds")
	}
	j := newJoins(t)
	err := j.Commit(t.Context(), j.lease, j.input(exec(`SELECT pg_sleep(60)`)))
	if _, ok := errors.AsType[*engine.JoinError](err); !ok || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("commit: %v", err)
	}
	if got := j.rows(); got != [4]int{} {
		t.Errorf("rows: %v", got)
	}
}
