package provision_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"

	"github.com/omninode-ai/omninode/internal/provision"
	"github.com/omninode-ai/omninode/migrations"
)

func TestUpDownToZeroUpIsIdentical(t *testing.T) {
	t.Parallel()
	b := setup(t)
	node := b.name("order-sync")
	first := b.migrate(t, provision.Up, node)
	before := b.describe(t)
	if len(before) < 40 {
		t.Fatalf("the description of the schema has only %d lines: %v", len(before), before)
	}
	b.migrate(t, provision.Reset, node)
	if left := b.describe(t); !onlyVersionTables(left) {
		t.Errorf("down to zero left:\n%s", strings.Join(left, "\n"))
	}
	second := b.migrate(t, provision.Up, node)
	after := b.describe(t)
	if a, z := strings.Join(before, "\n"), strings.Join(after, "\n"); a != z {
		t.Errorf("before:\n%s\n\nafter:\n%s", a, z)
	}
	if len(first.Schemas) != 2 || len(second.Schemas[1].Applied) != len(first.Schemas[1].Applied) {
		t.Errorf("first %+v, second %+v", first, second)
	}
}

func onlyVersionTables(lines []string) bool {
	for _, l := range lines {
		if !strings.Contains(l, "goose_db_version") {
			return false
		}
	}
	return true
}

// describe lists everything about the tables, sorted: columns with their comments, constraints,
// indexes, functions, policies and rights.
func (b *bench) describe(t *testing.T) []string {
	t.Helper()
	const query = `
	WITH ours AS (SELECT oid, nspname FROM pg_namespace WHERE nspname = 'omninode' OR nspname LIKE '%'||$1),
	rel AS (SELECT c.*, o.nspname FROM pg_class c JOIN ours o ON o.oid = c.relnamespace)
	SELECT l FROM (
		SELECT concat_ws(' ', 'relation', nspname, relname, relkind, relrowsecurity, reloptions::text, relacl::text, obj_description(rel.oid, 'pg_class')) FROM rel
		UNION ALL SELECT concat_ws(' ', 'column', nspname, relname, attnum, attname, format_type(atttypid, atttypmod), attnotnull, attidentity, pg_get_expr(adbin, adrelid), col_description(rel.oid, attnum))
			FROM rel JOIN pg_attribute a ON attrelid = rel.oid LEFT JOIN pg_attrdef ON adrelid = rel.oid AND adnum = attnum WHERE attnum > 0 AND NOT attisdropped AND relkind = 'r'
		UNION ALL SELECT concat_ws(' ', 'constraint', nspname, relname, conname, pg_get_constraintdef(k.oid)) FROM rel JOIN pg_constraint k ON conrelid = rel.oid
		UNION ALL SELECT concat_ws(' ', 'index', nspname, relname, pg_get_indexdef(rel.oid)) FROM rel WHERE relkind = 'i'
		UNION ALL SELECT concat_ws(' ', 'policy', nspname, relname, polname, polcmd, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)) FROM rel JOIN pg_policy ON polrelid = rel.oid
		UNION ALL SELECT concat_ws(' ', 'function', nspname, pg_get_functiondef(p.oid), proacl::text, obj_description(p.oid, 'pg_proc')) FROM pg_proc p JOIN ours o ON o.oid = pronamespace
	) AS all_lines(l) ORDER BY l`
	rows, err := b.admin.Query(t.Context(), query, b.suffix)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestDirections(t *testing.T) {
	t.Parallel()
	b := setup(t)
	node := b.name("payment")
	latest, err := migrations.Latest(migrations.Node())
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		d             provision.Direction
		before, after int64
		steps         int
	}{
		{provision.Status, 0, 0, 0}, // not even the schema is there
		{provision.Up, 0, latest, int(latest)},
		{provision.Up, latest, latest, 0},
		{provision.Status, latest, latest, 0},
		{provision.Redo, latest, latest, 2},
		{provision.Down, latest, latest - 1, 1},
		{provision.Up, latest - 1, latest, 1},
		{provision.Reset, latest, 0, int(latest)},
		{provision.Down, 0, 0, 0},
		{provision.Redo, 0, 0, 0},
	}
	for i, tt := range tests {
		s := b.migrate(t, tt.d, node).Schemas[1]
		if s.Node != node || s.Before != tt.before || s.After != tt.after || len(s.Applied) != tt.steps || s.Latest != latest {
			t.Errorf("%d: %s: %+v, want %+v", i, tt.d, s, tt)
		}
	}
}

func TestRunsThatMeetWaitForEachOther(t *testing.T) {
	t.Parallel()
	b := setup(t)
	nodes := []string{b.name("pricing"), b.name("payment"), b.name("orders")}
	var g errgroup.Group
	for range 4 {
		g.Go(func() error {
			_, err := provision.Migrate(t.Context(), provision.MigrateConfig{AdminURL: b.adminURL, Nodes: nodes, Direction: provision.Up})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

func TestRoleIsHeldToItsOwnSchema(t *testing.T) {
	t.Parallel()
	b := setup(t)
	payment, orders := b.name("payment"), b.name("orders")
	b.migrate(t, provision.Up, payment, orders)
	conn := b.as(t, payment)
	allowed := []string{
		`INSERT INTO outbox (topic, key, header_names, header_values, value) VALUES ('t', 'k', '{}', '{}', 'v')`,
		`SELECT * FROM outbox`, `DELETE FROM outbox`, `SELECT * FROM goose_db_version`, `SELECT guard(1, 'OX001')`,
		registration(payment), `UPDATE omninode.node_registrations SET heartbeat_at = now() WHERE node = '` + payment + `'`,
		`SELECT * FROM omninode.node_registrations`,
	}
	for _, sql := range allowed {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	theirs := provision.Schema(orders)
	denied := []string{
		`SELECT * FROM ` + theirs + `.inbox`, `INSERT INTO ` + theirs + `.state VALUES ('k', 1, '', '')`,
		registration(orders), `TRUNCATE omninode.node_registrations`, `SELECT * FROM omninode.goose_db_version`,
		`CREATE TABLE mine (x int)`, `DROP TABLE inbox`, `ALTER TABLE inbox ADD x int`, `TRUNCATE inbox`,
		`UPDATE goose_db_version SET version_id = 0`, `CREATE SCHEMA mine`, `CREATE ROLE mine`, `SET ROLE ` + theirs,
		`ALTER ROLE ` + provision.Schema(payment) + ` SUPERUSER`,
	}
	for _, sql := range denied {
		if _, err := conn.Exec(t.Context(), sql); !refused(err) {
			t.Errorf("%s: %v, want it refused for lack of rights", sql, err)
		}
	}
}

func TestRoleCannotTouchAnotherNodesRegistration(t *testing.T) {
	t.Parallel()
	b := setup(t)
	payment, orders := b.name("payment"), b.name("orders")
	b.migrate(t, provision.Up, payment, orders)
	if _, err := b.as(t, orders).Exec(t.Context(), registration(orders)); err != nil {
		t.Fatal(err)
	}
	conn := b.as(t, payment)
	tag, err := conn.Exec(t.Context(), `UPDATE omninode.node_registrations SET address = 'stolen' WHERE node = '`+orders+`'`)
	if err != nil || tag.RowsAffected() != 0 {
		t.Errorf("changed %d rows of another node, %v", tag.RowsAffected(), err)
	}
	tag, err = conn.Exec(t.Context(), `DELETE FROM omninode.node_registrations`)
	if err != nil || tag.RowsAffected() != 0 {
		t.Errorf("swept %d rows of another node, %v", tag.RowsAffected(), err)
	}
	if _, err := conn.Exec(t.Context(), registration(payment)); err != nil {
		t.Fatal(err)
	}
	_, err = conn.Exec(t.Context(), `UPDATE omninode.node_registrations SET node = '`+orders+`' WHERE node = '`+payment+`'`)
	if !refused(err) {
		t.Errorf("gave its row to another node: %v", err)
	}
}

func registration(node string) string {
	return `INSERT INTO omninode.node_registrations (service_id, node, instance, node_type, version, address, port,
		capabilities, events_consumed, events_emitted, contract_sha256, epoch, lease_expires_at)
		VALUES ('` + node + `-one', '` + node + `', 'one', 'effect', '1.0.0', 'host', 1, '{}', '{}', '{}', '', 1, now())`
}

func refused(err error) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && pe.Code == "42501"
}

func TestUpRefusesARoleWithPower(t *testing.T) {
	t.Parallel()
	b := setup(t)
	node := b.name("boss")
	if _, err := b.admin.Exec(t.Context(), `CREATE ROLE `+provision.Schema(node)+` SUPERUSER`); err != nil {
		t.Fatal(err)
	}
	_, err := provision.Migrate(t.Context(), provision.MigrateConfig{AdminURL: b.adminURL, Nodes: []string{node}, Direction: provision.Up})
	if err == nil || !strings.Contains(err.Error(), "rights that no node may have") {
		t.Errorf("got %v", err)
	}
}

func TestMigrateRefuses(t *testing.T) {
	t.Parallel()
	const url = "postgres://admin:canary@127.0.0.1:1/db"
	tests := map[string]struct {
		c    provision.MigrateConfig
		want string
	}{
		"schema of the fleet": {provision.MigrateConfig{AdminURL: url, Direction: provision.Up, Nodes: []string{"omninode"}}, "taken by the database"},
		"superuser":           {provision.MigrateConfig{AdminURL: url, Direction: provision.Up, Nodes: []string{"postgres"}}, "taken by the database"},
		"system schema":       {provision.MigrateConfig{AdminURL: url, Direction: provision.Up, Nodes: []string{"pg-catalog"}}, "taken by the database"},
		"hostile name":        {provision.MigrateConfig{AdminURL: url, Direction: provision.Up, Nodes: []string{`a"; DROP`}}, "not a valid name"},
		"direction":           {provision.MigrateConfig{AdminURL: url, Direction: "sideways"}, `unknown direction "sideways"`},
		"nobody answers":      {provision.MigrateConfig{AdminURL: url, Direction: provision.Up}, "reach the database"},
		"url":                 {provision.MigrateConfig{AdminURL: "postgres://admin:canary@[::1/db", Direction: provision.Up}, "administrator's database url"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := provision.Migrate(t.Context(), tt.c)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "canary") {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}
