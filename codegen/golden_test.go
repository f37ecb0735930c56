package codegen_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"mvdan.cc/gofumpt/format"

	"github.com/omninode-ai/omninode/codegen"
	"github.com/omninode-ai/omninode/contract"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// options are those of a module of somebody else.
func options() codegen.Options { return codegen.Options{Module: "example.com/fleet"} }

// TestGolden holds the generator to testdata/golden: contracts in, files out.
func TestGolden(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("testdata/golden/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			golden(t, name)
		})
	}
}

func golden(t *testing.T, name string) {
	t.Helper()
	a, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	got := &txtar.Archive{Comment: a.Comment, Files: inputs(a)}
	for _, f := range generate(t, contracts(t, a)) {
		got.Files = append(got.Files, txtar.File{Name: "want/" + f.Path, Data: f.Content})
	}
	if *update {
		if err := os.WriteFile(name, txtar.Format(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if len(got.Files) != len(a.Files) {
		t.Errorf("generated %d files, want %d", len(got.Files)-len(inputs(a)), len(a.Files)-len(inputs(a)))
	}
	for i, f := range got.Files {
		if i < len(a.Files) && (f.Name != a.Files[i].Name || string(f.Data) != string(a.Files[i].Data)) {
			t.Errorf("%s differs from %s; run go test ./codegen -run TestGolden -update and read the diff", f.Name, a.Files[i].Name)
		}
	}
}

func inputs(a *txtar.Archive) []txtar.File {
	return slices.DeleteFunc(slices.Clone(a.Files), func(f txtar.File) bool { return strings.HasPrefix(f.Name, "want/") })
}

// contracts parses the contracts in an archive.
func contracts(t *testing.T, a *txtar.Archive) *contract.Fleet {
	t.Helper()
	files := map[string][]byte{}
	for _, f := range inputs(a) {
		files[f.Name] = f.Data
	}
	return parse(t, files)
}

func parse(t *testing.T, files map[string][]byte) *contract.Fleet {
	t.Helper()
	fleet, err := contract.ParseFleet(files)
	if err != nil {
		t.Fatalf("parse contracts:\n%v", err)
	}
	return fleet
}

func generate(t testing.TB, fleet *contract.Fleet) []codegen.File {
	t.Helper()
	files, err := codegen.GenerateFleet(t.Context(), fleet, options())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		tidy(t, f)
	}
	return files
}

// tidy fails the test unless gofumpt has nothing to change: the generator itself formats as gofmt does.
func tidy(t testing.TB, f codegen.File) {
	t.Helper()
	want, err := format.Source(f.Content, format.Options{LangVersion: "go1.26", ModulePath: options().Module})
	if err != nil || string(want) != string(f.Content) {
		t.Errorf("%s is not as gofumpt wants it, error %v:\n%s", f.Path, err, f.Content)
	}
}
