package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/omninode-ai/omninode/internal/delivery"
	"github.com/omninode-ai/omninode/internal/postgres"
	"github.com/omninode-ai/omninode/onex/engine"
)

// topic is a broker that takes everything.
type topic struct {
	mu     sync.Mutex
	values map[string][]string // by key
	more   chan struct{}
}

func (b *topic) produce(_ context.Context, records []engine.Outgoing) []error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range records {
		b.values[r.Key] = append(b.values[r.Key], string(r.Value))
	}
	select {
	case b.more <- struct{}{}:
	default:
	}
	return make([]error, len(records))
}

// await waits until a key has a number of records.
func (b *topic) await(t *testing.T, key string, n int) {
	t.Helper()
	patience := time.After(30 * time.Second)
	for {
		b.mu.Lock()
		have := len(b.values[key])
		b.mu.Unlock()
		if have >= n {
			return
		}
		select {
		case <-b.more:
		case <-patience:
			t.Fatalf("key %s has %d records, not %d", key, have, n)
		}
	}
}

// watched tells the highest floor of the queues it hands out.
type watched struct {
	*postgres.Store

	floor atomic.Int64
}

type watchedQueue struct {
	engine.Queue

	w *watched
}

func (w *watched) Lead(ctx context.Context, f func(context.Context, engine.Queue) error) error {
	return w.Store.Lead(ctx, func(ctx context.Context, q engine.Queue) error { return f(ctx, watchedQueue{q, w}) })
}

func (q watchedQueue) Next(ctx context.Context, skip engine.Except, limit int) ([]engine.Queued, bool, error) {
	records, more, err := q.Queue.Next(ctx, skip, min(limit, 50)) // many rounds
	q.w.floor.Store(max(q.w.floor.Load(), postgres.Floor(q.Queue)))
	return records, more, err
}

// relayed runs a relay of a store; the function it returns drains it and returns how high its floor was.
func relayed(t *testing.T, s *postgres.Store) (b *topic, r *delivery.Relay, floor *atomic.Int64, stop func() int64) {
	t.Helper()
	b, w := &topic{values: map[string][]string{}, more: make(chan struct{}, 1)}, &watched{Store: s}
	r = delivery.NewRelay(w, b.produce, slog.New(slog.DiscardHandler))
	end, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		r.Run(t.Context(), end)
	}()
	return b, r, &w.floor, sync.OnceValue(func() int64 {
		close(end)
		<-done
		return w.floor.Load()
	})
}

const insert = `INSERT INTO outbox (topic, key, header_names, header_values, value) VALUES ('t', $1, '{}', '{}', $2)`

func pool(t *testing.T, roleURL string, conns int) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(roleURL)
	if err != nil {
		t.Fatal(err)
	}
	config.MaxConns = int32(conns)
	p, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// TestCommitOrder: whatever the order in which transactions draw ids and commit, each committed record
// is published once, none that was rolled back, and those of an aggregate whose writers share a lock
// in the order of their commits.
func TestCommitOrder(t *testing.T) {
	t.Parallel()
	_, roleURL := migrated(t)
	b, r, floor, stop := relayed(t, open(t, roleURL))
	const writers, aggregates = 16, 12
	p := pool(t, roleURL, writers)
	if _, err := p.Exec(t.Context(), `INSERT INTO state (key, version, machine_state, data) SELECT 'k' || n, 0, '', '' FROM generate_series(0, $1) n`, aggregates-1); err != nil {
		t.Fatal(err)
	}
	start := time.Now() // long enough for some risings of the floor
	over := func() bool {
		return time.Since(start) > 2500*time.Millisecond && (floor.Load() > 0 || time.Since(start) > 30*time.Second)
	}
	errs := make(chan error, writers)
	for range writers {
		go func() {
			var err error
			for err == nil && !over() {
				err = writeNumbered(t.Context(), p, "k"+strconv.Itoa(rand.IntN(aggregates)))
				r.Wake()
			}
			errs <- err
		}()
	}
	var all error
	for range writers {
		all = errors.Join(all, <-errs)
	}
	if all != nil {
		t.Fatal(all)
	}
	if floor := stop(); floor == 0 {
		t.Error("the floor never rose")
	}
	rows, err := p.Query(t.Context(), `SELECT key, version FROM state`)
	if err != nil {
		t.Fatal(err)
	}
	var key string
	var last int
	if _, err := pgx.ForEachRow(rows, []any{&key, &last}, func() error {
		got := b.values[key]
		for i, value := range got {
			if value != strconv.Itoa(i+1) {
				return fmt.Errorf("%s has %s at place %d", key, value, i+1)
			}
		}
		if len(got) != last || last == 0 {
			return fmt.Errorf("%s has %d records of %d", key, len(got), last)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// writeNumbered writes the next number of an aggregate under the lock of its state, holds the
// transaction for a while before or after, and sometimes rolls it back.
func writeNumbered(ctx context.Context, p *pgxpool.Pool, key string) error {
	tx, err := p.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	var number int
	if err := tx.QueryRow(ctx, `UPDATE state SET version = version + 1 WHERE key = $1 RETURNING version`, key).Scan(&number); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, insert, []byte(key), []byte(strconv.Itoa(number))); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `SELECT pg_sleep($1)`, rand.Float64()*0.02); err != nil {
		return err
	}
	if rand.IntN(20) == 0 {
		return tx.Rollback(ctx)
	}
	return tx.Commit(ctx)
}

// TestLongTransaction: a transaction that stays open after it wrote to the outbox holds up no other
// aggregate, and its own record is published when it commits.
func TestLongTransaction(t *testing.T) {
	t.Parallel()
	_, roleURL := migrated(t)
	b, r, _, stop := relayed(t, open(t, roleURL))
	p := pool(t, roleURL, 2)
	tx, err := p.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), insert, []byte("long"), []byte("0")); err != nil {
		t.Fatal(err)
	}
	end := time.Now().Add(2 * time.Second)
	n := 0
	for ; time.Now().Before(end); n++ {
		if _, err := p.Exec(t.Context(), insert, []byte("other"), []byte("x")); err != nil {
			t.Fatal(err)
		}
		r.Wake()
		b.await(t, "other", n+1)
	}
	b.mu.Lock()
	early := len(b.values["long"])
	b.mu.Unlock()
	if early != 0 {
		t.Error("a record was published before its commit")
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.Wake()
	b.await(t, "long", 1)
	if floor := stop(); floor != 0 {
		t.Errorf("the floor rose to %d although a writer of an earlier id had not ended", floor)
	}
	if got := strings.Join(b.values["other"], ""); got != strings.Repeat("x", n) {
		t.Errorf("others have %d records of %d", len(got), n)
	}
}
