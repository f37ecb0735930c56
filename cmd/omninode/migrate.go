package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/internal/provision"
)

const (
	codeNoDatabaseURL = "ONEX_PROVISION_001_NO_DATABASE_URL"
	codeDatabase      = "ONEX_PROVISION_002_DATABASE"
	codeMigrate       = "ONEX_PROVISION_003_MIGRATE"
)

func newMigrateCommand(a *app) *cobra.Command {
	var url string
	var asJSON bool
	c := &cobra.Command{
		Use:   "migrate up|down|redo|reset|status",
		Short: "bring the database's schemas to a version",
		Long: "migrate works on the schema the fleet shares and on one schema per node, and there on\n" +
			"the runtime's tables and those that the node's folder migrations/ declares:\n\n" +
			"  up      creates schemas and roles and applies every migration that is missing\n" +
			"  down    takes the newest migration of each schema back\n" +
			"  redo    takes the newest one back and applies it again\n" +
			"  reset   takes all of them back; schemas and roles stay\n" +
			"  status  changes nothing and fails if a schema is behind\n\n" +
			"Nodes check the version at start and never migrate.",
		Example:   "  DATABASE_URL=postgres://postgres@localhost/shop omninode migrate up",
		Args:      cobra.ExactArgs(1),
		ValidArgs: directions(),
		RunE: func(c *cobra.Command, args []string) error {
			d := provision.Direction(args[0])
			if !slices.Contains(directions(), args[0]) {
				return usage(c, fmt.Errorf("%q: %s are known", args[0], strings.Join(directions(), ", ")))
			}
			url, err := a.databaseURL(url)
			if err != nil {
				return err
			}
			return a.migrate(c.Context(), url, d, asJSON)
		},
	}
	a.databaseFlag(c, &url)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func directions() []string {
	return []string{
		string(provision.Up), string(provision.Down), string(provision.Redo),
		string(provision.Reset), string(provision.Status),
	}
}

// databaseFlag adds the flag of the commands that administer the database.
func (a *app) databaseFlag(c *cobra.Command, url *string) {
	c.Flags().StringVar(url, "database-url", "", "URL of a role that may create roles and schemas (default $DATABASE_URL)")
}

// databaseURL returns the administrator's URL from the flag, else from the environment.
func (a *app) databaseURL(flag string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	if url, _ := a.env("DATABASE_URL"); url != "" {
		return url, nil
	}
	return "", mistake(codeNoDatabaseURL, errors.New("which database? neither --database-url nor DATABASE_URL says"),
		"export DATABASE_URL=postgres://USER:PASSWORD@HOST:5432/DATABASE")
}

func (a *app) migrate(ctx context.Context, url string, d provision.Direction, asJSON bool) error {
	start := time.Now()
	fleet, err := a.fleet()
	if err != nil {
		return err
	}
	var nodes []string
	for _, n := range provision.Nodes(fleet) {
		nodes = append(nodes, n.Name)
	}
	own, err := provision.OwnMigrations(a.nodes)
	if err != nil {
		return mistake(codeMigrate, err, "name the file like 00001_charge.sql")
	}
	dial, err := a.dialer()
	if err != nil {
		return err
	}
	report, err := provision.Migrate(ctx, provision.MigrateConfig{AdminURL: url, Nodes: nodes, Direction: d, Own: own, Dial: dial})
	if err != nil {
		return databaseFailure(codeMigrate, err)
	}
	if asJSON {
		if err := a.printJSON(report); err != nil {
			return err
		}
	} else if err := a.printMigrations(report, start); err != nil {
		return err
	}
	if behind := behind(report); d == provision.Status && len(behind) > 0 {
		return mistake(codeMigrate, fmt.Errorf("behind: %s", strings.Join(behind, ", ")), "omninode migrate up")
	}
	return nil
}

// behind lists the schemas that are not at the latest version.
func behind(r provision.MigrateReport) []string {
	var list []string
	for _, s := range r.Schemas {
		if s.After < s.Latest {
			list = append(list, schemaName(s))
		}
	}
	return list
}

func (a *app) printMigrations(r provision.MigrateReport, start time.Time) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "schema\tversion\tlatest\tmigrations")
	total := 0
	for _, s := range r.Schemas {
		var names []string
		for _, step := range s.Applied {
			names = append(names, step.Direction+" "+strings.TrimSuffix(step.Migration, ".sql"))
		}
		total += len(names)
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", schemaName(s), versions(s), s.Latest, strings.Join(names, ", "))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(a.stdout, "%s in %s, %d ms\n", count(total, "migration"), count(schemas(r), "schema"), time.Since(start).Milliseconds())
	return err
}

// schemaName tells a node's own tables from the runtime's in the same schema.
func schemaName(s provision.SchemaReport) string {
	if s.Own {
		return s.Schema + " (own tables)"
	}
	return s.Schema
}

// schemas counts each schema once.
func schemas(r provision.MigrateReport) int {
	n := 0
	for _, s := range r.Schemas {
		if !s.Own {
			n++
		}
	}
	return n
}

func versions(s provision.SchemaReport) string {
	if s.Before == s.After {
		return fmt.Sprint(s.After)
	}
	return fmt.Sprintf("%d → %d", s.Before, s.After)
}

// databaseFailure tells a database that cannot be reached from one that refuses something.
func databaseFailure(code string, err error) error {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return lacking(codeDatabase, err, "start the database, or correct DATABASE_URL")
	}
	return mistake(code, err, "correct what the message names, then run this again: what was done is kept")
}
