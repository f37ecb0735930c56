package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/dialect/omnibase"
)

const (
	codeImportConflict = "ONEX_IMPORT_001_CONFLICT"
	codeImportRefused  = "ONEX_IMPORT_002_NOT_IMPORTED"
)

// importOptions says what to do with an import.
type importOptions struct {
	out    string // folder of the nodes
	dryRun bool
	asJSON bool
	all    bool // print derived and carried values too
}

func newImportCommand(a *app) *cobra.Command {
	var o importOptions
	c := &cobra.Command{
		Use:   "import FILE... --out DIR",
		Short: "translate contracts of the omnibase dialect, with an account of every key",
		Long: "import translates contracts of the omnibase dialect (handler_routing, event_bus, state_machine, …) and\n" +
			"writes one folder per node. Each value of each file is carried into a contract, derived from something\n" +
			"else, or refused with the reason and what to do instead. What is given together is connected: a node\n" +
			"handles the events of those that publish what it subscribes to.",
		Example: "  omninode import legacy/*/contract.yaml --out nodes\n" +
			"  omninode import node_a.yaml node_b.yaml --out nodes --dry-run\n" +
			"  omninode import legacy/*.yaml --out nodes --json | jq '.total'",
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if o.out == "" {
				return usage(c, errors.New("--out is missing: name the folder that gets one folder per node"))
			}
			return a.importFiles(args, o)
		},
	}
	c.Flags().StringVar(&o.out, "out", "", "folder that gets one folder per node")
	c.Flags().BoolVar(&o.dryRun, "dry-run", false, "say what would happen and write nothing")
	c.Flags().BoolVar(&o.all, "all", false, "list the keys that are carried and derived, too")
	c.Flags().BoolVar(&o.asJSON, "json", false, "print the account as JSON")
	return c
}

// importFiles imports files, reports and writes the contracts.
func (a *app) importFiles(files []string, o importOptions) error {
	sources := map[string][]byte{}
	for _, name := range files {
		data, err := readSource(name)
		if err != nil {
			return err
		}
		sources[name] = data
	}
	res := omnibase.Import(sources)
	conflicts, fresh, err := compareImport(o.out, res.Contracts)
	if err != nil {
		return err
	}
	if o.asJSON {
		err = a.printJSON(importJSON(res))
	} else {
		err = a.printImport(res, o)
	}
	if err != nil {
		return err
	}
	if len(conflicts) > 0 {
		return mistake(codeImportConflict, fmt.Errorf("nothing was written: %s in %s with another content: %v",
			count(len(conflicts), "file"), o.out, conflicts), "move them away, or choose another folder with --out")
	}
	return a.writeImport(res, fresh, o)
}

// readSource reads at most one byte more than a contract may have.
func readSource(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, unreadable(name, err)
	}
	if !info.Mode().IsRegular() {
		return nil, mistake(codeUnreadable, fmt.Errorf("%s is not a regular file", name), "name the files themselves, e.g. legacy/*/contract.yaml")
	}
	f, err := os.Open(filepath.Clean(name))
	if err != nil {
		return nil, unreadable(name, err)
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, contract.MaxBytes+1))
	if err != nil {
		return nil, unreadable(name, err)
	}
	return data, nil
}

// compareImport finds which contracts stand in the way of others, and which are not there yet.
func compareImport(dir string, contracts map[string][]byte) (conflicts, fresh []string, err error) {
	for _, path := range slices.Sorted(maps.Keys(contracts)) {
		file := filepath.Join(dir, filepath.FromSlash(path))
		have, err := os.ReadFile(file)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			fresh = append(fresh, path)
		case err != nil:
			return nil, nil, unreadable(file, err)
		case string(have) != string(contracts[path]):
			conflicts = append(conflicts, path)
		}
	}
	return conflicts, fresh, nil
}

// writeImport writes what is not there yet and tells whether every file was imported.
func (a *app) writeImport(res omnibase.Result, fresh []string, o importOptions) error {
	if !o.dryRun && len(fresh) > 0 {
		if err := writeContracts(o.out, res.Contracts, fresh); err != nil {
			return unwritable(o.out, err)
		}
	}
	failed := 0
	for _, f := range res.Files {
		if len(f.Problems) > 0 {
			failed++
		}
	}
	if failed > 0 {
		return mistake(codeImportRefused, fmt.Errorf("%s not imported", count(failed, "file")), "correct what is listed above and import again")
	}
	return nil
}

// writeContracts writes into dir and nowhere else, whatever the names are.
func writeContracts(dir string, contracts map[string][]byte, paths []string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	for _, path := range paths {
		file := filepath.FromSlash(path)
		if err := root.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := root.WriteFile(file, contracts[path], 0o644); err != nil {
			return err
		}
	}
	return nil
}
