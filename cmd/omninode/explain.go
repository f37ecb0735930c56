package main

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/contract"
)

const codeNoRule = "ONEX_CONTRACT_004_NO_SUCH_RULE"

func newExplainCommand(a *app) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "explain [RULE]",
		Short: "say what a rule of the contracts demands, why, and how to obey it",
		Long: "explain says what a rule demands and why, shows a contract that breaks it, what is reported about it and\n" +
			"how it becomes valid. Without a rule it lists all of them.",
		Example: "  omninode explain\n  omninode explain unused-type\n  omninode explain orphan --json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.printRules(asJSON)
			}
			return a.explain(args[0], asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (a *app) printRules(asJSON bool) error {
	if asJSON {
		return a.printJSON(contract.Rules())
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, r := range contract.Rules() {
		fmt.Fprintf(w, "%s\t%s\n", r.ID, r.Meaning)
	}
	return w.Flush()
}

func (a *app) explain(id string, asJSON bool) error {
	e, ok := contract.Explain(id)
	if !ok {
		remedy := "omninode explain"
		if near := contract.NearestRule(id); near != "" {
			remedy += " " + near
		}
		return mistake(codeNoRule, errors.New("there is no rule "+id), remedy)
	}
	if asJSON {
		return a.printJSON(e)
	}
	fmt.Fprintf(a.stdout, "%s: %s\n", a.paint(a.stdout, bold, e.ID), e.Meaning)
	if e.Fleet {
		fmt.Fprintln(a.stdout, "It is checked when all contracts are read together: omninode validate "+a.nodes)
	}
	fmt.Fprintf(a.stdout, "\n%s\n\n%s %s\n", wrap(e.Why), a.paint(a.stdout, bold, "How to obey it:"), wrap(e.How))
	if len(e.Bad) > 0 {
		a.printExample(e)
	}
	return nil
}

// printExample shows what breaks the rule, what is reported about it, and what changes it for good.
func (a *app) printExample(e contract.Explanation) {
	for _, f := range e.Bad {
		fmt.Fprintf(a.stdout, "\n%s\n%s", a.paint(a.stdout, bold, f.Name), indent(f.Content))
	}
	fmt.Fprintf(a.stdout, "\n%s\n%s", a.paint(a.stdout, bold, "is reported as"), indent(e.Reported().Error()+"\n"))
	fmt.Fprintf(a.stdout, "\n%s\n%s", a.paint(a.stdout, bold, "and is valid as"), indent(e.Changes()))
}

func indent(text string) string { return printableLines(text, "    ") }

// printableLines is printable for each line of a text, with something in front of it.
func printableLines(text, prefix string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(prefix + printable(strings.TrimSuffix(line, "\n")) + "\n")
	}
	return b.String()
}

// wrap breaks text into lines that fit a terminal.
func wrap(text string) string {
	const width = 100
	var b strings.Builder
	n := 0
	for word := range strings.FieldsSeq(text) {
		switch {
		case n == 0:
		case n+1+len(word) > width:
			b.WriteByte('\n')
			n = 0
		default:
			b.WriteByte(' ')
			n++
		}
		b.WriteString(word)
		n += len(word)
	}
	return b.String()
}
