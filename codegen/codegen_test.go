package codegen_test

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/omninode-ai/omninode/codegen"
	"github.com/omninode-ai/omninode/contract"
)

// TestDeterministic generates again and again; map iteration alone would differ sooner or later.
func TestDeterministic(t *testing.T) {
	t.Parallel()
	first := generate(t, parse(t, shopContracts(t)))
	for range 10 {
		again := generate(t, parse(t, shopContracts(t)))
		if !slices.EqualFunc(first, again, sameFile) {
			t.Fatal("two generations of the same contracts differ")
		}
	}
	if !slices.IsSortedFunc(first, func(a, b codegen.File) int { return strings.Compare(a.Path, b.Path) }) {
		t.Error("files are not sorted by path")
	}
}

func sameFile(a, b codegen.File) bool {
	return a.Path == b.Path && a.Mode == b.Mode && a.Owner == b.Owner && bytes.Equal(a.Content, b.Content)
}

// TestShopIsUpToDate regenerates the shop: its owned files are what its contracts yield.
func TestShopIsUpToDate(t *testing.T) {
	t.Parallel()
	fleet, err := contract.LoadFleet("../nodes")
	if err != nil {
		t.Fatal(err)
	}
	files, err := codegen.GenerateFleet(t.Context(), fleet, codegen.Options{Module: "github.com/omninode-ai/omninode", OwnSchemas: map[string]int64{"payment": 1}})
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot("../nodes")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	diffs, err := codegen.Check(root, files)
	if err != nil || len(diffs) > 0 {
		t.Errorf("nodes/ is not as generated: %v, error %v; run make generate", diffs, err)
	}
}

// TestOneNodeIsAPartOfTheFleet generates a node alone and with the others.
func TestOneNodeIsAPartOfTheFleet(t *testing.T) {
	t.Parallel()
	fleet := parse(t, shopContracts(t))
	all := generate(t, fleet)
	files, err := codegen.Generate(t.Context(), fleet.Contract("checkout"), options())
	if err != nil || len(files) != 8 {
		t.Fatalf("checkout has %d files, error %v; want 8", len(files), err)
	}
	for _, f := range files {
		if !slices.ContainsFunc(all, func(o codegen.File) bool { return sameFile(o, f) }) {
			t.Errorf("%s is not what the fleet has", f.Path)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	fleet := parse(t, shopContracts(t))
	for _, o := range []codegen.Options{
		{},
		{Module: "../x"},
		{Module: "a b"},
		{Module: "x\"\nimport \"os"},
		{Module: "example.com/x", Dir: "../y"},
		{Module: "example.com/x", Dir: "/y"},
		{Module: "example.com/x", Dir: "y\"z"},
		{Module: "example.com/x;"},
	} {
		if _, err := codegen.GenerateFleet(t.Context(), fleet, o); err == nil {
			t.Errorf("options %+v are accepted", o)
		}
	}
	files, err := codegen.GenerateFleet(t.Context(), fleet, codegen.Options{Module: "example.com/x", Dir: "."})
	if err != nil || !bytes.Contains(files[0].Content, []byte("package")) {
		t.Errorf("nodes at the root of a module: %v", err)
	}
}

func BenchmarkGenerateFleet(b *testing.B) {
	fleet, err := contract.ParseFleet(shopContracts(b))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		generate(b, fleet)
	}
}
