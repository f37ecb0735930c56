package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/contract/evolution"
)

const codeBreaking = "ONEX_DIFF_001_NOT_ALLOWED"

func newDiffCommand(a *app) *cobra.Command {
	var format string
	var asJSON bool
	c := &cobra.Command{
		Use:   "diff OLD [NEW]",
		Short: "judge what changed in contracts: breaking or compatible, and which version must rise",
		Long: "diff compares two states of contracts: files, folders of nodes, or revisions of git. NEW is the folder of\n" +
			"--nodes unless it is named. A path that exists is a path; write refs/heads/NAME for a branch of the\n" +
			"same name. It fails if a change breaks a version of a message in place, or if the version of a node\n" +
			"did not rise enough for what changed.",
		Example: "  omninode diff main\n" +
			"  omninode diff v1.4.0 HEAD --format github\n" +
			"  omninode diff old/contract.yaml nodes/payment/contract.yaml",
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			if asJSON {
				format = formatJSON
			}
			if format != formatText && format != formatJSON && format != formatGitHub {
				return usage(c, fmt.Errorf("unknown format %q; text, json and github are known", format))
			}
			if len(args) == 1 {
				args = append(args, a.nodes)
			}
			return a.diff(c.Context(), args[0], args[1], format)
		},
	}
	c.Flags().StringVar(&format, "format", formatText, "text, json or github (annotations)")
	c.Flags().BoolVar(&asJSON, "json", false, "the same as --format json")
	return c
}

func (a *app) diff(ctx context.Context, before, now, format string) error {
	reports, err := a.judge(ctx, before, now)
	if err != nil {
		return err
	}
	switch format {
	case formatJSON:
		err = a.printJSON(reportsJSON(reports))
	case formatGitHub:
		githubReports(a.stdout, reports)
	default:
		a.printReports(reports)
	}
	if err != nil {
		return err
	}
	var refused []string
	for _, r := range reports {
		if !r.OK() {
			refused = append(refused, r.Node)
		}
	}
	if len(refused) == 0 {
		return nil
	}
	return mistake(codeBreaking, fmt.Errorf("%s may not land like this: %s", count(len(refused), "contract"), strings.Join(refused, ", ")),
		"do what the lines above say, then: omninode diff "+before)
}

// judge loads both sides and compares them. Two single files are one node, whatever its names.
func (a *app) judge(ctx context.Context, before, now string) ([]evolution.Report, error) {
	old, oldIsFile, err := a.side(ctx, before)
	if err != nil {
		return nil, err
	}
	current, isFile, err := a.side(ctx, now)
	switch {
	case err != nil:
		return nil, err
	case oldIsFile && isFile && old[0].SHA256 == current[0].SHA256:
		return nil, nil
	case oldIsFile && isFile:
		return []evolution.Report{evolution.Compare(old[0], current[0])}, nil
	case oldIsFile != isFile:
		return nil, mistake(codeUnreadable, fmt.Errorf("%s and %s are not of one kind", before, now),
			"compare a file with a file, or folders and revisions with each other")
	}
	return evolution.CompareFleets(old, current), nil
}

// side reads the contracts of a file, a folder of nodes or a revision.
func (a *app) side(ctx context.Context, name string) (list []*contract.Contract, isFile bool, err error) {
	info, err := os.Stat(name)
	var files map[string][]byte
	switch {
	case errors.Is(err, os.ErrNotExist):
		files, err = a.revision(ctx, name)
	case err != nil:
		err = unreadable(name, err)
	case info.IsDir():
		files, err = contractsIn(name)
	default:
		isFile = true
		files, err = readFiles([]string{name})
	}
	if err != nil {
		return nil, false, err
	}
	list, err = a.parseAll(name, files)
	return list, isFile, err
}

// contractsIn reads the contracts of a folder of nodes, by path.
func contractsIn(dir string) (map[string][]byte, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*", contract.FileName))
	if err != nil || len(names) == 0 {
		return nil, noContracts(dir)
	}
	return readFiles(names)
}

func readFiles(names []string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, name := range names {
		src, err := os.ReadFile(name)
		if err != nil {
			return nil, unreadable(name, err)
		}
		files[name] = src
	}
	return files, nil
}

// parseAll reads each contract by itself: whom it refers to does not matter for what it promises.
func (a *app) parseAll(from string, files map[string][]byte) ([]*contract.Contract, error) {
	var list []*contract.Contract
	var all contract.Diagnostics
	for _, name := range sortedNames(files) {
		c, ds := contract.Parse(name, files[name])
		list, all = append(list, c), append(all, ds...)
	}
	if len(all) == 0 {
		return list, nil
	}
	a.printDiagnostics(a.stderr, all)
	return nil, mistake(codeInvalid, fmt.Errorf("%s in the contracts of %s, so nothing can be said about them", count(len(all), "mistake"), from),
		"omninode validate names the mistakes of a folder; to compare, choose a state whose contracts are valid")
}

// printReports prints every change under its node, then what the node's version must become.
func (a *app) printReports(reports []evolution.Report) {
	changes := 0
	for _, r := range reports {
		changes += len(r.Changes)
		fmt.Fprintf(a.stdout, "%s %s\n", a.paint(a.stdout, bold, r.Node), rising(r))
		for _, c := range r.Changes {
			a.printChange(c)
		}
		fmt.Fprintf(a.stdout, "  %s\n\n", a.verdict(r))
	}
	if changes == 0 {
		fmt.Fprintln(a.stdout, "nothing changed that a contract promises")
	}
}

func rising(r evolution.Report) string {
	switch {
	case r.Old == "":
		return r.New + ", new"
	case r.New == "":
		return r.Old + ", removed"
	case r.Old == r.New:
		return r.Old
	}
	return r.Old + " to " + r.New
}

func (a *app) printChange(c evolution.Change) {
	colour := green
	if c.Impact == evolution.Breaking {
		colour = red
	}
	fmt.Fprintf(a.stdout, "  %s %s: %s\n", a.paint(a.stdout, colour, fmt.Sprintf("%-10s", c.Impact)), c.Path, transition(c))
	fmt.Fprintf(a.stdout, "             %s (%s)\n", c.Why, c.Rise)
	if c.InPlace {
		fmt.Fprintln(a.stdout, "             refused under the same version of the message, whatever the node's version")
	}
	if c.Fix != "" {
		fmt.Fprintf(a.stdout, "             fix: %s\n", c.Fix)
	}
}

func transition(c evolution.Change) string {
	switch {
	case c.Old == "":
		return "added " + c.New
	case c.New == "":
		return "removed " + c.Old
	}
	return c.Old + " became " + c.New
}

// verdict says what becomes of the node's version.
func (a *app) verdict(r evolution.Report) string {
	switch {
	case r.New == "":
		return a.paint(a.stdout, yellow, "the node is gone, so no version can say so")
	case r.Old == "":
		return a.paint(a.stdout, green, "ok")
	case !r.Enough && r.Needed == evolution.Unchanged:
		return a.paint(a.stdout, red, "version: "+r.New+" is lower than "+r.Old)
	case !r.Enough:
		return a.paint(a.stdout, red, fmt.Sprintf("version: %s rise needed, set version: %s or higher", r.Needed, r.Next))
	case !r.OK():
		return a.paint(a.stdout, red, "refused: a version of a message changed in place")
	case r.Needed == evolution.Unchanged:
		return a.paint(a.stdout, green, "ok") + ", the version may stay"
	}
	return a.paint(a.stdout, green, "ok") + fmt.Sprintf(", a %s rise was needed", r.Needed)
}

// githubReports prints what is refused as errors, other breaks as warnings and the rest as notices.
func githubReports(w io.Writer, reports []evolution.Report) {
	for _, r := range reports {
		for _, c := range r.Changes {
			level := "notice"
			switch {
			case c.InPlace:
				level = "error"
			case c.Impact == evolution.Breaking:
				level = "warning"
			}
			text := fmt.Sprintf("%s: %s; %s", c.Path, transition(c), c.Why)
			if c.Fix != "" {
				text += "; " + c.Fix
			}
			annotate(w, level, c.At, string(c.Impact), text)
		}
		if !r.Enough {
			annotate(w, "error", r.At, "version", fmt.Sprintf("%s is not enough after %s: set version: %s or higher", r.New, r.Old, r.Next))
		}
	}
}
