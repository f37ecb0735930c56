package simulation

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// table stands for the transaction that commits an input: statements on a node's own tables are counted,
// and what asks for rows fails, since there are no tables.
type table struct {
	pgx.Tx // nil: what is not here is not simulated

	statements int
}

var errNoTables = errors.New("the simulation has no tables: it takes Exec only")

// Exec implements pgx.Tx.
func (t *table) Exec(context.Context, string, ...any) (pgconn.CommandTag, error) {
	t.statements++
	return pgconn.NewCommandTag("INSERT 0 1"), nil
}

// Query implements pgx.Tx.
func (t *table) Query(context.Context, string, ...any) (pgx.Rows, error) { return nil, errNoTables }

// QueryRow implements pgx.Tx.
func (t *table) QueryRow(context.Context, string, ...any) pgx.Row { return noRow{} }

// Prepare implements pgx.Tx.
func (t *table) Prepare(context.Context, string, string) (*pgconn.StatementDescription, error) {
	return nil, errNoTables
}

// Begin implements pgx.Tx.
func (t *table) Begin(context.Context) (pgx.Tx, error) { return t, nil }

// Commit implements pgx.Tx.
func (t *table) Commit(context.Context) error { return nil }

// Rollback implements pgx.Tx.
func (t *table) Rollback(context.Context) error { return nil }

// SendBatch implements pgx.Tx.
func (t *table) SendBatch(_ context.Context, b *pgx.Batch) pgx.BatchResults {
	t.statements += b.Len()
	return noBatch{}
}

// CopyFrom implements pgx.Tx.
func (t *table) CopyFrom(context.Context, pgx.Identifier, []string, pgx.CopyFromSource) (int64, error) {
	t.statements++
	return 0, nil
}

// Conn implements pgx.Tx.
func (t *table) Conn() *pgx.Conn { return nil }

type noRow struct{}

// Scan implements pgx.Row.
func (noRow) Scan(...any) error { return errNoTables }

type noBatch struct{ pgx.BatchResults }

// Exec implements pgx.BatchResults.
func (noBatch) Exec() (pgconn.CommandTag, error) { return pgconn.NewCommandTag("INSERT 0 1"), nil }

// Query implements pgx.BatchResults.
func (noBatch) Query() (pgx.Rows, error) { return nil, errNoTables }

// QueryRow implements pgx.BatchResults.
func (noBatch) QueryRow() pgx.Row { return noRow{} }

// Close implements pgx.BatchResults.
func (noBatch) Close() error { return nil }
