package provision_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/omninode-ai/omninode/internal/postgres"
	"github.com/omninode-ai/omninode/internal/provision"
	"github.com/omninode-ai/omninode/migrations"
)

const (
	charges = "-- +goose Up\nCREATE TABLE charge (id text PRIMARY KEY, n serial);\n-- +goose Down\nDROP TABLE charge;\n"
	refunds = "-- +goose Up\nALTER TABLE charge ADD refunded boolean NOT NULL DEFAULT false;\n-- +goose Down\nALTER TABLE charge DROP refunded;\n"
)

// own writes migrations of a node's own and reads them.
func own(t *testing.T, node string, files map[string]string) (map[string]provision.Own, error) {
	t.Helper()
	dir := t.TempDir()
	folder := filepath.Join(dir, node, "migrations")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, sql := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(sql), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return provision.OwnMigrations(dir)
}

// TestOwnTables: a node's own migrations are counted by themselves, come after the runtime's and go before
// them, and leave the node the rows but not the tables.
func TestOwnTables(t *testing.T) {
	t.Parallel()
	b := setup(t)
	node, other := b.name("payment"), b.name("orders")
	o, err := own(t, node, map[string]string{"00001_charge.sql": charges, "00002_refund.sql": refunds})
	if err != nil || len(o) != 1 || o[node].Latest != 2 {
		t.Fatalf("own migrations %+v, %v", o, err)
	}
	latest, _ := migrations.Latest(migrations.Node())
	for i, tt := range []struct {
		d                         provision.Direction
		before, after             int64
		runtimeBefore, runtimeEnd int64
	}{
		{provision.Status, 0, 0, 0, 0},
		{provision.Up, 0, 2, 0, latest},
		{provision.Redo, 2, 2, latest, latest},
		{provision.Down, 2, 1, latest, latest - 1},
		{provision.Up, 1, 2, latest - 1, latest},
		{provision.Status, 2, 2, latest, latest},
		{provision.Reset, 2, 0, latest, 0},
		{provision.Up, 0, 2, 0, latest},
	} {
		r, err := provision.Migrate(t.Context(), provision.MigrateConfig{AdminURL: b.adminURL, Nodes: []string{other, node}, Direction: tt.d, Own: o})
		if err != nil || len(r.Schemas) != 4 {
			t.Fatalf("%d: %s: %+v, %v", i, tt.d, r, err)
		}
		for _, s := range r.Schemas[2:] {
			want := [3]int64{tt.runtimeBefore, tt.runtimeEnd, latest}
			if s.Own {
				want = [3]int64{tt.before, tt.after, 2}
			}
			if got := [3]int64{s.Before, s.After, s.Latest}; s.Node != node || got != want {
				t.Errorf("%d: %s: %+v, want %v", i, tt.d, s, want)
			}
		}
	}
	conn := b.as(t, node)
	for _, sql := range []string{`INSERT INTO charge VALUES ('1')`, `UPDATE charge SET refunded = true`, `DELETE FROM charge`, `SELECT * FROM goose_node_version`} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	for _, sql := range []string{`DROP TABLE charge`, `ALTER TABLE charge ADD x int`, `TRUNCATE charge`, `UPDATE goose_node_version SET version_id = 9`, `DELETE FROM goose_node_version`} {
		if _, err := conn.Exec(t.Context(), sql); !refused(err) {
			t.Errorf("%s: %v, want it refused for lack of rights", sql, err)
		}
	}
	if _, err := b.as(t, other).Exec(t.Context(), `SELECT * FROM `+provision.Schema(node)+`.charge`); !refused(err) {
		t.Errorf("another node reads the table: %v", err)
	}
	b.checkOwn(t, node, other)
}

// checkOwn: a program that needs a later version of its own tables, or any where there are none, says so.
func (b *bench) checkOwn(t *testing.T, node, without string) {
	t.Helper()
	for _, tt := range []struct {
		node string
		need int64
		want string
	}{{node, 2, ""}, {node, 1, ""}, {without, 0, ""}, {node, 3, "own tables in schema"}, {without, 1, "are at version 0, this program needs 1"}} {
		if _, err := b.admin.Exec(t.Context(), `ALTER ROLE `+provision.Schema(tt.node)+` PASSWORD 'test'`); err != nil {
			t.Fatal(err)
		}
		_, address, _ := strings.Cut(b.adminURL, "@")
		s, err := postgres.Open(t.Context(), postgres.Config{URL: "postgres://" + provision.Schema(tt.node) + ":test@" + address, Group: "g", Instance: "i"})
		if err != nil {
			t.Fatal(err)
		}
		err = s.CheckOwnSchema(t.Context(), tt.need)
		s.Close()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}

// TestOwnMistakes: a migration that fails names the node's own tables; a name without a number is refused.
func TestOwnMistakes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	node := b.name("payment")
	if _, err := own(t, node, map[string]string{"charge.sql": charges}); err == nil || !strings.Contains(err.Error(), "charge.sql has no number") {
		t.Errorf("without a number: %v", err)
	}
	o, err := own(t, node, map[string]string{"00001_inbox.sql": "-- +goose Up\nCREATE TABLE inbox ();\n"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = provision.Migrate(t.Context(), provision.MigrateConfig{AdminURL: b.adminURL, Nodes: []string{node}, Direction: provision.Up, Own: o})
	if err == nil || !strings.Contains(err.Error(), "own tables in schema") || !strings.Contains(err.Error(), "version:1") {
		t.Errorf("a table of the runtime's: %v", err)
	}
}
