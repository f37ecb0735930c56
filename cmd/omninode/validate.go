package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/contract"
)

const (
	codeInvalid  = "ONEX_CONTRACT_001_INVALID"
	codeNoFleet  = "ONEX_CONTRACT_002_NO_CONTRACTS"
	codeNoSuch   = "ONEX_CONTRACT_003_NO_SUCH_NODE"
	formatText   = "text"
	formatJSON   = "json"
	formatSARIF  = "sarif"
	formatGitHub = "github"
)

func newValidateCommand(a *app) *cobra.Command {
	var v validation
	var asJSON bool
	c := &cobra.Command{
		Use:   "validate [FILE|DIR...]",
		Short: "check contracts and report every mistake with its place and fix",
		Long: "validate checks contracts: a file by itself, a folder of nodes as a fleet, with every reference between\n" +
			"the nodes. All mistakes are reported at once, each with its place and what to do about it.\n\n" +
			"--fix corrects what is mechanical, such as misspellings and repetitions, prints what it changed and\n" +
			"reports what is left. Comments and everything else stay as they are. With --dry-run it writes nothing.",
		Example: "  omninode validate\n" +
			"  omninode validate nodes/payment/contract.yaml\n" +
			"  omninode validate --fix --dry-run\n" +
			"  omninode validate --format sarif nodes > contracts.sarif",
		RunE: func(c *cobra.Command, args []string) error {
			if asJSON {
				v.format = formatJSON
			}
			if !slices.Contains(formats(), v.format) {
				return usage(c, fmt.Errorf("unknown format %q; %s are known", v.format, strings.Join(formats(), ", ")))
			}
			if v.dryRun && !v.fix {
				return usage(c, errors.New("--dry-run shows what --fix would do: give both"))
			}
			if len(args) == 0 {
				args = []string{a.nodes}
			}
			return a.validate(args, v)
		},
	}
	c.Flags().StringVar(&v.format, "format", formatText, "text, json, sarif or github (annotations)")
	c.Flags().BoolVar(&asJSON, "json", false, "the same as --format json")
	c.Flags().BoolVar(&v.fix, "fix", false, "correct what is mechanical")
	c.Flags().BoolVar(&v.dryRun, "dry-run", false, "with --fix: only show what would change")
	return c
}

// validation says how to validate, and what was found.
type validation struct {
	format      string
	fix, dryRun bool

	contracts int
	left      contract.Diagnostics // mistakes in the files as they are, or would be after --fix
	repairs   []repair
	sources   sources // contents that are not on disk
}

func formats() []string { return []string{formatText, formatJSON, formatSARIF, formatGitHub} }

// validate checks all paths and reports everything that is wrong with them.
func (a *app) validate(paths []string, v validation) error {
	v.sources = sources{}
	for _, p := range paths {
		if err := a.check(p, &v); err != nil {
			return err
		}
	}
	if err := a.printValidation(v); err != nil {
		return err
	}
	if len(v.left) > 0 || v.dryRun && v.fixed() > 0 {
		return silent(exitMistake)
	}
	return nil
}

// check validates one file or one folder.
func (a *app) check(path string, v *validation) error {
	t, err := targetOf(path)
	if err != nil {
		return err
	}
	v.contracts += len(t.files)
	if v.fix {
		r, ok, err := a.fix(t, v.dryRun)
		if err != nil {
			return err
		}
		if ok {
			v.repairs = append(v.repairs, r)
			v.left = append(v.left, r.Left...)
			maps.Copy(v.sources, r.Files)
			return nil
		}
	}
	ds, err := t.load()
	v.left = append(v.left, ds...)
	return err
}

func (a *app) printValidation(v validation) error {
	switch v.format {
	case formatJSON:
		return a.printJSON(v.json())
	case formatSARIF:
		return a.printJSON(sarif(v.left, v.sources))
	case formatGitHub:
		printGitHub(a.stdout, v.left)
		return nil
	}
	for _, r := range v.repairs {
		r.print(a.stdout, v.dryRun)
	}
	a.printDiagnosticsIn(a.stdout, v.left, v.sources)
	a.printVerdict(v)
	return nil
}

// fixed returns how many mistakes --fix corrected, or would.
func (v validation) fixed() int {
	n := 0
	for _, r := range v.repairs {
		n += len(r.Fixed)
	}
	return n
}

// fleet loads the contracts of --nodes for the commands that need valid ones.
func (a *app) fleet() (*contract.Fleet, error) {
	if _, err := os.Stat(a.nodes); err != nil {
		return nil, unreadable(a.nodes, err)
	}
	files, err := filepath.Glob(filepath.Join(a.nodes, "*", contract.FileName))
	if err != nil || len(files) == 0 {
		return nil, noContracts(a.nodes)
	}
	f, err := contract.LoadFleet(a.nodes)
	if err == nil {
		return f, nil
	}
	ds, err := asDiagnostics(err)
	if err != nil {
		return nil, err
	}
	a.printDiagnostics(a.stderr, ds)
	return nil, mistake(codeInvalid, fmt.Errorf("%s in the contracts of %s", count(len(ds), "mistake"), a.nodes), "correct them, then: omninode validate "+a.nodes)
}

// asDiagnostics separates mistakes in contracts from everything else that went wrong.
func asDiagnostics(err error) (contract.Diagnostics, error) {
	if ds, ok := errors.AsType[contract.Diagnostics](err); ok {
		return ds, nil
	}
	return nil, err
}

func noContracts(dir string) error {
	return mistake(codeNoFleet, fmt.Errorf("no %s below %s", filepath.Join("*", contract.FileName), dir),
		"omninode new NODE --kind compute, or name the folder with --nodes")
}

func unreadable(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return mistake(codeUnreadable, fmt.Errorf("%s does not exist", path), "check the path; --nodes names the folder of the nodes")
	}
	return lacking(codeUnreadable, fmt.Errorf("read %s: %w", path, err), "make it readable for this user")
}

func (a *app) printVerdict(v validation) {
	if len(v.left) == 0 {
		fmt.Fprintf(a.stdout, "%s %s valid\n", a.paint(a.stdout, green, "ok"), count(v.contracts, "contract"))
		return
	}
	fmt.Fprintf(a.stdout, "%s %s in %s\n", a.paint(a.stdout, red, "failed"), count(len(v.left), "mistake"), count(v.contracts, "contract"))
	if slices.ContainsFunc(v.left, func(d contract.Diagnostic) bool { return len(d.Edits) > 0 }) && !v.fix {
		fmt.Fprintln(a.stdout, "       omninode validate --fix corrects what is mechanical")
	}
}

// count renders "1 thing" or "2 things".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
