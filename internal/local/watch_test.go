package local

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestWatcherTellsWhatChanged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	handler := write(t, dir, "a/handler.go", "1")
	contract := write(t, dir, "a/contract.yaml", "1")
	write(t, dir, "a/notes.txt", "1")
	w, err := NewWatcher(dir)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "a/notes.txt", "22")      // nothing is made of it
	write(t, dir, ".git/handler.go", "22")  // hidden
	write(t, dir, "a/handler.go", "longer") // seen
	c, err := w.Next(t.Context())
	if err != nil || c.Contracts || !slices.Equal(c.Files, []string{handler}) {
		t.Errorf("Next = %+v, %v; want only %s", c, err, handler)
	}
	if err := os.Remove(contract); err != nil {
		t.Fatal(err)
	}
	added := write(t, dir, "b/contract.yaml", "1")
	c, err = w.Next(t.Context())
	slices.Sort(c.Files)
	if err != nil || !c.Contracts || !slices.Equal(c.Files, []string{contract, added}) {
		t.Errorf("Next = %+v, %v", c, err)
	}
}

func TestWatcherForgetsOurOwnChanges(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "a/node.gen.go", "1")
	w, err := NewWatcher(dir)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "a/node.gen.go", "longer")
	if err := w.Forget(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), (settle+3)*lookEvery)
	defer cancel()
	if c, err := w.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Next = %+v, %v; want nothing", c, err)
	}
}
