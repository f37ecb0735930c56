package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/contract"
)

const (
	codeInvalid  = "ONEX_CONTRACT_001_INVALID"
	codeNoFleet  = "ONEX_CONTRACT_002_NO_CONTRACTS"
	codeNoSuch   = "ONEX_CONTRACT_003_NO_SUCH_NODE"
	formatText   = "text"
	formatJSON   = "json"
	formatGitHub = "github"
)

func newValidateCommand(a *app) *cobra.Command {
	var format string
	var asJSON bool
	c := &cobra.Command{
		Use:   "validate [FILE|DIR...]",
		Short: "check contracts and report every mistake with its place and fix",
		Long: "validate checks contracts: a file by itself, a folder of nodes as a fleet, with every reference between\n" +
			"the nodes. All mistakes are reported at once, each with its place and what to do about it.",
		Example: "  omninode validate\n" +
			"  omninode validate nodes/payment/contract.yaml\n" +
			"  omninode validate --format github nodes",
		RunE: func(c *cobra.Command, args []string) error {
			if asJSON {
				format = formatJSON
			}
			if format != formatText && format != formatJSON && format != formatGitHub {
				return usage(c, fmt.Errorf("unknown format %q; text, json and github are known", format))
			}
			if len(args) == 0 {
				args = []string{a.nodes}
			}
			return a.validate(args, format)
		},
	}
	c.Flags().StringVar(&format, "format", formatText, "text, json or github (annotations)")
	c.Flags().BoolVar(&asJSON, "json", false, "the same as --format json")
	return c
}

// validate checks all paths and reports everything that is wrong with them.
func (a *app) validate(paths []string, format string) error {
	var all contract.Diagnostics
	checked := 0
	for _, p := range paths {
		n, ds, err := check(p)
		if err != nil {
			return err
		}
		checked += n
		all = append(all, ds...)
	}
	switch format {
	case formatJSON:
		if err := a.printJSON(diagnosticsJSON(checked, all)); err != nil {
			return err
		}
	case formatGitHub:
		printGitHub(a.stdout, all)
	default:
		a.printDiagnostics(a.stdout, all)
		a.printVerdict(checked, len(all))
	}
	if len(all) > 0 {
		return silent(exitMistake)
	}
	return nil
}

// check validates one file or one folder and returns how many contracts it read.
func check(path string) (int, contract.Diagnostics, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, nil, unreadable(path, err)
	}
	if !info.IsDir() {
		_, ds := contract.Load(path)
		return 1, ds, nil
	}
	if _, err := os.Stat(filepath.Join(path, contract.FileName)); err == nil {
		_, ds := contract.Load(filepath.Join(path, contract.FileName))
		return 1, ds, nil
	}
	files, err := filepath.Glob(filepath.Join(path, "*", contract.FileName))
	if err != nil || len(files) == 0 {
		return 0, nil, noContracts(path)
	}
	_, err = contract.LoadFleet(path)
	ds, err := asDiagnostics(err)
	return len(files), ds, err
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

func (a *app) printVerdict(checked, mistakes int) {
	if mistakes == 0 {
		fmt.Fprintf(a.stdout, "%s %s valid\n", a.paint(a.stdout, green, "ok"), count(checked, "contract"))
		return
	}
	fmt.Fprintf(a.stdout, "%s %s in %s\n", a.paint(a.stdout, red, "failed"), count(mistakes, "mistake"), count(checked, "contract"))
}

// count renders "1 thing" or "2 things".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
