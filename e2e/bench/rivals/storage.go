package main

import (
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"
	"github.com/lovoo/goka/storage"
)

type pgxTx = pgx.Tx

// leveldb is goka's own store, in the folder of the run, which is removed at its end.
func leveldb(p place) storage.Builder {
	return storage.DefaultBuilder(filepath.Join(os.Getenv("BENCH_TEMP"), p.group))
}
