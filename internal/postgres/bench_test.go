package postgres_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/omninode-ai/omninode/internal/postgres"
	"github.com/omninode-ai/omninode/onex/engine"
)

const benchKeys = 10_000

// BenchmarkCommit compares a commit of n reducer inputs, each with a state of its own and a record of
// 1 KB for the outbox, with the same rows in a batch of plain upserts, turn by turn. It runs on the
// embedded server, which does not wait for the disk; TEST_DATABASE_URL names another.
func BenchmarkCommit(b *testing.B) {
	for _, n := range []int{1, 10, 100, 500} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchCommit(b, n) })
	}
}

func benchCommit(b *testing.B, n int) {
	_, roleURL := migrated(b)
	s, err := postgres.Open(b.Context(), postgres.Config{URL: roleURL, Group: "onex.bench", Instance: "a"})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	conn, err := pgx.Connect(b.Context(), roleURL)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	l, err := s.Claim(b.Context(), engine.Partition{Topic: "t"})
	if err != nil {
		b.Fatal(err)
	}
	if err := plainUpserts(b.Context(), conn, benchItems(0, benchKeys)); err != nil { // the states are there
		b.Fatal(err)
	}
	var ours, plain time.Duration
	for b.Loop() {
		items := benchItems(l.Next, n)
		views, err := s.View(b.Context(), items...)
		if err != nil {
			b.Fatal(err)
		}
		commits := make([]engine.Commit, n)
		for i, it := range items {
			commits[i] = engine.Commit{
				Item: it, Inbox: true, Outbox: []engine.Outgoing{{Topic: "out", Key: it.Record.Key, Headers: it.Record.Headers, Value: it.Record.Value}},
				State: &engine.StateWrite{Key: it.StateKey, Expect: views[i].State.Version, Machine: "on", Data: it.Record.Value[:200]},
			}
		}
		start := time.Now()
		if err := s.Commit(b.Context(), l, commits...); err != nil {
			b.Fatal(err)
		}
		ours += time.Since(start)
		l.Next += int64(n)
		items = benchItems(l.Next, n)
		start = time.Now()
		if err := plainUpserts(b.Context(), conn, items); err != nil {
			b.Fatal(err)
		}
		plain += time.Since(start)
	}
	b.ReportMetric(float64(n*b.N)/ours.Seconds(), "commits/s")
	b.ReportMetric(float64(n*b.N)/plain.Seconds(), "upserts/s")
	b.ReportMetric(plain.Seconds()/ours.Seconds(), "ratio")
}

func benchItems(from int64, n int) []engine.Item {
	items := make([]engine.Item, n)
	for i := range items {
		it := input(from+int64(i), fmt.Sprint("key-", (from+int64(i))%benchKeys))
		it.Event.Source, it.Event.CorrelationID, it.Event.CausationID = "onex://bench", it.Event.ID, it.Event.ID
		it.Record.Headers, it.Record.Value = it.Event.Headers(), bytes.Repeat([]byte("v"), 1024)
		items[i] = it
	}
	return items
}

// plainUpserts writes what a commit of the items does, without its guards, in one transaction and
// one round trip.
func plainUpserts(ctx context.Context, conn *pgx.Conn, items []engine.Item) error {
	var batch pgx.Batch
	for _, it := range items {
		names, values := [][]byte{}, [][]byte{}
		for _, h := range it.Record.Headers {
			names, values = append(names, []byte(h.Key)), append(values, h.Value)
		}
		batch.Queue(`INSERT INTO inbox (input, idempotency_key, event_id, topic, partition, record_offset)
			VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`, it.Event.Type.String(), it.IdempotencyKey, it.Event.ID, "t", 0, it.Record.Offset)
		batch.Queue(`INSERT INTO state (key, version, machine_state, data) VALUES ($1, 1, $2, $3)
			ON CONFLICT (key) DO UPDATE SET version = state.version + 1, machine_state = $2, data = $3, updated_at = now()`,
			it.StateKey, "on", it.Record.Value[:200])
		batch.Queue(`INSERT INTO outbox (topic, key, header_names, header_values, value) VALUES ($1, $2, $3, $4, $5)`,
			"out", []byte(it.Record.Key), names, values, it.Record.Value)
	}
	return conn.SendBatch(ctx, &batch).Close()
}
