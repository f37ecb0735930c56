package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/internal/settings"
	"github.com/omninode-ai/omninode/onex/config"
)

func newConfigExplainCommand(a *app) *cobra.Command {
	var g cascading
	c := &cobra.Command{
		Use:   "explain [NODE]",
		Short: "list each setting with its value, its source and what it overrides",
		Long: "explain asks the same cascade as a node: secret store (secrets only), environment, .env files of --env,\n" +
			"defaults of the contracts. It shows which value is used, where exactly it is, and what it overrides.\n" +
			"Secrets and passwords within URLs are redacted. Vault is read with your VAULT_TOKEN.",
		Example: "  omninode config explain --env development\n  omninode config explain --env production --no-secrets payment --json",
		Args:    cobra.MaximumNArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return a.explainConfig(c.Context(), g, args) },
	}
	g.flags(c)
	return c
}

// explainedRow is a setting with the node that reads it.
type explainedRow struct {
	Node string `json:"node"`
	config.Explained
}

func (a *app) explainConfig(ctx context.Context, g cascading, args []string) error {
	contracts, err := a.contracts(args)
	if err != nil {
		return err
	}
	cas, err := a.openCascade(g)
	if err != nil {
		return err
	}
	rows := []explainedRow{}
	for _, c := range contracts {
		for _, e := range config.NewTrace(ctx, c.Node, cas.of(settings.Of(c)), cas.sources...).Explain() {
			rows = append(rows, explainedRow{c.Node, e})
		}
	}
	if g.json {
		return a.printJSON(rows)
	}
	return a.printExplained(rows)
}

// printExplained colours whole lines after the columns were laid out.
func (a *app) printExplained(rows []explainedRow) error {
	var table bytes.Buffer
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NODE\tKEY\tVALUE\tSOURCE\tPLACE\tOVERRIDES")
	var problems []string
	for _, r := range rows {
		value := cell(r.Value)
		if r.Problem != "" {
			value = "(none)"
			if told := explainProblem(r); !slices.Contains(problems, told) {
				problems = append(problems, told)
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Node, r.Key, value, cmp.Or(r.Source, "-"), cmp.Or(r.Place, "-"), overridden(r.Overrides))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	i := -1
	for line := range strings.Lines(table.String()) {
		line = strings.TrimRight(line, " \n")
		switch {
		case i < 0:
			line = a.paint(a.stdout, bold, line)
		case rows[i].Problem != "":
			line = a.paint(a.stdout, red, line)
		case rows[i].Source == config.SourceDefault:
			line = a.paint(a.stdout, blue, line)
		}
		fmt.Fprintln(a.stdout, line)
		i++
	}
	if len(problems) > 0 {
		fmt.Fprintf(a.stdout, "\n%s\n", strings.Join(problems, "\n"))
	}
	return nil
}

func explainProblem(r explainedRow) string {
	if r.Problem != "missing" {
		return r.Problem // of a source, which may concern many settings
	}
	text := fmt.Sprintf("%s: %s (%s) is missing", r.Node, r.Key, r.Env)
	if len(r.Where) > 0 {
		text += "\n  fix: " + strings.Join(r.Where, ", or ")
	}
	return text
}

func overridden(list []config.Overridden) string {
	var parts []string
	for _, o := range list {
		parts = append(parts, fmt.Sprintf("%s (%s)", cell(o.Value), cmp.Or(o.Place, o.Source)))
	}
	return cmp.Or(strings.Join(parts, ", "), "-")
}

// cell keeps a value from breaking a table.
func cell(text string) string {
	const width = 60
	text = printable(text)
	if r := []rune(text); len(r) > width {
		return string(r[:width]) + "…"
	}
	return text
}
