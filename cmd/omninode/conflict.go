package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/omninode-ai/omninode/codegen"
)

const codeConflict = "ONEX_GENERATE_004_CONFLICT"

// refuseConflicts fails if hand-written code does not fit what was generated. The next run looks again.
func (a *app) refuseConflicts(ctx context.Context, batches []batch, t *tally, s *seal) error {
	opts, err := a.layout()
	if err != nil {
		return err
	}
	nodes := t.nodes()
	if s.torn() {
		nodes = t.written
	}
	var all []codegen.Conflict
	for _, b := range batches {
		list, err := a.conflictsOf(ctx, b, nodes, opts)
		if err != nil {
			return err
		}
		all = append(all, list...)
	}
	if len(all) == 0 {
		s.mend()
		return nil
	}
	s.tear()
	a.printConflicts(a.stderr, all)
	return mistake(codeConflict, fmt.Errorf("hand-written code does not fit the contracts in %s", count(len(all), "place")),
		"do what the lines above say; the generated files are up to date, and nothing hand-written was touched")
}

// conflictsOf type-checks hand-written code against what was generated. Where the go command cannot say
// what the code imports, nothing is checked and stderr says why: the compiler will tell.
func (a *app) conflictsOf(ctx context.Context, b batch, nodes map[string]bool, opts codegen.Options) ([]codegen.Conflict, error) {
	root, err := os.OpenRoot(a.nodes)
	if err != nil {
		return nil, unreadable(a.nodes, err)
	}
	defer func() { _ = root.Close() }()
	var files []codegen.File
	for _, f := range b.files {
		if node := b.nodeOf(f.Path); nodes[node] {
			f.Path = path.Join(b.node, f.Path)
			files = append(files, f)
		}
	}
	w, err := codegen.OpenWorkshop(root, files, opts)
	if err != nil {
		return nil, unreadable(a.nodes, err)
	}
	if w.Empty() {
		return nil, nil
	}
	slow := time.AfterFunc(slowImports, func() {
		fmt.Fprintln(a.stderr, "note: compiling what the nodes import, to see whether hand-written code still fits")
	})
	imp, err := exports(ctx, a.nodes, w.Imports())
	slow.Stop()
	if err != nil {
		fmt.Fprintf(a.stderr, "note: whether hand-written code still fits is left to the compiler: %v\n", err)
		return nil, nil
	}
	return w.Conflicts(imp), nil
}

// slowImports is how long people wait without being told what for.
const slowImports = 3 * time.Second

// exports returns an importer of packages as the go command finds and compiles them from dir.
func exports(ctx context.Context, dir string, packages []string) (types.Importer, error) {
	var stderr bytes.Buffer
	args := append([]string{"list", "-e", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}", "--"}, packages...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Stderr = dir, &stderr
	out, err := cmd.Output()
	if err != nil {
		line, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n")
		return nil, fmt.Errorf("go list: %w: %s", err, line)
	}
	files := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		if p, file, ok := strings.Cut(lines.Text(), "\t"); ok && file != "" {
			files[p] = file
		}
	}
	if runtime := ownModule + "/onex"; files[runtime] == "" {
		return nil, fmt.Errorf("the go command does not find or compile %s, which the nodes run on", runtime)
	}
	return importer.ForCompiler(token.NewFileSet(), "gc", func(p string) (io.ReadCloser, error) {
		if files[p] == "" {
			return nil, errors.New("the go command does not find or compile it")
		}
		return os.Open(files[p])
	}), nil
}

// printConflicts prints each conflict with what to do about it.
func (a *app) printConflicts(w io.Writer, list []codegen.Conflict) {
	for _, c := range list {
		fmt.Fprintf(w, "%s:%d:%d: %s\n      fix: %s\n\n", filepath.Join(a.nodes, filepath.FromSlash(c.Path)), c.Line, c.Column, c.Message, c.Fix)
	}
}
