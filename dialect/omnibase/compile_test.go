package omnibase_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/omninode-ai/omninode/codegen"
	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/dialect/omnibase"
)

// TestImportCompiles proves that nobody has to touch an import: it validates, generates and compiles.
func TestImportCompiles(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("runs the go command")
	}
	t.Run("corpus", func(t *testing.T) { t.Parallel(); compile(t, corpus(t)) })
	t.Run("published", func(t *testing.T) { t.Parallel(); compile(t, published(t)) })
}

func compile(t *testing.T, files map[string][]byte) {
	t.Helper()
	dir := newModule(t)
	nodes := filepath.Join(dir, "nodes")
	for path, data := range omnibase.Import(files).Contracts {
		put(t, filepath.Join(nodes, path), data)
	}
	fleet, err := contract.LoadFleet(nodes)
	if err != nil {
		t.Fatal(err)
	}
	out, err := codegen.GenerateFleet(t.Context(), fleet, codegen.Options{Module: "example.com/imported", Dir: "nodes"})
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(nodes)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	if _, err := codegen.Write(root, out); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "list", "-export", "./...") // compiles and links nothing
	cmd.Dir = dir
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go list -export: %v\n%s", err, text)
	}
}

// newModule writes a go.mod that needs nothing but what this module needs.
func newModule(t *testing.T) string {
	t.Helper()
	own, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	mod := bytes.Replace(get(t, filepath.Join(own, "go.mod")), []byte("module github.com/omninode-ai/omninode"), []byte("module example.com/imported"), 1)
	mod = fmt.Appendf(mod, "\nrequire github.com/omninode-ai/omninode v0.0.0\n\nreplace github.com/omninode-ai/omninode => %s\n", own)
	put(t, filepath.Join(dir, "go.mod"), mod)
	put(t, filepath.Join(dir, "go.sum"), get(t, filepath.Join(own, "go.sum")))
	return dir
}

func put(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
