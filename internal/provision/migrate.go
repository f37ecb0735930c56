package provision

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/omninode-ai/omninode/migrations"
)

// versionTable records, in each schema, which migrations were applied to it.
const versionTable = "goose_db_version"

// Direction says what Migrate does with every schema.
type Direction string

// The directions.
const (
	Up     Direction = "up"     // apply everything that is not applied yet
	Down   Direction = "down"   // take the newest migration back
	Redo   Direction = "redo"   // take the newest one back and apply it again
	Reset  Direction = "reset"  // take everything back; schemas and roles stay
	Status Direction = "status" // change nothing
)

func directions() []Direction { return []Direction{Up, Down, Redo, Reset, Status} }

// MigrateConfig says what to migrate. AdminURL and Direction are required.
type MigrateConfig struct {
	AdminURL  string // of a role that may create roles and schemas
	Nodes     []string
	Direction Direction
	Own       map[string]Own // migrations of tables of the nodes' own, by node; see OwnMigrations

	Dial Dial
	Log  *slog.Logger // nil: discarded
}

// MigrateReport tells what was done, the fleet's schema first, then the nodes' as given.
type MigrateReport struct {
	Direction Direction      `json:"direction"`
	Schemas   []SchemaReport `json:"schemas"`
}

// SchemaReport is about one schema.
type SchemaReport struct {
	Schema  string `json:"schema"`
	Node    string `json:"node,omitempty"` // empty: the fleet's
	Own     bool   `json:"own,omitempty"`  // about the tables the node has besides the runtime's
	Before  int64  `json:"before"`         // version; 0: nothing applied
	After   int64  `json:"after"`
	Latest  int64  `json:"latest"` // version this program knows
	Applied []Step `json:"applied"`
}

// Step is one migration that was applied or taken back.
type Step struct {
	Migration string `json:"migration"`
	Direction string `json:"direction"` // up or down
	Millis    int64  `json:"millis"`
}

// Migrate brings the fleet's schema and one schema per node to where direction says. Up also creates
// schemas and roles and grants the roles their rights. A failure names the schema and the migration;
// each migration is one transaction, so what failed left nothing behind.
func Migrate(ctx context.Context, c MigrateConfig) (MigrateReport, error) {
	report := MigrateReport{Direction: c.Direction}
	if !slices.Contains(directions(), c.Direction) {
		return report, fmt.Errorf("unknown direction %q; known are %v", c.Direction, directions())
	}
	for _, node := range c.Nodes {
		if err := checkNode(node); err != nil {
			return report, err
		}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	cc, err := connConfig(c.AdminURL, c.Dial)
	if err != nil {
		return report, err
	}
	err = exclusive(ctx, cc, func(ctx context.Context, conn *pgx.Conn) error {
		for _, t := range targets(c) {
			s, err := migrateSchema(ctx, conn, c.Direction, t)
			report.Schemas = append(report.Schemas, s)
			if err != nil {
				return fmt.Errorf("migrate %s %s: %w", t, c.Direction, err)
			}
			c.Log.InfoContext(ctx, "schema migrated", "schema", t.schema, "direction", string(c.Direction),
				"before", s.Before, "after", s.After, "steps", len(s.Applied))
		}
		return nil
	})
	return report, err
}

// target is a schema and the migrations that belong into it.
type target struct {
	schema string
	node   string // empty: the fleet's
	own    bool   // tables of the node's own
	files  fs.FS
}

func (t target) String() string {
	if t.own {
		return fmt.Sprintf("own tables in schema %q", t.schema)
	}
	return fmt.Sprintf("schema %q", t.schema)
}

// versions is the table that records which migrations were applied.
func (t target) versions() string {
	if t.own {
		return ownTable
	}
	return versionTable
}

// targets returns what is to be migrated, in order: a node's own tables come after the runtime's, and go
// before them.
func targets(c MigrateConfig) []target {
	list := []target{{schema: migrations.FleetSchema, files: migrations.Fleet()}}
	for _, n := range c.Nodes {
		runtime := target{schema: Schema(n), node: n, files: migrations.Node()}
		own := target{schema: Schema(n), node: n, own: true, files: c.Own[n].Files}
		switch {
		case own.files == nil:
			list = append(list, runtime)
		case c.Direction == Up || c.Direction == Status:
			list = append(list, runtime, own)
		default:
			list = append(list, own, runtime)
		}
	}
	return list
}

func migrateSchema(ctx context.Context, conn *pgx.Conn, d Direction, t target) (report SchemaReport, err error) {
	report = SchemaReport{Schema: t.schema, Node: t.node, Own: t.own, Applied: []Step{}}
	if d == Up {
		if err := prepare(ctx, conn, t); err != nil {
			return report, err
		}
	} else if there, err := exists(ctx, conn, t.schema); err != nil || !there {
		report.Latest, _ = migrations.Latest(t.files)
		return report, err // nothing to take back, nothing to tell
	}
	p, err := provider(conn.Config(), t)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	if report.Before, report.Latest, err = p.GetVersions(ctx); err != nil {
		return report, fmt.Errorf("read version: %w", err)
	}
	results, err := step(ctx, p, d)
	if partial, ok := errors.AsType[*goose.PartialError](err); ok {
		results = partial.Applied
	}
	report.Applied = append(report.Applied, steps(results)...)
	if err != nil {
		return report, err
	}
	if report.After, err = p.GetDBVersion(ctx); err != nil {
		return report, fmt.Errorf("read version: %w", err)
	}
	if d == Up && t.node != "" {
		return report, grant(ctx, conn, t)
	}
	return report, nil
}

func prepare(ctx context.Context, conn *pgx.Conn, t target) error {
	if t.node != "" {
		if err := ensureRole(ctx, conn, t.schema); err != nil {
			return err
		}
	}
	return ensureSchema(ctx, conn, t.schema)
}

func exists(ctx context.Context, conn *pgx.Conn, schema string) (bool, error) {
	var there bool
	err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)`, schema).Scan(&there)
	if err != nil {
		return false, fmt.Errorf("look for the schema: %w", err)
	}
	return there, nil
}

// provider returns goose on connections whose search path is the schema alone, so that it keeps its
// table of versions there and unqualified names land there.
func provider(cc *pgx.ConnConfig, t target) (*goose.Provider, error) {
	cc = cc.Copy()
	cc.RuntimeParams["search_path"] = quote(t.schema)
	db := stdlib.OpenDB(*cc)
	p, err := goose.NewProvider(goose.DialectPostgres, db, t.files,
		goose.WithDisableGlobalRegistry(true), goose.WithTableName(t.versions()))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read migrations: %w", err), db.Close())
	}
	return p, nil
}

func step(ctx context.Context, p *goose.Provider, d Direction) ([]*goose.MigrationResult, error) {
	switch d {
	case Up:
		return p.Up(ctx)
	case Down:
		return down(ctx, p)
	case Redo:
		undone, err := down(ctx, p)
		if err != nil || len(undone) == 0 {
			return undone, err
		}
		redone, err := p.UpByOne(ctx)
		if err != nil {
			return undone, err
		}
		return append(undone, redone), nil
	case Reset:
		return p.DownTo(ctx, 0)
	case Status:
	}
	return nil, nil
}

func down(ctx context.Context, p *goose.Provider) ([]*goose.MigrationResult, error) {
	r, err := p.Down(ctx)
	if errors.Is(err, goose.ErrNoNextVersion) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return []*goose.MigrationResult{r}, nil
}

func steps(results []*goose.MigrationResult) []Step {
	var list []Step
	for _, r := range results {
		list = append(list, Step{
			Migration: path.Base(r.Source.Path), Direction: r.Direction,
			Millis: r.Duration.Round(time.Millisecond).Milliseconds(),
		})
	}
	return list
}
