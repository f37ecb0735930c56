package provision

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/omninode-ai/omninode/migrations"
)

// ensureRole creates the login role of a node. It has no password yet, so nobody can log in with it,
// owns nothing and may become nobody else.
func ensureRole(ctx context.Context, conn *pgx.Conn, role string) error {
	var powerful bool
	err := conn.QueryRow(ctx, `SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls OR rolname = current_user
		FROM pg_roles WHERE rolname = $1`, role).Scan(&powerful)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		_, err = conn.Exec(ctx, `CREATE ROLE `+quote(role)+` LOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS`)
	case err == nil && powerful:
		return fmt.Errorf("role %q exists with rights that no node may have; rename the node or the role", role)
	}
	if err != nil {
		return fmt.Errorf("create role %q: %w", role, err)
	}
	return configureRole(ctx, conn, role)
}

// configureRole sets what every session of the role starts with in this database. The timeouts are the
// last resort: a client sets shorter ones of its own.
func configureRole(ctx context.Context, conn *pgx.Conn, role string) error {
	db := quote(conn.Config().Database)
	for _, setting := range []string{
		"search_path = " + quote(role),
		"idle_in_transaction_session_timeout = '30s'",
		"lock_timeout = '10s'",
		"statement_timeout = '30s'",
	} {
		if _, err := conn.Exec(ctx, `ALTER ROLE `+quote(role)+` IN DATABASE `+db+` SET `+setting); err != nil {
			return fmt.Errorf("configure role %q: %w", role, err)
		}
	}
	return nil
}

// ensureSchema creates a schema that belongs to the administrator.
func ensureSchema(ctx context.Context, conn *pgx.Conn, schema string) error {
	if _, err := conn.Exec(ctx, `CREATE SCHEMA IF NOT EXISTS `+quote(schema)); err != nil {
		return fmt.Errorf("create schema %q: %w", schema, err)
	}
	return nil
}

// grant lets a node's role use its own schema and the fleet's. It may change rows, never tables, and
// not the record of what was migrated. What each role may do in the fleet's schema is part of the
// migrations, by row.
func grant(ctx context.Context, conn *pgx.Conn, t target) error {
	schema := t.schema
	s, role := quote(schema), quote(schema)
	tx, err := conn.Begin(ctx)
	if err != nil {
		return fmt.Errorf("grant role %q its rights: %w", schema, err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	statements := []string{
		`GRANT CONNECT ON DATABASE ` + quote(conn.Config().Database) + ` TO ` + role,
		`GRANT USAGE ON SCHEMA ` + s + `, ` + quote(migrations.FleetSchema) + ` TO ` + role,
		`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ` + s + ` TO ` + role,
		`REVOKE INSERT, UPDATE, DELETE ON ` + s + `.` + versionTable + ` FROM ` + role,
		`DO $$ BEGIN IF to_regclass('` + s + `.` + ownTable + `') IS NOT NULL THEN
			REVOKE INSERT, UPDATE, DELETE ON ` + s + `.` + ownTable + ` FROM ` + role + `; END IF; END $$`,
		`GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ` + s + ` TO ` + role,
	}
	if t.own {
		statements = append(statements, `GRANT USAGE ON ALL SEQUENCES IN SCHEMA `+s+` TO `+role)
	}
	for _, sql := range statements {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return fmt.Errorf("grant role %q its rights: %w", schema, err)
		}
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("grant role %q its rights: %w", schema, err)
	}
	return nil
}
