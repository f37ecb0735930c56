package main

import (
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"
	"github.com/lovoo/goka/storage"
)

type pgxTx = pgx.Tx

// leveldb is goka's own store, in a folder that does not outlive the run.
func leveldb(p place) storage.Builder {
	return storage.DefaultBuilder(filepath.Join(os.TempDir(), "omninode-bench-goka", p.group))
}
