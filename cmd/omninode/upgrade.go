package main

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/contract"
)

func newUpgradeCommand(a *app) *cobra.Command {
	var dryRun, asJSON bool
	c := &cobra.Command{
		Use:   "upgrade [FILE|DIR...]",
		Short: "rewrite contracts of earlier versions of the contract language",
		Long: "upgrade rewrites contracts of earlier versions of the contract language, which the key omninode names, in\n" +
			"the one of this program, prints what it changed and validates the result. Comments and everything else\n" +
			"stay as they are. A contract that this would make worse, or that is of a later version, is left alone.\n\n" +
			"With --dry-run it writes nothing, and fails if there is something to do.",
		Example: "  omninode upgrade\n  omninode upgrade nodes/payment/contract.yaml --dry-run",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{a.nodes}
			}
			return a.upgrade(args, dryRun, asJSON)
		},
	}
	c.Flags().BoolVar(&dryRun, "dry-run", false, "only show what would change")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// upgrading is what upgrade found, and did or would do.
type upgrading struct {
	Language  int              `json:"language"`
	Contracts []upgradedJSON   `json:"contracts"`
	LeftAlone []string         `json:"left_alone,omitempty"`
	Mistakes  []diagnosticJSON `json:"diagnostics"`

	dryRun  bool
	changed int
	left    contract.Diagnostics
	sources sources // contents that are not on disk
}

// upgradedJSON is one contract: up to date if both versions of the language are the same.
type upgradedJSON struct {
	File    string   `json:"file"`
	From    int      `json:"from"`
	To      int      `json:"to"`
	Changes []string `json:"changes,omitempty"`
	Diff    string   `json:"diff,omitempty"`
}

func (a *app) upgrade(paths []string, dryRun, asJSON bool) error {
	u := upgrading{Language: contract.Format, Contracts: []upgradedJSON{}, dryRun: dryRun, sources: sources{}}
	for _, p := range paths {
		if err := u.path(p); err != nil {
			return err
		}
	}
	if err := a.printUpgrading(u, asJSON); err != nil {
		return err
	}
	if len(u.left) > 0 || dryRun && u.changed > 0 {
		return silent(exitMistake)
	}
	return nil
}

// path upgrades one file, or the contracts of a folder. It changes nothing if one of them cannot be
// read.
func (u *upgrading) path(path string) error {
	t, err := targetOf(path)
	if err != nil {
		return err
	}
	before, ok := t.read()
	if !ok {
		ds, err := t.load()
		u.left = append(u.left, ds...)
		return err
	}
	after, changed := maps.Clone(before), u.changed
	for _, file := range t.files {
		up, ds := contract.Upgrade(file, before[file])
		u.sources[file] = up.Text
		if ds != nil {
			u.LeftAlone, u.left = append(u.LeftAlone, file), append(u.left, ds...)
			continue
		}
		after[file] = up.Text
		if err := u.write(file, before[file], up); err != nil {
			return err
		}
	}
	if u.changed > changed {
		u.left = append(u.left, slices.DeleteFunc(t.check(after), func(d contract.Diagnostic) bool { return slices.Contains(u.LeftAlone, d.File) })...)
	}
	return nil
}

// write replaces a contract by what it was upgraded to, unless that is the same or only shown.
func (u *upgrading) write(file string, before []byte, up contract.Upgraded) error {
	out := upgradedJSON{File: file, From: up.From, To: up.To, Changes: up.Changes}
	if up.From < up.To {
		u.changed++
		out.Diff = contract.Diff(filepath.ToSlash(file), before, up.Text)
		if !u.dryRun {
			if err := replaceFile(file, before, up.Text); err != nil {
				return err
			}
		}
	}
	u.Contracts = append(u.Contracts, out)
	return nil
}

func (a *app) printUpgrading(u upgrading, asJSON bool) error {
	if asJSON {
		u.Mistakes = diagnosticsJSON(u.left, u.sources)
		return a.printJSON(u)
	}
	did := map[bool]string{false: "upgraded", true: "would upgrade"}[u.dryRun]
	for _, c := range u.Contracts {
		if c.From < c.To {
			fmt.Fprintf(a.stdout, "%s%s %s from %d to %d: %s\n\n", printableLines(c.Diff, ""), did, c.File, c.From, c.To, strings.Join(c.Changes, "; "))
		}
	}
	for _, file := range u.LeftAlone {
		fmt.Fprintf(a.stdout, "left alone %s\n\n", file)
	}
	a.printDiagnosticsIn(a.stdout, u.left, u.sources)
	verdict := a.paint(a.stdout, green, "ok")
	if len(u.left) > 0 {
		verdict = a.paint(a.stdout, red, "failed")
	}
	_, err := fmt.Fprintf(a.stdout, "%s %s %d, %d up to date, %d left alone; %s\n", verdict, did, u.changed, len(u.Contracts)-u.changed, len(u.LeftAlone), count(len(u.left), "mistake"))
	return err
}
