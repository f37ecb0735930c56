package provision

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/omninode-ai/omninode/migrations"
)

// ownTable records, in a node's schema, which migrations of the node's own were applied to it.
const ownTable = "goose_node_version"

// Own is the migrations of the tables a node has besides the runtime's.
type Own struct {
	Files  fs.FS
	Latest int64 // version of the schema once all of them are applied
}

// OwnMigrations reads the migrations in folder migrations of each node's folder below dir, by node. Nodes
// without any are left out.
func OwnMigrations(dir string) (map[string]Own, error) {
	folders, err := filepath.Glob(filepath.Join(dir, "*", "migrations"))
	if err != nil {
		return nil, fmt.Errorf("look for migrations of nodes: %w", err)
	}
	own := map[string]Own{}
	for _, folder := range folders {
		files := os.DirFS(folder)
		latest, err := migrations.Latest(files)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", folder, err)
		}
		if latest > 0 {
			own[filepath.Base(filepath.Dir(folder))] = Own{files, latest}
		}
	}
	return own, nil
}
