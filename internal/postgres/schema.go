package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/omninode-ai/omninode/migrations"
)

// SchemaError says that a schema is older than what this program needs.
type SchemaError struct {
	Schema string
	Own    bool  // the tables the node has besides the runtime's
	Have   int64 // 0: never migrated
	Want   int64
}

func (e *SchemaError) Error() string {
	if e.Own {
		return fmt.Sprintf("the node's own tables in schema %q are at version %d, this program needs %d; run: omninode migrate up", e.Schema, e.Have, e.Want)
	}
	return fmt.Sprintf("schema %q is at version %d, this program needs %d; run: omninode migrate up", e.Schema, e.Have, e.Want)
}

// CheckSchema compares the version of the node's schema with the migrations this program was built
// with. It never migrates. A newer schema is accepted: migrations keep older programs working.
func (s *Store) CheckSchema(ctx context.Context) error {
	want, err := migrations.Latest(migrations.Node())
	if err != nil {
		return err
	}
	var schema *string
	if err := s.pool.QueryRow(ctx, `SELECT current_schema()`).Scan(&schema); err != nil {
		return fmt.Errorf("reach database: %w", err)
	}
	if schema == nil {
		return fmt.Errorf("role has no schema in its search path: %w", &SchemaError{Schema: "", Want: want})
	}
	return s.atLeast(ctx, `goose_db_version`, &SchemaError{Schema: *schema, Want: want})
}

// CheckOwnSchema compares the version of the tables the node has besides the runtime's with the one it
// needs; 0 is that it has none.
func (s *Store) CheckOwnSchema(ctx context.Context, want int64) error {
	if want == 0 {
		return nil
	}
	var schema string
	if err := s.pool.QueryRow(ctx, `SELECT coalesce(current_schema(), '')`).Scan(&schema); err != nil {
		return fmt.Errorf("reach database: %w", err)
	}
	return s.atLeast(ctx, `goose_node_version`, &SchemaError{Schema: schema, Own: true, Want: want})
}

// atLeast returns outdated, filled in, if what a table of versions records is older than it wants.
func (s *Store) atLeast(ctx context.Context, table string, outdated *SchemaError) error {
	err := s.pool.QueryRow(ctx, `SELECT coalesce(max(version_id), 0) FROM `+table+` WHERE is_applied`).Scan(&outdated.Have)
	if err != nil && sqlState(err) != undefinedTable {
		return fmt.Errorf("read version of schema %q: %w", outdated.Schema, err)
	}
	if outdated.Have < outdated.Want {
		return outdated
	}
	return nil
}

// Refused reports whether the server turned the role away (a wrong password, a missing role,
// database or right), which trying again does not cure.
func Refused(err error) bool {
	state := sqlState(err)
	return strings.HasPrefix(state, "28") || state == "3D000" || state == "42501"
}
