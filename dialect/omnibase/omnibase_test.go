package omnibase_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/dialect/omnibase"
)

var update = flag.Bool("update", false, "rewrite the golden output")

// corpus reads the contracts of the dialect that belong to this repository.
func corpus(t *testing.T) map[string][]byte {
	t.Helper()
	return sources(t, filepath.Join("testdata", "corpus", "*.yaml"))
}

// published reads contracts of the dialect that do not belong to this repository: those that
// OMNIBASE_CONTRACTS matches, else those in the folder shared beside the repository.
func published(t *testing.T) map[string][]byte {
	t.Helper()
	pattern := os.Getenv("OMNIBASE_CONTRACTS")
	if pattern == "" {
		pattern = filepath.Join("..", "..", "..", "shared", "contracts", "omnibase", "*.yaml")
	}
	files := sources(t, pattern)
	if len(files) == 0 {
		t.Skipf("no contracts at %s; OMNIBASE_CONTRACTS names others", pattern)
	}
	return files
}

func sources(t *testing.T, pattern string) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = data
	}
	return files
}

// TestCorpus compares what the corpus becomes, and the account of each of its values.
func TestCorpus(t *testing.T) {
	t.Parallel()
	res := omnibase.Import(corpus(t))
	got := maps.Clone(res.Contracts)
	for _, f := range res.Files {
		got[filepath.Join("accounts", strings.TrimSuffix(filepath.Base(f.Name), ".yaml")+".txt")] = account(f)
	}
	golden := filepath.Join("testdata", "golden")
	if *update {
		rewrite(t, golden, got)
	}
	for path, data := range got {
		want, err := os.ReadFile(filepath.Join(golden, path))
		if err != nil || !bytes.Equal(want, data) {
			t.Errorf("%s differs; go test ./dialect/omnibase -run TestCorpus -update shows how", path)
		}
	}
	have, err := filepath.Glob(filepath.Join(golden, "*", "*"))
	if err != nil || len(have) != len(got) {
		t.Errorf("%d golden files, want %d", len(have), len(got))
	}
	if _, err := contract.ParseFleet(res.Contracts); err != nil {
		t.Error(err)
	}
}

// account writes the verdict on each value of a file.
func account(f *omnibase.File) []byte {
	var b bytes.Buffer
	for _, l := range f.Leaves {
		fmt.Fprintf(&b, "%d:%d: %s: %s: %s%s\n", l.Line, l.Column, l.Verdict, l.Path, l.Target, l.Why)
	}
	for _, text := range f.Assumed {
		fmt.Fprintf(&b, "assumed: %s\n", text)
	}
	return b.Bytes()
}

func rewrite(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	for path, data := range files {
		name := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNothingIsDropped walks every value of every source and finds it in exactly one list.
func TestNothingIsDropped(t *testing.T) {
	t.Parallel()
	t.Run("corpus", func(t *testing.T) { t.Parallel(); checkAccounts(t, corpus(t)) })
	t.Run("published", func(t *testing.T) { t.Parallel(); checkAccounts(t, published(t)) })
}

func checkAccounts(t *testing.T, files map[string][]byte) {
	t.Helper()
	for _, f := range omnibase.Import(files).Files {
		lists := map[string]int{}
		for _, l := range f.Leaves {
			lists[l.Path]++
			complete := l.Verdict == omnibase.Carried && l.Target != "" && l.Why == "" ||
				l.Verdict == omnibase.Derived && l.Why != "" && l.Target == "" ||
				l.Verdict == omnibase.Refused && l.Why != "" && l.Fix != ""
			if !complete || l.Line < 1 || l.Column < 1 {
				t.Errorf("%s: incomplete account: %+v", f.Name, *l)
			}
		}
		var doc yaml.Node
		if err := yaml.Load(files[f.Name], &doc); err != nil {
			t.Fatal(err)
		}
		values := map[string]int{} // more than one where a file gives a key twice
		for _, path := range leafPaths(doc.Content[0], "") {
			values[path]++
		}
		if !maps.Equal(values, lists) {
			t.Errorf("%s: account of %v, want one of %v", f.Name, lists, values)
		}
	}
}

// leafPaths lists the scalars and the empty lists and mappings of a document.
func leafPaths(n *yaml.Node, path string) []string {
	var paths []string
	switch {
	case len(n.Content) == 0:
		return []string{path}
	case n.Kind == yaml.SequenceNode:
		for i, e := range n.Content {
			paths = append(paths, leafPaths(e, fmt.Sprintf("%s[%d]", path, i))...)
		}
	default:
		for i := 0; i+1 < len(n.Content); i += 2 {
			paths = append(paths, leafPaths(n.Content[i+1], strings.TrimPrefix(path+"."+n.Content[i].Value, "."))...)
		}
	}
	return paths
}

// TestCarriedSurvivesMutation proves that a carried value is one: without it the contracts differ.
func TestCarriedSurvivesMutation(t *testing.T) {
	t.Parallel()
	t.Run("corpus", func(t *testing.T) { t.Parallel(); checkMutants(t, corpus(t)) })
	t.Run("published", func(t *testing.T) { t.Parallel(); checkMutants(t, published(t)) })
}

func checkMutants(t *testing.T, files map[string][]byte) {
	t.Helper()
	mutants := 0
	for name, data := range files {
		mutants += checkCarried(t, name, data)
	}
	if mutants == 0 {
		t.Error("nothing is carried")
	}
	t.Logf("%d carried values, each missed when it is gone", mutants)
}

// TestPublishedImport demands what the importer promises of contracts written by others: nine of ten
// import without a change and form a valid fleet.
func TestPublishedImport(t *testing.T) {
	t.Parallel()
	files := published(t)
	res := omnibase.Import(files)
	failed, total := 0, map[string]int{}
	for _, f := range res.Files {
		for _, d := range f.Problems {
			t.Log(d)
		}
		if len(f.Problems) > 0 {
			failed++
		}
		for _, l := range f.Leaves {
			total[l.Verdict]++
		}
	}
	if _, err := contract.ParseFleet(res.Contracts); err != nil {
		t.Error(err)
	}
	if 10*failed > len(files) {
		t.Errorf("%d of %d files were not imported", failed, len(files))
	}
	t.Logf("%d of %d files imported, values: %v", len(files)-failed, len(files), total)
}

// TestOrderDoesNotMatter imports the corpus twice: maps have no order, output has.
func TestOrderDoesNotMatter(t *testing.T) {
	t.Parallel()
	want := omnibase.Import(corpus(t))
	for range 3 {
		if got := omnibase.Import(corpus(t)); !reflect.DeepEqual(got, want) {
			t.Fatal("two imports of the same files differ")
		}
	}
}
