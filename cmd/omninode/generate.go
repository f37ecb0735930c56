package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/codegen"
	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/internal/provision"
)

const (
	codeStale    = "ONEX_GENERATE_001_STALE"
	codeGenerate = "ONEX_GENERATE_002_REFUSED"
)

func newGenerateCommand(a *app) *cobra.Command {
	var checkOnly bool
	c := &cobra.Command{
		Use:   "generate [NODE...]",
		Short: "write the code that follows from the contracts",
		Long: "generate writes types, handler interface, configuration, main and tests of the nodes (default: all, and\n" +
			"the program that runs them in one process). Files of the generator (*.gen.go) are overwritten, and\n" +
			"deleted when nothing generates them any more; scaffolds are written once and never touched again. Where\n" +
			"hand-written code does not fit any more, it says which method to add, to rename or to rewrite, and fails.",
		Example: "  omninode generate\n  omninode generate payment\n  omninode generate --check",
		RunE: func(c *cobra.Command, args []string) error {
			return a.generate(c.Context(), args, checkOnly)
		},
	}
	c.Flags().BoolVar(&checkOnly, "check", false, "write nothing; fail if anything would change")
	return c
}

// generate writes the files of the named nodes, or of the whole fleet, and says what changed.
func (a *app) generate(ctx context.Context, nodes []string, checkOnly bool) error {
	start := time.Now()
	seal := a.seal(nodes)
	if !checkOnly && seal.holds() {
		fmt.Fprintf(a.stdout, "nothing changed since the last run, in %d ms\n", time.Since(start).Milliseconds())
		return nil
	}
	batches, err := a.render(ctx, nodes)
	if err != nil {
		return err
	}
	var total tally
	for _, b := range batches {
		if err := total.add(b, checkOnly); err != nil {
			return err
		}
	}
	slices.Sort(total.lines)
	for _, line := range total.lines {
		fmt.Fprintln(a.stdout, line)
	}
	fmt.Fprintf(a.stdout, "%s in %d ms\n", total.String(), time.Since(start).Milliseconds())
	switch {
	case checkOnly && total.changes() > 0:
		return mistake(codeStale, fmt.Errorf("%s not up to date", count(total.changes(), "generated file")), "omninode generate --nodes "+a.nodes)
	case checkOnly:
		return a.checkWiring(nodes)
	case len(total.nodes()) > 0 || seal.torn():
		if err := a.refuseConflicts(ctx, batches, &total, seal); err != nil {
			return err
		}
	}
	seal.set()
	return nil
}

// batch is a folder and everything that is generated into it.
type batch struct {
	dir   string
	node  string         // the folder's node, "" if it is the folder of all
	files []codegen.File // paths relative to dir
}

// render generates in memory: one batch for the whole fleet, or one per named node.
func (a *app) render(ctx context.Context, nodes []string) ([]batch, error) {
	fleet, err := a.fleet()
	if err != nil {
		return nil, err
	}
	options, err := a.layout()
	if err != nil {
		return nil, err
	}
	if len(nodes) == 0 {
		files, err := codegen.GenerateFleet(ctx, fleet, options)
		return []batch{{a.nodes, "", files}}, refused(err)
	}
	var batches []batch
	for _, name := range nodes {
		c, err := a.find(fleet, name)
		if err != nil {
			return nil, err
		}
		files, err := codegen.Generate(ctx, c, options)
		if err != nil {
			return nil, refused(err)
		}
		for i := range files {
			files[i].Path = strings.TrimPrefix(files[i].Path, name+"/")
		}
		batches = append(batches, batch{filepath.Join(a.nodes, name), name, files})
	}
	return batches, nil
}

func refused(err error) error {
	if err == nil {
		return nil
	}
	remedy := "correct the contract, then: omninode validate"
	if strings.Contains(err.Error(), ".tmpl") {
		remedy = "correct the template, or remove it to get the built-in one"
	}
	return mistake(codeGenerate, err, remedy)
}

// tally counts what happened to files.
type tally struct {
	created, updated, unchanged, deleted, kept int
	lines                                      []string // one per change

	changed, written map[string]bool // nodes whose generated files changed; nodes that had hand-written ones
}

// add writes a batch, or only compares it, and counts what changed.
func (t *tally) add(b batch, checkOnly bool) error {
	root, err := os.OpenRoot(b.dir)
	if err != nil {
		return unreadable(b.dir, err)
	}
	defer func() { _ = root.Close() }()
	differences, err := codegen.Check(root, b.files)
	if err != nil {
		return unwritable(b.dir, err)
	}
	if !checkOnly {
		if _, err := codegen.Write(root, b.files); err != nil {
			return unwritable(b.dir, err)
		}
	}
	t.count(b, differences)
	return nil
}

func (t *tally) count(b batch, differences []codegen.Difference) {
	differs := map[string]bool{}
	if t.changed == nil {
		t.changed, t.written = map[string]bool{}, map[string]bool{}
	}
	for _, d := range differences {
		differs[d.Path] = true
		word := ""
		switch d.State {
		case codegen.Missing:
			t.created, word = t.created+1, "create"
		case codegen.Stale:
			t.deleted, word = t.deleted+1, "delete"
		default:
			t.updated, word = t.updated+1, "update"
		}
		t.lines = append(t.lines, word+" "+filepath.Join(b.dir, d.Path))
		t.changed[b.nodeOf(d.Path)] = true
	}
	for _, f := range b.files {
		switch {
		case differs[f.Path]:
		case f.Owner == codegen.Scaffold:
			t.kept++
			t.written[b.nodeOf(f.Path)] = true
		default:
			t.unchanged++
		}
	}
}

// nodeOf returns the node whose folder holds a file.
func (b batch) nodeOf(name string) string {
	if b.node != "" {
		return b.node
	}
	node, _, _ := strings.Cut(name, "/")
	return node
}

// nodes returns the nodes whose hand-written code may not fit any more.
func (t *tally) nodes() map[string]bool {
	maybe := map[string]bool{}
	for n := range t.changed {
		if t.written[n] {
			maybe[n] = true
		}
	}
	return maybe
}

func (t *tally) changes() int { return t.created + t.updated + t.deleted }

// String sums up in one line.
func (t *tally) String() string {
	return fmt.Sprintf("%d created, %d updated, %d unchanged, %d deleted, %d kept", t.created, t.updated, t.unchanged, t.deleted, t.kept)
}

// layout says where generated code lives: the module around --nodes and its place there.
func (a *app) layout() (codegen.Options, error) {
	m, err := findModule(a.nodes)
	if err != nil {
		return codegen.Options{}, err
	}
	abs, err := filepath.Abs(a.nodes)
	if err != nil {
		return codegen.Options{}, err
	}
	rel, err := filepath.Rel(m.Root, abs)
	if err != nil {
		return codegen.Options{}, err
	}
	own, err := provision.OwnMigrations(a.nodes)
	if err != nil {
		return codegen.Options{}, mistake(codeMigrate, err, "name the file like 00001_charge.sql")
	}
	schemas := map[string]int64{}
	for node, o := range own {
		schemas[node] = o.Latest
	}
	scaffolds, err := a.scaffolds()
	return codegen.Options{Module: m.Path, Dir: filepath.ToSlash(rel), Scaffolds: scaffolds, OwnSchemas: schemas}, err
}

// scaffolds reads the user's templates of scaffolds: <nodes>/templates/*.tmpl.
func (a *app) scaffolds() (map[string]string, error) {
	names, err := filepath.Glob(filepath.Join(a.nodes, "templates", "*.tmpl"))
	if err != nil || len(names) == 0 {
		return nil, err
	}
	files, err := readFiles(names)
	if err != nil {
		return nil, err
	}
	templates := map[string]string{}
	for name, src := range files {
		templates[filepath.Base(name)] = string(src)
	}
	return templates, nil
}

// find returns the contract of a node.
func (a *app) find(f *contract.Fleet, node string) (*contract.Contract, error) {
	if c := f.Contract(node); c != nil {
		return c, nil
	}
	names := make([]string, len(f.Contracts))
	for i, c := range f.Contracts {
		names[i] = c.Node
	}
	return nil, mistake(codeNoSuch, fmt.Errorf("%s has no node %q", a.nodes, node), fmt.Sprintf("choose one of %v", names))
}
