package postgres_test

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omninode-ai/omninode/internal/delivery"
	"github.com/omninode-ai/omninode/internal/kafka"
	"github.com/omninode-ai/omninode/internal/postgres"
	"github.com/omninode-ai/omninode/onex/engine"
)

// BenchmarkRelay copies 20,000 records of 1 KB into the outbox, then relays them: the ratio is that of
// the two rates. It runs on the embedded servers; TEST_DATABASE_URL and TEST_KAFKA_BROKERS name others.
func BenchmarkRelay(b *testing.B) {
	const rows = 20_000
	s, conn, send := benchRelay(b)
	items := benchItems(0, rows)
	var copied, relayed time.Duration
	for b.Loop() {
		start := time.Now()
		_, err := conn.CopyFrom(b.Context(), pgx.Identifier{"outbox"}, []string{"topic", "key", "header_names", "header_values", "value"},
			pgx.CopyFromSlice(rows, func(i int) ([]any, error) {
				names, values := [][]byte{}, [][]byte{}
				for _, h := range items[i].Record.Headers {
					names, values = append(names, []byte(h.Key)), append(values, h.Value)
				}
				return []any{"bench", []byte(items[i].Record.Key), names, values, items[i].Record.Value}, nil
			}))
		if err != nil {
			b.Fatal(err)
		}
		copied += time.Since(start)
		stop := make(chan struct{})
		drain := sync.OnceFunc(func() { close(stop) })
		start = time.Now()
		delivery.NewRelay(s, func(ctx context.Context, records []engine.Outgoing) []error {
			drain() // it is in charge
			return send(ctx, records)
		}, slog.New(slog.DiscardHandler)).Run(b.Context(), stop)
		relayed += time.Since(start)
		if d, err := s.Depths(b.Context()); err != nil || d.Outbox != 0 {
			b.Fatalf("%+v are left, %v", d, err)
		}
	}
	n := float64(rows * b.N)
	b.ReportMetric(n/copied.Seconds(), "copied/s")
	b.ReportMetric(n/relayed.Seconds(), "relayed/s")
	b.ReportMetric(copied.Seconds()/relayed.Seconds(), "ratio")
}

// BenchmarkRelayLatency commits 300 records a second and measures from the return of the commit until
// the broker has the record, and after each how long the broker takes for one that is sent directly.
func BenchmarkRelayLatency(b *testing.B) {
	s, _, send := benchRelay(b)
	_, _, direct := benchRelay(b)
	sent := make(chan time.Time, 1)
	r := delivery.NewRelay(s, func(ctx context.Context, records []engine.Outgoing) []error {
		errs := send(ctx, records)
		for range records {
			sent <- time.Now()
		}
		return errs
	}, slog.New(slog.DiscardHandler))
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		r.Run(b.Context(), stop)
	}()
	l, err := s.Claim(b.Context(), engine.Partition{Topic: "t"})
	if err != nil {
		b.Fatal(err)
	}
	items := benchItems(0, 1000)
	var took, bare []time.Duration
	tick := time.NewTicker(time.Second / 300)
	defer tick.Stop()
	for b.Loop() {
		<-tick.C
		it := items[l.Next%int64(len(items))]
		it.Record.Offset = l.Next
		out := engine.Outgoing{Topic: "bench", Key: it.Record.Key, Headers: it.Record.Headers, Value: it.Record.Value}
		if err := s.Commit(b.Context(), l, engine.Commit{Item: it, Outbox: []engine.Outgoing{out}}); err != nil {
			b.Fatal(err)
		}
		committed := time.Now()
		r.Wake()
		took = append(took, (<-sent).Sub(committed))
		l.Next++
		start := time.Now()
		if err := direct(b.Context(), []engine.Outgoing{out})[0]; err != nil {
			b.Fatal(err)
		}
		bare = append(bare, time.Since(start))
	}
	close(stop)
	<-done
	for name, list := range map[string][]time.Duration{"": took, "broker-": bare} {
		slices.Sort(list)
		for _, p := range []int{50, 99} {
			b.ReportMetric(float64(list[len(list)*p/100].Microseconds())/1000, fmt.Sprintf("%sp%d-ms", name, p))
		}
	}
}

// benchRelay returns a store, a connection to its schema and a sender to a topic.
func benchRelay(b *testing.B) (*postgres.Store, *pgx.Conn, func(context.Context, []engine.Outgoing) []error) {
	b.Helper()
	_, roleURL := migrated(b)
	s, err := postgres.Open(b.Context(), postgres.Config{URL: roleURL, Group: "onex.bench", Instance: "a"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.Close)
	conn, err := pgx.Connect(b.Context(), roleURL)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close(context.Background()) })
	cl, err := kafka.Open(kafka.Config{Brokers: benchBrokers(b)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(cl.Close)
	sender, err := cl.NewSender()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(sender.Close)
	return s, conn, sender.Send
}

func benchBrokers(b *testing.B) []string {
	b.Helper()
	brokers := strings.Split(os.Getenv("TEST_KAFKA_BROKERS"), ",")
	if brokers[0] == "" {
		c, err := kfake.NewCluster(kfake.NumBrokers(1))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(c.Close)
		brokers = c.ListenAddrs()
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		b.Fatal(err)
	}
	defer cl.Close()
	created, err := kadm.NewClient(cl).CreateTopic(b.Context(), 4, 1, nil, "bench")
	if err = cmp.Or(err, created.Err); err != nil && !strings.Contains(err.Error(), "TOPIC_ALREADY_EXISTS") {
		b.Fatal(err)
	}
	return brokers
}
