package main

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"

	"github.com/omninode-ai/omninode/contract"
)

const (
	codeExists     = "ONEX_CLI_007_EXISTS"
	codeNoOmniNode = "ONEX_CLI_008_NO_OMNINODE"
)

//go:embed starter
var starter embed.FS

func newInitCommand(a *app) *cobra.Command {
	var modulePath, omninode string
	c := &cobra.Command{
		Use:   "init [DIR]",
		Short: "start a module of your own for nodes",
		Long: "init writes go.mod, Makefile, .gitignore, the schema that editors check contracts with, and an empty\n" +
			"nodes folder into DIR (default: here).\n\n" +
			"While OmniNode is not published, go.mod refers to a copy of its sources by a replace line; its\n" +
			"requirements are copied from there, so that nothing has to be resolved.",
		Example: "  omninode init shop --module example.com/shop --omninode-path ../omninode",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir := "."
			if len(args) > 0 {
				dir = args[0]
			}
			return a.init(dir, modulePath, omninode)
		},
	}
	c.Flags().StringVar(&modulePath, "module", "", "path of the new Go module (required)")
	c.Flags().StringVar(&omninode, "omninode-path", "", "folder of OmniNode's sources (default: the enclosing module)")
	_ = c.MarkFlagRequired("module")
	return c
}

func (a *app) init(dir, modulePath, omninode string) error {
	if err := module.CheckImportPath(modulePath); err != nil {
		return mistake(codeNoModule, err, "give --module a path such as example.com/shop")
	}
	sources, err := findSources(cmp.Or(omninode, "."))
	if err != nil {
		return err
	}
	files, err := moduleFiles(dir, modulePath, sources)
	if err != nil {
		return err
	}
	if err := createAll(dir, files); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintln(a.stdout, a.paint(a.stdout, green, "created"), filepath.Join(dir, name))
	}
	fmt.Fprintf(a.stdout, "next:  cd %s && omninode new NODE --kind compute\n", dir)
	return nil
}

// findSources returns the folder of OmniNode's own module.
func findSources(dir string) (string, error) {
	m, err := findModule(dir)
	if err == nil && m.Path == ownModule {
		return m.Root, nil
	}
	return "", mistake(codeNoOmniNode, fmt.Errorf("%s does not hold the sources of %s", dir, ownModule),
		"name them with --omninode-path, e.g. --omninode-path ../omninode")
}

// moduleFiles renders the files of a new module, by path.
func moduleFiles(dir, modulePath, sources string) (map[string][]byte, error) {
	goMod, err := newGoMod(dir, modulePath, sources)
	if err != nil {
		return nil, err
	}
	goSum, err := os.ReadFile(filepath.Join(sources, "go.sum"))
	if err != nil {
		return nil, unreadable(filepath.Join(sources, "go.sum"), err)
	}
	schema, err := contract.JSONSchema()
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{"go.mod": goMod, "go.sum": goSum, schemaFile: schema, filepath.Join("nodes", ".gitkeep"): nil}
	for target, source := range map[string]string{"Makefile": "starter/Makefile", ".gitignore": "starter/gitignore"} {
		content, err := starter.ReadFile(source)
		if err != nil {
			return nil, err
		}
		files[target] = content
	}
	return files, nil
}

// newGoMod requires what OmniNode requires, in the same versions.
func newGoMod(dir, modulePath, sources string) ([]byte, error) {
	name := filepath.Join(sources, "go.mod")
	src, err := os.ReadFile(name)
	if err != nil {
		return nil, unreadable(name, err)
	}
	own, err := modfile.Parse(name, src, nil)
	if err != nil {
		return nil, mistake(codeNoOmniNode, err, "restore the sources of OmniNode")
	}
	target, err := relativePath(dir, sources)
	if err != nil {
		return nil, err
	}
	const version = "v0.0.0"
	f := new(modfile.File)
	steps := []error{
		f.AddModuleStmt(modulePath), f.AddGoStmt(own.Go.Version),
		f.AddRequire(ownModule, version), f.AddReplace(ownModule, "", target, ""),
	}
	for _, r := range own.Require {
		f.AddNewRequire(r.Mod.Path, r.Mod.Version, true)
	}
	if err := errors.Join(steps...); err != nil {
		return nil, fmt.Errorf("write go.mod: %w", err)
	}
	f.Cleanup()
	return f.Format()
}

// relativePath returns how a replace line in dir names the folder target.
func relativePath(dir, target string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	rel, err := filepath.Rel(abs, target)
	if err != nil {
		return "", err
	}
	if rel = filepath.ToSlash(rel); !strings.HasPrefix(rel, "../") && rel != ".." {
		rel = "./" + rel
	}
	return rel, nil
}

// createAll writes files that must not exist yet below dir. If one cannot be written, those written
// before are removed again.
func createAll(dir string, files map[string][]byte) error {
	names := slices.Sorted(maps.Keys(files))
	for _, name := range names {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return mistake(codeExists, fmt.Errorf("%s exists already", filepath.Join(dir, name)), "choose another place, or remove it first")
		}
	}
	for i, name := range names {
		if err := create(filepath.Join(dir, name), files[name]); err != nil {
			for _, written := range names[:i] {
				_ = os.Remove(filepath.Join(dir, written))
			}
			return err
		}
	}
	return nil
}

// create writes a file that must not exist yet, with the folders above it.
func create(name string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return unwritable(name, err)
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return unwritable(name, err)
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(name)
		return unwritable(name, err)
	}
	return nil
}

func unwritable(name string, err error) error {
	if errors.Is(err, fs.ErrExist) {
		return mistake(codeExists, fmt.Errorf("%s exists already", name), "choose another place, or remove it first")
	}
	return lacking(codeUnwritable, fmt.Errorf("write %s: %w", name, err), "make its folder writable for this user, or choose another one")
}
