package codegen_test

import (
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/omninode-ai/omninode/codegen"
	"github.com/omninode-ai/omninode/contract"
)

// FuzzGenerate reads two contracts. What the language accepts must become code, whose declarations,
// imports and directives Generate compares with those the model allows, and the same code every time.
func FuzzGenerate(f *testing.F) {
	names, err := filepath.Glob("testdata/golden/*.txtar")
	if err != nil || len(names) == 0 {
		f.Fatalf("no golden files: %v", err)
	}
	for _, name := range names {
		a, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(a.Files[0].Data, a.Files[1].Data)
	}
	for _, src := range shopContracts(f) {
		f.Add(src, []byte{})
	}
	named := regexp.MustCompile(`(?m)^node: ([a-z-]+)`)
	f.Fuzz(func(t *testing.T, one, other []byte) {
		files := map[string][]byte{}
		for _, src := range [][]byte{one, other} {
			if m := named.FindSubmatch(src); m != nil {
				files[string(m[1])+"/contract.yaml"] = src
			}
		}
		fleet, err := contract.ParseFleet(files)
		if err != nil {
			return
		}
		first, again := generate(t, fleet), generate(t, fleet)
		if !slices.EqualFunc(first, again, sameFile) {
			t.Error("two generations of the same contracts differ")
		}
		for _, file := range first {
			if !filepath.IsLocal(file.Path) {
				t.Errorf("file %q lies outside", file.Path)
			}
		}
	})
}

// TestDeterministicEverywhere generates a fleet with every key on one processor and on several, and
// reads its files in another order each time.
//
//nolint:paralleltest // it changes the number of processors
func TestDeterministicEverywhere(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	files := corpus(t)
	var first []codegen.File
	for _, n := range []int{1, 2, 8, 1, 8} {
		runtime.GOMAXPROCS(n)
		dir := t.TempDir()
		for name, data := range files { // in the order of the map
			module{t, dir}.write(name, data)
		}
		fleet, err := contract.LoadFleet(dir)
		if err != nil {
			t.Fatal(err)
		}
		got := generate(t, fleet)
		if first == nil {
			first = got
		}
		if !slices.EqualFunc(first, got, sameFile) {
			t.Errorf("with %d processors the code differs", n)
		}
	}
}
