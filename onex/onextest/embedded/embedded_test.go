package embedded

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
)

// TestStackStartStop is not parallel: it counts goroutines.
func TestStackStartStop(t *testing.T) { //nolint:paralleltest // see above
	if _, err := binaries(t.Context(), ""); err != nil { // a first download leaves idle connections
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	rounds := 10
	if testing.Short() {
		rounds = 2
	}
	for range rounds {
		s, err := Start(t.Context(), Config{})
		if err != nil {
			t.Fatal(err)
		}
		data := s.postgres.dir
		for range 2 { // stopping twice is fine
			if err := s.Stop(); err != nil {
				t.Fatal(err)
			}
		}
		if data == nil {
			continue // DATABASE_URL
		}
		if _, err := os.Stat(data.path); !os.IsNotExist(err) {
			t.Errorf("the data folder is still there: %v", err)
		}
	}
}

func TestStackKeepsItsData(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for round := range 2 {
		s, err := Start(t.Context(), Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Stop() })
		rows, topics := visit(t, s)
		if topics != 1 || rows != round+1 {
			t.Errorf("round %d: %d topics and %d rows, want 1 and %d", round, topics, rows, round+1)
		}
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
	}
}

// visit adds a row and a topic, unless it is there, and counts both.
func visit(t *testing.T, s *Stack) (rows, topics int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.AdminDatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	const sql = `CREATE TABLE IF NOT EXISTS embedded_test (n int); INSERT INTO embedded_test VALUES (1)`
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM embedded_test").Scan(&rows); err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(s.Brokers))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	_, _ = admin.CreateTopics(t.Context(), 1, 1, nil, "kept") // the second time it exists
	list, err := admin.ListTopics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return rows, len(list)
}

func TestStackDirIsUsedByOneProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	held, err := openWorkDir(filepath.Join(dir, "postgres"), "postgres")
	if err != nil {
		t.Fatal(err)
	}
	defer held.close()
	_, err = Start(t.Context(), Config{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("Start = %v, want that the folder is in use", err)
	}
}

func TestOccupiedPorts(t *testing.T) {
	t.Parallel()
	l, err := listen("a test", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := strings.Cut(l.Addr().String(), ":")
	for name, start := range map[string]func(int) error{
		"Postgres":    func(p int) error { _, err := StartPostgres(t.Context(), PostgresConfig{Port: p}); return err },
		"Kafka":       func(p int) error { _, err := StartKafka(KafkaConfig{Port: p}); return err },
		"the catalog": func(p int) error { _, err := StartCatalog(CatalogConfig{Port: p}); return err },
	} {
		want := "port " + port + ", wanted for " + name + ", is occupied"
		if err := start(atoi(t, port)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}

func TestSweepRemovesWhatKilledProcessesLeft(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	left := filepath.Join(tmp, "omninode-thing-1")
	if err := os.MkdirAll(left, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(left, lockName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	used, err := openWorkDir("", "thing")
	if err != nil {
		t.Fatal(err)
	}
	defer used.close()
	sweep("thing")
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("the folder of a dead process is still there: %v", err)
	}
	if _, err := os.Stat(used.path); err != nil {
		t.Errorf("the folder of a living process is gone: %v", err)
	}
}
