package editor

import (
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/omninode-ai/omninode/contract"
)

// workspace holds what the editor has open and finds the contracts beside it.
type workspace struct {
	mu    sync.Mutex
	open  map[string][]byte // unsaved texts by path
	roots []string          // folders the editor works in
}

// set takes the text of a file that the editor has open; nil closes it.
func (w *workspace) set(path string, text []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if text == nil {
		delete(w.open, path)
		return
	}
	w.open[path] = text
}

func (w *workspace) addRoots(roots ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.roots = append(w.roots, roots...)
}

// text returns what a file says in the editor, else on disk.
func (w *workspace) text(path string) []byte {
	w.mu.Lock()
	text, ok := w.open[path]
	w.mu.Unlock()
	if ok {
		return text
	}
	return read(path)
}

// read returns at most one byte more than a contract may have, nil if the file cannot be read.
func read(path string) []byte {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, contract.MaxBytes+1))
	if err != nil {
		return nil
	}
	return text
}

// fleets returns the folders that hold a folder per node: those of open contracts, and the usual
// ones of the folders the editor works in.
func (w *workspace) fleets() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := map[string]bool{}
	for path := range w.open {
		if filepath.Base(path) == contract.FileName {
			found[fleetOf(path)] = true
		}
	}
	for _, root := range w.roots {
		for _, dir := range []string{root, filepath.Join(root, "nodes")} {
			if files, err := filepath.Glob(filepath.Join(dir, "*", contract.FileName)); err == nil && len(files) > 0 {
				found[dir] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// fleetOf returns the folder of the fleet to which a contract belongs.
func fleetOf(path string) string { return filepath.Dir(filepath.Dir(path)) }

// files returns the contracts of a fleet, as the editor has them.
func (w *workspace) files(dir string) map[string][]byte {
	paths, _ := filepath.Glob(filepath.Join(dir, "*", contract.FileName)) // the pattern is well-formed
	w.mu.Lock()
	for path := range w.open {
		if filepath.Base(path) == contract.FileName && fleetOf(path) == dir {
			paths = append(paths, path)
		}
	}
	w.mu.Unlock()
	files := map[string][]byte{}
	for _, path := range paths {
		if text := w.text(path); text != nil {
			files[path] = text
		}
	}
	return files
}

// check reports what is wrong with contracts that form a fleet.
func check(files map[string][]byte) contract.Diagnostics {
	_, err := contract.ParseFleet(files)
	ds, _ := errors.AsType[contract.Diagnostics](err)
	return ds
}
