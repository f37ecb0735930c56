package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omninode-ai/omninode/e2e/bench/load"
	"github.com/omninode-ai/omninode/e2e/servers"
	"github.com/omninode-ai/omninode/internal/provision"
	"github.com/omninode-ai/omninode/onex/onextest/embedded"
)

// stage is what the speed cases measure on: real servers of their own, a catalog, and the programs.
type stage struct {
	*servers.Servers

	b       *bench
	catalog *embedded.Catalog
	kgo     *kgo.Client
	admin   *kadm.Client
	subject string // program of the nodes and of the loops written by hand
	rivals  string // program of the other libraries; "" if they cannot be built here
	names   int
	folded  int64 // events that the last reducer handled
}

// partitions of every topic.
const partitions = 3

// onStage runs a case on servers that are removed afterwards.
func (b *bench) onStage(ctx context.Context, f func(ctx context.Context, s *stage) error) error {
	s := &stage{b: b}
	var err error
	s.Servers, err = servers.Start(ctx, servers.Config{
		Root: b.root, Label: "bench", Kafka: map[string]string{"KAFKA_LOG_SEGMENT_DELETE_DELAY_MS": "1000", "KAFKA_HEAP_OPTS": "-Xms1g -Xmx1g"},
		Postgres: []string{"shared_buffers=256MB", "max_wal_size=4GB"},
	})
	if err != nil {
		return err
	}
	defer s.Stop()
	if s.catalog, err = embedded.StartCatalog(embedded.CatalogConfig{}); err != nil {
		return err
	}
	defer func() { _ = s.catalog.Stop() }()
	s.kgo, err = kgo.NewClient(kgo.SeedBrokers(s.Brokers), kgo.MaxBufferedRecords(50_000), kgo.MetadataMinAge(100*time.Millisecond),
		kgo.UnknownTopicRetries(20))
	if err != nil {
		return err
	}
	defer s.kgo.Close()
	s.admin = kadm.NewClient(s.kgo)
	if s.subject, err = b.build(ctx, "./e2e/bench/subject", "subject"); err != nil {
		return err
	}
	if err := s.buildRivals(ctx); err != nil {
		fmt.Fprintf(b.out, "  the other libraries are left out: %v\n", err)
	}
	return f(ctx, s)
}

// buildRivals builds the other libraries from a module of their own.
func (s *stage) buildRivals(ctx context.Context) error {
	to := filepath.Join(s.b.temp, "rivals")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", to, ".")
	cmd.Dir = filepath.Join(s.b.root, "e2e", "bench", "rivals")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	s.rivals = to
	return nil
}

// name returns a name that nothing else of this run has.
func (s *stage) name(prefix string) string {
	s.names++
	return fmt.Sprintf("%s-%d", prefix, s.names)
}

// topic creates a topic.
func (s *stage) topic(ctx context.Context, name string) error {
	return s.create(ctx, name, partitions, nil)
}

// compacted creates a topic that keeps the last record of each key.
func (s *stage) compacted(ctx context.Context, name string) error {
	return s.create(ctx, name, partitions, map[string]*string{"cleanup.policy": new("compact")})
}

func (s *stage) create(ctx context.Context, name string, parts int32, config map[string]*string) error {
	res, err := s.admin.CreateTopic(ctx, parts, 1, config, name)
	if err == nil {
		err = res.Err
	}
	if err != nil {
		return fmt.Errorf("create topic %s: %w", name, err)
	}
	return nil
}

// fill puts n orders of so many keys on the topic that every subject consumes.
func (s *stage) fill(ctx context.Context, n, keys int) error {
	if err := s.topic(ctx, load.InputTopic()); err != nil {
		return err
	}
	first := kgo.AbortingFirstErrPromise(s.kgo)
	for i := range n {
		r, err := load.Record(load.InputTopic(), load.Input(), i, keys, time.Now())
		if err != nil {
			return err
		}
		s.kgo.Produce(ctx, r, first.Promise())
	}
	return first.Err()
}

// node makes the schema and role of a node and returns what its process needs to know.
func (s *stage) node(ctx context.Context, name string) ([]string, error) {
	_, err := provision.Migrate(ctx, provision.MigrateConfig{AdminURL: s.AdminURL, Nodes: []string{name}, Direction: provision.Up})
	if err != nil {
		return nil, err
	}
	role := provision.Schema(name)
	err = s.database(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, fmt.Sprintf(`ALTER ROLE %q LOGIN PASSWORD 'bench'`, role))
		return err
	})
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(s.AdminURL)
	if err != nil {
		return nil, err
	}
	u.User = url.UserPassword(role, "bench")
	port, err := servers.FreePort(ctx)
	if err != nil {
		return nil, err
	}
	return []string{
		"BENCH_NODE=" + name, strings.ToUpper(role) + "_DATABASE_URL=" + u.String(),
		"ONEX_KAFKA_BROKERS=" + s.Brokers, "CONSUL_HTTP_ADDR=" + s.catalog.Addr(), "ONEX_HTTP_ADDR=127.0.0.1:" + port,
		"ONEX_ADVERTISE_ADDR=127.0.0.1", "ONEX_INSTANCE=bench", "ONEX_LOG_LEVEL=warn",
	}, nil
}

// database lends a connection of the administrator.
func (s *stage) database(ctx context.Context, use func(conn *pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, s.AdminURL)
	if err != nil {
		return fmt.Errorf("reach the database: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return use(conn)
}

// place is what a loop needs to know.
func (s *stage) place(name, output string) []string {
	return []string{
		"BENCH_BROKERS=" + s.Brokers, "BENCH_GROUP=" + name, "BENCH_INPUT=" + load.InputTopic(), "BENCH_OUTPUT=" + output,
		"BENCH_DATABASE=" + s.AdminURL, "BENCH_TEMP=" + s.b.temp,
	}
}

// profile asks the process for a profile of its CPU, if the run keeps some.
func (s *stage) profile(name string) []string {
	if s.b.profiles == "" {
		return nil
	}
	return []string{"BENCH_PROFILE=" + filepath.Join(s.b.profiles, name+".prof")}
}

// command returns a process under measure; what it says goes to the log of the run.
func (s *stage) command(ctx context.Context, program, role string, env ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, role)
	cmd.Env = append(os.Environ(), env...)
	return cmd
}
