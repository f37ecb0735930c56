package codegen_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"go.yaml.in/yaml/v4"

	"github.com/omninode-ai/omninode/codegen"
	"github.com/omninode-ai/omninode/contract"
)

// TestScaffolds proves that nothing but contracts is needed for nodes that build, vet and pass their
// tests.
func TestScaffolds(t *testing.T) {
	t.Parallel()
	m := newModule(t)
	m.examples()
	m.prove()
	if out, err := m.run("build", "./nodes/cmd"); err != nil {
		t.Errorf("link the shop: %v\n%s", err, out)
	}
}

// TestScaffoldsLint holds the same nodes to the linters; make lint runs it, because they take longer
// to build than everything else.
func TestScaffoldsLint(t *testing.T) {
	t.Parallel()
	if os.Getenv("OMNINODE_LINT") == "" {
		t.Skip("OMNINODE_LINT is not set: make lint sets it")
	}
	m := newModule(t)
	m.examples()
	m.lint()
}

// examples generates the shop, fleets that use every key of the language, and one that uses as few as
// can be.
func (m module) examples() {
	m.t.Helper()
	m.generate("nodes", shopContracts(m.t))
	m.generate("every", goldenContracts(m.t, "every-key"))
	m.generate("clock", goldenContracts(m.t, "clockwork"))
	m.generate("least", goldenContracts(m.t, "minimal"))
	m.generate("upcast", goldenContracts(m.t, "upcast"))
	m.generate("pairwise", pairwiseContracts(m.t))
	m.topics("nodes", shopContracts(m.t))
	m.topics("pairwise", pairwiseContracts(m.t))
}

// prove compiles, vets and tests everything. It links no program: that takes longer than all the rest.
// Tests run again although what they test is compiled already: a canary must have its chance.
func (m module) prove() {
	m.t.Helper()
	for _, args := range [][]string{{"list", "-export", "-f", "{{.Name}}", "./..."}, {"vet", "./..."}, {"test", "-count=1", "./..."}} {
		if out, err := m.run(args...); err != nil {
			m.t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// TestPlantedBugs proves that the generated tests see what they are for: each defect turns the test
// of each kind red, for its own reason, and without a defect it is green.
func TestPlantedBugs(t *testing.T) {
	t.Parallel()
	reasons := map[string]string{
		"":            "",
		"bug_error":   "failed on a valid input: ",
		"bug_panic":   "panicked: planted panic",
		"bug_invalid": "broke a schema: ",
		"bug_random":  "is not deterministic",
		"bug_key":     "with another key",
	}
	m := newModule(t)
	m.generate("nodes", shopContracts(t))
	m.plant("testdata/bugs.txtar")
	for _, node := range []string{"pricing", "payment", "orders", "checkout"} {
		t.Run(node, func(t *testing.T) {
			t.Parallel()
			for tag, want := range reasons {
				out, err := m.run("test", "-vet=off", "-tags="+tag, "./nodes/"+node)
				if (err == nil) != (tag == "") {
					t.Errorf("with tag %q: go test ended with %v\n%s", tag, err, out)
				}
				for other, reason := range reasons {
					if other != "" && strings.Contains(out, reason) != (other == tag) {
						t.Errorf("with tag %q the reason %q is there: %t\n%s", tag, reason, reason != want, out)
					}
				}
			}
		})
	}
}

// module is a Go module of somebody else that uses this one.
type module struct {
	t   *testing.T
	dir string
}

// newModule writes a go.mod that needs nothing but what this module needs.
func newModule(t *testing.T) module {
	t.Helper()
	if testing.Short() {
		t.Skip("runs the go command")
	}
	own, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	m := module{t, t.TempDir()}
	goMod := read(t, filepath.Join(own, "go.mod"))
	goMod = bytes.Replace(goMod, []byte("module github.com/omninode-ai/omninode"), []byte("module "+options().Module), 1)
	goMod = fmt.Appendf(goMod, "\nrequire github.com/omninode-ai/omninode v0.0.0\n\nreplace github.com/omninode-ai/omninode => %s\n", own)
	m.write("go.mod", goMod)
	m.write("go.sum", read(t, filepath.Join(own, "go.sum")))
	return m
}

// generate writes the contracts below dir, loads them and writes what they yield.
func (m module) generate(dir string, contracts map[string][]byte) {
	m.t.Helper()
	for name, data := range contracts {
		m.write(filepath.Join(dir, name), data)
	}
	fleet, err := contract.LoadFleet(filepath.Join(m.dir, dir))
	if err != nil {
		m.t.Fatal(err)
	}
	files, err := codegen.GenerateFleet(m.t.Context(), fleet, codegen.Options{Module: options().Module, Dir: dir})
	if err != nil {
		m.t.Fatal(err)
	}
	if _, err := codegen.Write(openRoot(m.t, filepath.Join(m.dir, dir)), files); err != nil {
		m.t.Fatal(err)
	}
}

// lint runs the linters and formatters of this repository, on generated files too.
func (m module) lint() {
	m.t.Helper()
	own, err := filepath.Abs("..")
	if err != nil {
		m.t.Fatal(err)
	}
	var config map[string]map[string]any
	if err := yaml.Unmarshal(bytes.Replace(read(m.t, filepath.Join(own, ".golangci.yml")), []byte(`version: "2"`), nil, 1), &config); err != nil {
		m.t.Fatal(err)
	}
	everything := map[string]string{"generated": "disable"}
	config["linters"]["exclusions"], config["formatters"]["exclusions"] = everything, everything
	// depguard and gci know this repository's folders; references are parsed once, into variables.
	config["linters"]["disable"] = []string{"depguard", "gochecknoglobals"}
	config["formatters"]["enable"] = []string{"gofumpt"}
	out, err := yaml.Marshal(config)
	if err != nil {
		m.t.Fatal(err)
	}
	m.write(".golangci.yml", append([]byte("version: \"2\"\n"), out...))
	if out, err := m.run("tool", "-modfile="+filepath.Join(own, "tools", "go.mod"), "golangci-lint", "run", "--allow-parallel-runners", "./..."); err != nil {
		m.t.Errorf("golangci-lint: %v\n%s", err, out)
	}
}

// plant replaces the handlers of the nodes by those of an archive and adds its defects.
func (m module) plant(archive string) {
	m.t.Helper()
	a, err := txtar.ParseFile(archive)
	if err != nil {
		m.t.Fatal(err)
	}
	var defects []txtar.File
	for _, f := range a.Files {
		node, _, isHandler := strings.Cut(f.Name, "/")
		if !isHandler {
			defects = append(defects, f)
			continue
		}
		m.write(filepath.Join("nodes", f.Name), f.Data)
		for _, d := range defects {
			m.write(filepath.Join("nodes", node, d.Name), bytes.Replace(d.Data, []byte("package bugs"), []byte("package "+node), 1))
		}
	}
}

func (m module) write(name string, data []byte) {
	m.t.Helper()
	name = filepath.Join(m.dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		m.t.Fatal(err)
	}
}

// run runs the go command in the module, offline, and returns what it printed.
// run runs the go command. Without the paths of the temporary folder in it, what was compiled once is
// found again the next time.
func (m module) run(args ...string) (string, error) {
	cmd := exec.CommandContext(context.WithoutCancel(m.t.Context()), "go", args...)
	cmd.Dir = m.dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod -ldflags=-w -trimpath", "GOPROXY=off", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func openRoot(t *testing.T, dir string) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return root
}

// shopContracts returns the contracts of the shop by name, and nothing else of it.
func shopContracts(t testing.TB) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob("../nodes/*/contract.yaml")
	if err != nil || len(names) != 4 {
		t.Fatalf("the shop has %d contracts, error %v", len(names), err)
	}
	contracts := map[string][]byte{}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		contracts[filepath.Base(filepath.Dir(name))+"/contract.yaml"] = data
	}
	return contracts
}

func goldenContracts(t *testing.T, name string) map[string][]byte {
	t.Helper()
	a, err := txtar.ParseFile("testdata/golden/" + name + ".txtar")
	if err != nil {
		t.Fatal(err)
	}
	contracts := map[string][]byte{}
	for _, f := range inputs(a) {
		contracts[f.Name] = f.Data
	}
	return contracts
}
