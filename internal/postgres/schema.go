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
	Have   int64 // 0: never migrated
	Want   int64
}

func (e *SchemaError) Error() string {
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
	var have int64
	const query = `SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied`
	err = s.pool.QueryRow(ctx, query).Scan(&have)
	if err != nil && sqlState(err) != undefinedTable {
		return fmt.Errorf("read version of schema %q: %w", *schema, err)
	}
	if have < want {
		return &SchemaError{Schema: *schema, Have: have, Want: want}
	}
	return nil
}

// Refused reports whether the server turned the role away (a wrong password, a missing role,
// database or right), which trying again does not cure.
func Refused(err error) bool {
	state := sqlState(err)
	return strings.HasPrefix(state, "28") || state == "3D000" || state == "42501"
}
