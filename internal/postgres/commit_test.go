package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/omninode-ai/omninode/internal/postgres"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

func input(offset int64, key string) engine.Item {
	ref := event.Ref{Node: "shop", Name: "buy", Version: 1}
	e := event.NewRoot("onex://test", ref, key, []byte("{}"), time.Now())
	return engine.Item{
		Record: engine.Record{Topic: "t", Offset: offset, Key: key, Value: []byte("{}")},
		Event:  e, IdempotencyKey: e.ID, StateKey: key, Attempt: 1,
	}
}

// TestCommitsOfOverlappingKeys: partitions that write the same keys in any order do not lock each other out.
func TestCommitsOfOverlappingKeys(t *testing.T) {
	t.Parallel()
	_, roleURL := migrated(t)
	s := open(t, roleURL)
	var written [3]int
	var g errgroup.Group
	for n := range written {
		g.Go(func() (err error) {
			written[n], err = writeOverlapping(t.Context(), s, int32(n)) //nolint:gosec // three of them
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if written[0] == 0 || written[1] == 0 || written[2] == 0 {
		t.Errorf("commits %v: some partition had none", written)
	}
}

// writeOverlapping commits states of the same hundred keys in a shuffled order until twenty commits
// were made; an error other than ErrConflict is one of the locks.
func writeOverlapping(ctx context.Context, s *postgres.Store, partition int32) (written int, err error) {
	l, err := s.Claim(ctx, engine.Partition{Topic: "t", Number: partition})
	if err != nil {
		return 0, err
	}
	for written < 20 {
		items := make([]engine.Item, 100)
		for i, n := range rand.Perm(len(items)) {
			items[i] = input(l.Next+int64(i), fmt.Sprint("k", n))
		}
		views, err := s.View(ctx, items...)
		if err != nil {
			return written, err
		}
		commits := make([]engine.Commit, len(items))
		for i, it := range items {
			commits[i] = engine.Commit{Item: it, Inbox: true, State: &engine.StateWrite{Key: it.StateKey, Expect: views[i].State.Version}}
		}
		err = s.Commit(ctx, l, commits...)
		switch {
		case errors.Is(err, engine.ErrConflict):
		case err != nil:
			return written, err
		default:
			l.Next += int64(len(items))
			written++
		}
	}
	return written, nil
}

// TestCommitReadsNoTable: the statements of a commit and of a view find their rows by an index,
// also on a connection that planned them while the tables were empty.
func TestCommitReadsNoTable(t *testing.T) {
	t.Parallel()
	_, roleURL := migrated(t)
	s := open(t, roleURL)
	before := scans(t, roleURL)
	l, err := s.Claim(t.Context(), engine.Partition{Topic: "t"})
	if err != nil {
		t.Fatal(err)
	}
	for round := range 3 {
		var commits []engine.Commit
		var items []engine.Item
		for i := range int64(500) {
			it := input(l.Next+i, fmt.Sprint("k", round, i))
			items = append(items, it)
			commits = append(commits, engine.Commit{Item: it, Inbox: true, State: &engine.StateWrite{Key: it.StateKey}})
		}
		if _, err := s.View(t.Context(), items...); err != nil {
			t.Fatal(err)
		}
		if err := s.Commit(t.Context(), l, commits...); err != nil {
			t.Fatal(err)
		}
		l.Next += 500
	}
	s.Close() // its sessions report what they did
	if after := scans(t, roleURL); after != before {
		t.Errorf("%d sequential scans, before there were %d", after, before)
	}
}

// scans counts the sequential scans of the tables that commits and views read.
func scans(t *testing.T, roleURL string) (n int64) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), roleURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	const query = `SELECT sum(seq_scan) FROM pg_stat_user_tables
		WHERE schemaname = current_schema() AND relname IN ('inbox', 'state', 'parked', 'fence')`
	if err := conn.QueryRow(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
