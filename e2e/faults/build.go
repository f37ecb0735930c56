package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// builds compiles the program of the nodes: as it ships, and patched.
type builds struct {
	h  *harness
	mu sync.Mutex

	plain, patched string
}

// program returns the path of a build. A patched one has failpoints and planted bugs, which are off
// unless the environment switches them on.
func (b *builds) program(ctx context.Context, patched bool) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var err error
	switch {
	case !patched && b.plain == "":
		b.plain, err = b.build(ctx, "node")
	case patched && b.patched == "":
		var overlay string
		if overlay, err = b.overlay(patches()); err == nil {
			b.patched, err = b.build(ctx, "node-patched", "-overlay", overlay)
		}
	}
	if patched {
		return b.patched, err
	}
	return b.plain, err
}

func (b *builds) build(ctx context.Context, name string, flags ...string) (string, error) {
	begun := time.Now()
	to := filepath.Join(b.h.temp, name)
	args := slices.Concat([]string{"build", "-trimpath"}, flags, []string{"-o", to, "./e2e/faults/node"})
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = b.h.root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
	}
	b.h.logf("%s built in %s", name, time.Since(begun).Round(100*time.Millisecond))
	return to, nil
}

// overlay writes patched copies of source files and the file that tells the compiler of them.
func (b *builds) overlay(list []patch) (string, error) {
	dir := filepath.Join(b.h.temp, "overlay")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	replace := map[string]string{}
	files, err := apply(b.h.root, list)
	if err != nil {
		return "", err
	}
	for file, source := range files {
		to := filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(to, []byte(source), 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(b.h.root, file)] = to
	}
	raw, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "overlay.json")
	return file, os.WriteFile(file, raw, 0o600)
}

// patch puts something else in the place of a piece of source that must be there exactly once.
type patch struct {
	file    string
	old     string
	new     string
	purpose string // named if the piece is no longer there
}

const importFailpoint = "import (\n\t\"github.com/omninode-ai/omninode/e2e/faults/failpoint\"\n"

// apply returns the patched files by name. A piece that is not there exactly once is an error, so that
// a planted bug or a failpoint does not silently vanish when the source changes.
func apply(root string, list []patch) (map[string]string, error) {
	files := map[string]string{}
	var errs []error
	for _, p := range list {
		if _, known := files[p.file]; !known {
			raw, err := os.ReadFile(filepath.Join(root, p.file))
			if err != nil {
				return nil, err
			}
			files[p.file] = strings.Replace(string(raw), "import (\n", importFailpoint, 1)
		}
		if n := strings.Count(files[p.file], p.old); n != 1 {
			errs = append(errs, fmt.Errorf("%s has %d places for %s, want 1: %s", p.file, n, p.purpose, p.old))
		}
		files[p.file] = strings.Replace(files[p.file], p.old, p.new, 1)
	}
	if len(errs) > 0 {
		return nil, fmt.Errorf("adapt e2e/faults/patches.go to the changed source:\n%w", errors.Join(errs...))
	}
	return files, nil
}
