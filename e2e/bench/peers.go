package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// inputs holds one service in the words of every generator; NAME stands for its name.
//
//go:embed peers
var inputs embed.FS

// peer is a generator that the same set of services is given to.
type peer struct {
	name    string
	input   string                          // file in peers/
	module  string                          // the tool's, "" for our own
	version string                          // of the module; the same as of the library the code needs
	tool    string                          // package of its command
	path    func(service string) string     // where the input of a service belongs
	runs    func(names []string) [][]string // arguments of each run that the set needs
	editors string                          // file a person writes in, for a service NAME; "" if it makes none
}

func peers() []peer {
	each := func(args ...string) func([]string) [][]string {
		return func(names []string) [][]string {
			var runs [][]string
			for _, name := range names {
				runs = append(runs, strings.Fields(strings.ReplaceAll(strings.Join(args, " "), "NAME", name)))
			}
			return runs
		}
	}
	once := func(runs ...[]string) func([]string) [][]string {
		return func([]string) [][]string { return runs }
	}
	return []peer{
		{
			name: "omninode", input: "omninode.yaml",
			path: func(s string) string { return "nodes/" + s + "/contract.yaml" },
			runs: once([]string{"generate"}), editors: "nodes/NAME/handler.go",
		},
		{
			name: "goctl", input: "goctl.api", module: "github.com/zeromicro/go-zero", version: "v1.10.2",
			tool: "github.com/zeromicro/go-zero/tools/goctl",
			path: func(s string) string { return s + ".api" },
			runs: each("api", "go", "-api", "NAME.api", "-dir", "NAME"), editors: "NAME/internal/logic/priceorderlogic.go",
		},
		{
			name: "goa", input: "goa.go.txt", module: "goa.design/goa/v3", version: "v3.25.3", tool: "goa.design/goa/v3/cmd/goa",
			path: func(s string) string { return "design/" + s + ".go" },
			runs: once([]string{"gen", "example.com/goa/design"}, []string{"example", "example.com/goa/design"}), editors: "NAME.go",
		},
		{
			name: "asyncapi-codegen", input: "asyncapi.yaml", module: "github.com/lerenn/asyncapi-codegen", version: "v0.46.3",
			tool: "github.com/lerenn/asyncapi-codegen/cmd/asyncapi-codegen",
			path: func(s string) string { return s + "/asyncapi.yaml" },
			runs: each("-i", "NAME/asyncapi.yaml", "-p", "NAME", "-o", "NAME/asyncapi.gen.go"),
		},
	}
}

// services are the names of the set.
func services() []string {
	return strings.Fields("alpha bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november oscar papa quebec romeo sierra tango")
}

// peers runs every generator on the same services and the same mistakes and prints a line for each.
func (b *bench) peers(ctx context.Context) error {
	mistakes, err := readMistakes()
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "  %-18s %11s %9s %10s %11s %9s %8s\n", "", "services/s", "compiles", "no change", "edits kept", "line", "fix")
	for _, p := range peers() {
		t, err := b.install(ctx, p)
		if err != nil {
			return fmt.Errorf("install %s: %w", p.name, err)
		}
		line, err := t.measure(ctx, mistakes)
		if err != nil {
			return fmt.Errorf("measure %s: %w", p.name, err)
		}
		fmt.Fprintf(b.out, "  %-18s %s\n", strings.TrimSpace(p.name+" "+p.version), line)
	}
	return nil
}

// trial is a peer that is ready to run.
type trial struct {
	peer
	bench   *bench
	program string
}

// install builds a peer as its documentation says: as a tool of a module of its own.
func (b *bench) install(ctx context.Context, p peer) (*trial, error) {
	if p.module == "" {
		return &trial{p, b, filepath.Join(b.root, "bin", "omninode")}, nil
	}
	dir := filepath.Join(b.temp, "tool-"+p.name)
	if err := writeFiles(dir, map[string][]byte{"go.mod": []byte("module example.com/tool\n\ngo 1.26\n")}); err != nil {
		return nil, err
	}
	program := filepath.Join(dir, p.name)
	version := p.version
	for _, args := range [][]string{{"get", "-tool", p.tool + "@" + version}, {"build", "-o", program, p.tool}} {
		if err := run1(ctx, dir, "go", args...); err != nil {
			return nil, err
		}
	}
	return &trial{p, b, program}, nil
}

// run1 runs a command; the error holds what it printed.
func run1(ctx context.Context, dir, name string, args ...string) error {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}

// workspace writes a module with the inputs of some services.
func (t *trial) workspace(ctx context.Context, name string, names []string) (string, error) {
	dir := filepath.Join(t.bench.temp, t.name, name)
	mod := "module example.com/" + t.name + "\n\ngo 1.26\n"
	switch t.module {
	case "":
		mod += "\nrequire " + module + " v0.0.0\n\nreplace " + module + " => " + t.bench.root + "\n"
	default:
		mod += "\nrequire " + t.module + " " + t.version + "\n"
	}
	files := map[string][]byte{"go.mod": []byte(mod)}
	for _, s := range names {
		text, err := t.text(s)
		if err != nil {
			return "", err
		}
		files[t.path(s)] = []byte(text)
	}
	if err := writeFiles(dir, files); err != nil {
		return "", err
	}
	if t.name == "goa" { // its input is a program, which needs the sums of what it imports
		return dir, run1(ctx, dir, "go", "mod", "tidy")
	}
	return dir, nil
}

// text returns the input of a service.
func (t *trial) text(service string) (string, error) {
	raw, err := inputs.ReadFile(path.Join("peers", t.input))
	return strings.ReplaceAll(string(raw), "NAME", service), err
}

func (t *trial) generate(ctx context.Context, dir string, names []string) error {
	for _, args := range t.runs(names) {
		if err := run1(ctx, dir, t.program, args...); err != nil {
			return err
		}
	}
	return nil
}

func (t *trial) measure(ctx context.Context, mistakes []mistake) (string, error) {
	names := services()
	var cold, again []time.Duration
	var dir string
	for i := range 3 {
		var err error
		if dir, err = t.workspace(ctx, fmt.Sprintf("set-%d", i), names); err != nil {
			return "", err
		}
		for _, series := range []*[]time.Duration{&cold, &again} {
			start := time.Now()
			if err := t.generate(ctx, dir, names); err != nil {
				return "", err
			}
			*series = append(*series, time.Since(start))
		}
	}
	compiled, err := t.compiled(ctx, dir, names)
	if err != nil {
		return "", err
	}
	kept, err := t.kept(ctx, dir, names)
	if err != nil {
		return "", err
	}
	found, err := t.find(ctx, mistakes, names[:5])
	if err != nil {
		return "", err
	}
	var line strings.Builder
	fmt.Fprintf(&line, "%11.1f %8d%% %10s %11s %5d/%-3d %4d/%-3d", float64(len(names))/middle(cold).Seconds(),
		100*compiled/len(names), round(middle(again)), kept, found.line, found.all, found.fix, found.all)
	for _, what := range found.missed {
		fmt.Fprintf(&line, "\n  %20snot at its line: %s", "", what)
	}
	return line.String(), nil
}

// compiled counts the services whose code builds as it was generated.
func (t *trial) compiled(ctx context.Context, dir string, names []string) (int, error) {
	if err := run1(ctx, dir, "go", "mod", "tidy"); err != nil {
		return 0, err
	}
	if run1(ctx, dir, "go", "build", "./...") == nil {
		return len(names), nil
	}
	good := 0
	for _, s := range names {
		if run1(ctx, dir, "go", "build", "./"+path.Dir(strings.ReplaceAll(t.editors, "NAME", s))) == nil {
			good++
		}
	}
	return good, nil
}

// kept tells how many edits of the file for a person's code are there after the input changed and
// everything was generated again.
func (t *trial) kept(ctx context.Context, dir string, names []string) (string, error) {
	if t.editors == "" {
		return "no file", nil
	}
	const edit = "\n// written by hand\n"
	for _, s := range names {
		file := filepath.Join(dir, strings.ReplaceAll(t.editors, "NAME", s))
		if err := appendTo(file, edit); err != nil {
			return "", err
		}
		if err := replaceIn(filepath.Join(dir, t.path(s)), map[string]string{"sku": "article"}); err != nil {
			return "", err
		}
	}
	if err := t.generate(ctx, dir, names); err != nil {
		return "", err
	}
	kept := 0
	for _, s := range names {
		raw, err := os.ReadFile(filepath.Join(dir, strings.ReplaceAll(t.editors, "NAME", s)))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
		if strings.Contains(string(raw), edit) {
			kept++
		}
	}
	return fmt.Sprintf("%d%%", 100*kept/len(names)), nil
}

func appendTo(file, text string) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(raw, text...), 0o644)
}

func replaceIn(file string, words map[string]string) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for old, text := range words {
		raw = bytes.ReplaceAll(raw, []byte(old), []byte(text))
	}
	return os.WriteFile(file, raw, 0o644)
}
