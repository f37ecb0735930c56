// Package migrations holds the database schema as numbered SQL files in goose's format: the runtime's
// tables of one node, applied to each node's own schema, and what the fleet shares. Names are
// unqualified; the search path decides where they go. Each down is the exact inverse of its up.
//
// The package only embeds the files: internal/provision applies them, nodes compare versions.
package migrations

import (
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

//go:embed node/*.sql fleet/*.sql
var files embed.FS

// Node returns the migrations of a node's schema.
func Node() fs.FS { return sub("node") }

// Fleet returns the migrations of the schema all nodes share.
func Fleet() fs.FS { return sub("fleet") }

// FleetSchema is the name of the schema all nodes share.
const FleetSchema = "omninode"

// sub cannot fail: dir is one of the folders embedded above, which a test checks.
func sub(dir string) fs.FS {
	f, err := fs.Sub(files, dir)
	if err != nil {
		return embed.FS{}
	}
	return f
}

// Latest returns the version a schema has once all migrations of f are applied.
func Latest(f fs.FS) (int64, error) {
	names, err := fs.Glob(f, "*.sql")
	if err != nil {
		return 0, fmt.Errorf("list migrations: %w", err)
	}
	var latest int64
	for _, name := range names {
		number, _, _ := strings.Cut(name, "_")
		v, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("migration %s has no number: %w", name, err)
		}
		latest = max(latest, v)
	}
	return latest, nil
}
