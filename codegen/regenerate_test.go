package codegen_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/omninode-ai/omninode/codegen"
	"github.com/omninode-ai/omninode/contract"
)

// regenerations is how many random edits TestRegenerate tries: REGENERATE, else 100.
func regenerations(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("REGENERATE"))
	if err != nil {
		return 100
	}
	if n < 1 {
		t.Fatalf("REGENERATE=%d is no number of edits", n)
	}
	return n
}

// TestRegenerate edits contracts and hand-written code at random and generates again: every byte of
// hand-written files stays, no file of the generator is left over, and the node compiles, or the
// conflicts name each method and place that does not fit.
func TestRegenerate(t *testing.T) {
	t.Parallel()
	imp := onexImporter(t)
	var mu sync.Mutex
	fits, conflicts := 0, 0
	for i := range regenerations(t) {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			c := newTrial(t, uint64(i), t.TempDir())
			found := c.regenerate()
			list := c.conflicts(imp)
			errs := c.compile(imp)
			if (len(errs) == 0) != (len(list) == 0) {
				t.Errorf("%s: %d conflicts but %d errors\n%v\n%v", c.edits, len(list), len(errs), list, errs)
			}
			c.named(list, found)
			mu.Lock()
			defer mu.Unlock()
			if len(list) == 0 {
				fits++
			} else {
				conflicts++
			}
		})
	}
	t.Cleanup(func() {
		if t.Failed() {
			return
		}
		t.Logf("%d nodes compile, %d stop with a named conflict", fits, conflicts)
		if fits == 0 || conflicts == 0 {
			t.Error("the edits are too tame or too wild to prove anything")
		}
	})
}

// TestRegeneratedBuilds builds a fiftieth as many with the real compiler, which must agree with what the
// conflicts say.
func TestRegeneratedBuilds(t *testing.T) {
	t.Parallel()
	m := newModule(t)
	imp := onexImporter(t)
	want := map[string]bool{}
	for i := range max(4, regenerations(t)/50) {
		dir := fmt.Sprintf("n%d", i)
		c := newTrial(t, uint64(1_000_000+i), filepath.Join(m.dir, dir))
		c.opts.Dir = dir
		c.regenerate()
		want[dir] = len(c.conflicts(imp)) == 0
	}
	out, _ := m.run("test", "-run", "^$", "-vet=off", "./...")
	got := map[string]bool{}
	for _, line := range regexp.MustCompile(`(?m)^(ok|FAIL)\s+example\.com/fleet/(n\d+)/shop\s`).FindAllStringSubmatch(out, -1) {
		got[line[2]] = line[1] == "ok"
	}
	for dir, fits := range want {
		if built, known := got[dir]; !known || built != fits {
			t.Errorf("%s: fits %t, but the compiler says %t (known %t)", dir, fits, built, known)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}

// trial is one node whose contract and code are edited.
type trial struct {
	t     *testing.T
	r     *rand.Rand
	dir   string
	opts  codegen.Options
	edits string
	hand  map[string][]byte // hand-written files, by path
	files []codegen.File
}

func newTrial(t *testing.T, seed uint64, dir string) *trial {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return &trial{t: t, r: rand.New(rand.NewPCG(seed, 1)), dir: dir, opts: codegen.Options{Module: "example.com/fleet", Dir: "nodes"}}
}

// renamed is what an edit did to a handler's input.
type renamed struct{ from, to string }

// regenerate generates a random contract, edits the code as people do, edits the contract and generates
// again. It returns the input that has another name or version now, if that is all that changed.
func (c *trial) regenerate() *renamed {
	c.t.Helper()
	s := newSpec(c.r)
	c.generate(s)
	c.editCode()
	c.hand = c.handWritten()
	now := s.clone()
	n := 1 + c.r.IntN(3)
	for range n {
		c.edits += now.edit(c.r) + "; "
	}
	c.generate(now)
	for name, before := range c.hand {
		if after := read(c.t, filepath.Join(c.dir, name)); !bytes.Equal(before, after) {
			c.t.Errorf("%s: %s was changed", c.edits, name)
		}
	}
	c.noOrphans()
	if n == 1 && strings.Contains(c.edits, "an input has another") && s.kind == now.kind && s.kind != "orchestrator" {
		return rename(s, now)
	}
	return nil
}

func rename(before, now *spec) *renamed {
	for i := range before.inputs {
		if before.inputs[i] != now.inputs[i] {
			return &renamed{method(before.inputs[i]), method(now.inputs[i])}
		}
	}
	return nil
}

func method(m message) string { return contract.GoName(m.name) + "V" + strconv.Itoa(m.version) }

func (c *trial) generate(s *spec) {
	c.t.Helper()
	files := map[string][]byte{"shop/contract.yaml": []byte(s.yaml())}
	if s.kind == "orchestrator" {
		files["other/contract.yaml"] = []byte(s.other())
	}
	fleet, err := contract.ParseFleet(files)
	if err != nil {
		c.t.Fatalf("%s: %v\n%s", c.edits, err, s.yaml())
	}
	if c.files, err = codegen.Generate(c.t.Context(), fleet.Contract("shop"), c.opts); err != nil {
		c.t.Fatal(err)
	}
	if _, err := codegen.Write(openRoot(c.t, c.dir), c.files); err != nil {
		c.t.Fatal(err)
	}
}

// handWritten reads every file that is not the generator's.
func (c *trial) handWritten() map[string][]byte {
	files := map[string][]byte{}
	c.walk(func(name string) {
		if !strings.Contains(name, ".gen") {
			files[name] = read(c.t, filepath.Join(c.dir, name))
		}
	})
	return files
}

func (c *trial) walk(f func(name string)) {
	c.t.Helper()
	err := fs.WalkDir(os.DirFS(c.dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			f(name)
		}
		return err
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

// noOrphans checks that what is on disk is what was generated and what people wrote, and nothing else.
func (c *trial) noOrphans() {
	c.t.Helper()
	known := map[string]bool{}
	for _, f := range c.files {
		known[f.Path] = true
		if f.Owner == codegen.Owned && !bytes.Equal(read(c.t, filepath.Join(c.dir, f.Path)), f.Content) {
			c.t.Errorf("%s: %s is not as generated", c.edits, f.Path)
		}
	}
	c.walk(func(name string) {
		if !known[name] && c.hand[name] == nil {
			c.t.Errorf("%s: %s is left over", c.edits, name)
		}
	})
}

func (c *trial) conflicts(imp types.Importer) []codegen.Conflict {
	c.t.Helper()
	w, err := codegen.OpenWorkshop(openRoot(c.t, c.dir), c.files, c.opts)
	if err != nil {
		c.t.Fatal(err)
	}
	return w.Conflicts(imp)
}

// compile type-checks the node as it lies on disk, independently of the generator.
func (c *trial) compile(imp types.Importer) []error {
	c.t.Helper()
	fset := token.NewFileSet()
	names, err := filepath.Glob(filepath.Join(c.dir, "shop", "*.go"))
	if err != nil {
		c.t.Fatal(err)
	}
	var files []*ast.File
	for _, name := range names {
		f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			c.t.Fatal(err)
		}
		files = append(files, f)
	}
	var errs []error
	conf := types.Config{Importer: imp, Error: func(err error) { errs = append(errs, err) }}
	_, _ = conf.Check("shop", fset, files, nil) // every error was collected
	return errs
}

// named checks that each conflict has a place in a file that exists and a remedy, and that a rename of
// an input is answered with the rename of its method.
func (c *trial) named(list []codegen.Conflict, change *renamed) {
	c.t.Helper()
	for _, k := range list {
		if _, err := os.Stat(filepath.Join(c.dir, k.Path)); err != nil || k.Line < 1 || k.Message == "" || k.Fix == "" {
			c.t.Errorf("%s: conflict %+v: %v", c.edits, k, err)
		}
	}
	if change == nil {
		return
	}
	want := "rename " + change.from + " to " + change.to + ":"
	for _, k := range list {
		if strings.HasPrefix(k.Fix, want) {
			return
		}
	}
	c.t.Errorf("%s: no conflict says %q: %v", c.edits, want, list)
}

// onexImporter returns an importer of what nodes import, which reads each package once.
func onexImporter(t *testing.T) types.Importer {
	t.Helper()
	if testing.Short() && os.Getenv("REGENERATE") == "" {
		t.Skip("runs the go command")
	}
	out, err := exec.CommandContext(context.WithoutCancel(t.Context()), "go", "list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}",
		"../onex/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	exports := map[string]string{}
	for line := range strings.SplitSeq(string(out), "\n") {
		p, file, _ := strings.Cut(line, "\t")
		exports[p] = file
	}
	return &shared{imp: importer.ForCompiler(token.NewFileSet(), "gc", func(p string) (io.ReadCloser, error) {
		if exports[p] == "" {
			return nil, errors.New("unknown package " + p)
		}
		return os.Open(exports[p])
	})}
}

// shared lets parallel tests use one importer.
type shared struct {
	mu  sync.Mutex
	imp types.Importer
}

func (s *shared) Import(p string) (*types.Package, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.imp.Import(p)
}
