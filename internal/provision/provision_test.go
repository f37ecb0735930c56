package provision_test

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/omninode-ai/omninode/internal/provision"
	"github.com/omninode-ai/omninode/onex/onextest/embedded"
)

// serverEnv tells the tests where the server is that TestMain started, or why there is none.
const serverEnv, problemEnv = "PROVISION_TEST_SERVER", "PROVISION_TEST_PROBLEM"

func TestMain(m *testing.M) {
	p, err := embedded.StartPostgres(context.Background(), embedded.PostgresConfig{})
	if err != nil {
		_ = os.Setenv(problemEnv, err.Error())
		m.Run()
		return
	}
	defer func() { _ = p.Stop() }()
	_ = os.Setenv(serverEnv, p.URL())
	m.Run()
}

// bench is a database of a test's own, and node names of its own, because roles belong to the server.
type bench struct {
	adminURL string
	admin    *pgx.Conn
	suffix   string
}

func setup(t *testing.T) *bench {
	t.Helper()
	server := os.Getenv(serverEnv)
	if server == "" {
		t.Fatalf("start Postgres: %s", os.Getenv(problemEnv))
	}
	b := &bench{suffix: strings.ToLower(rand.Text()[:10])}
	conn := connect(t, server)
	if _, err := conn.Exec(t.Context(), `CREATE DATABASE test_`+b.suffix); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.drop(t, conn) })
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/test_" + b.suffix
	b.adminURL = u.String()
	b.admin = connect(t, b.adminURL)
	return b
}

// drop leaves the server as it was.
func (b *bench) drop(t *testing.T, conn *pgx.Conn) {
	ctx := context.WithoutCancel(t.Context())
	if _, err := conn.Exec(ctx, `DROP DATABASE test_`+b.suffix+` WITH (FORCE)`); err != nil {
		t.Error(err)
	}
	rows, err := conn.Query(ctx, `SELECT rolname FROM pg_roles WHERE rolname LIKE '%'||$1`, b.suffix)
	if err != nil {
		t.Error(err)
		return
	}
	roles, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Error(err)
	}
	for _, r := range roles {
		if _, err := conn.Exec(ctx, `DROP ROLE `+r); err != nil {
			t.Error(err)
		}
	}
}

// name returns a node name of this test.
func (b *bench) name(node string) string { return node + "-" + b.suffix }

func (b *bench) migrate(t *testing.T, d provision.Direction, nodes ...string) provision.MigrateReport {
	t.Helper()
	r, err := provision.Migrate(t.Context(), provision.MigrateConfig{AdminURL: b.adminURL, Nodes: nodes, Direction: d})
	if err != nil {
		t.Fatalf("migrate %s: %v", d, err)
	}
	return r
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// as returns the administrator's session acting with a node's rights and search path.
func (b *bench) as(t *testing.T, node string) *pgx.Conn {
	t.Helper()
	conn := connect(t, b.adminURL)
	role := provision.Schema(node)
	for _, sql := range []string{`SET search_path = ` + role, `SET SESSION AUTHORIZATION ` + role} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	return conn
}
