package codegen

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// Report says what Write did. Paths are sorted.
type Report struct {
	Written   []string
	Unchanged []string
	Kept      []string // scaffolds that exist
	Deleted   []string // owned files that nothing generates any more
}

// Write brings the folder of the nodes in line with files, which must be all files of all nodes. It
// writes temporary files first and renames them once all are complete, so that an error before that
// leaves everything as it was; files that are equal already keep their time. Stale owned files are
// deleted. Paths that leave root, also through a symbolic link, are refused.
func Write(root *os.Root, files []File) (Report, error) {
	w := &writer{root: root}
	err := w.plan(files)
	if err == nil {
		err = w.stage()
	}
	if err != nil {
		return Report{}, errors.Join(err, w.rollback())
	}
	if err := w.commit(); err != nil {
		return Report{}, errors.Join(err, w.rollback())
	}
	return w.report, nil
}

type writer struct {
	root   *os.Root
	report Report
	todo   []File
	stale  []string
	litter []string // temporary files of a run that was killed
	staged []string // temporary files
	made   []string // folders, parents first
}

// plan decides what to do with each file without changing anything.
func (w *writer) plan(files []File) error {
	diffs, err := Check(w.root, files)
	if err != nil {
		return err
	}
	state := map[string]Difference{}
	for _, d := range diffs {
		state[d.Path] = d
		if d.State == Stale {
			w.stale = append(w.stale, d.Path)
		}
	}
	for _, f := range files {
		d, differs := state[f.Path]
		switch {
		case differs && d.State == Foreign:
			return fmt.Errorf("write %s: the file was not generated and would be overwritten; move it away", f.Path)
		case differs:
			w.todo = append(w.todo, f)
		case f.Owner == Scaffold:
			w.report.Kept = append(w.report.Kept, f.Path)
		default:
			w.report.Unchanged = append(w.report.Unchanged, f.Path)
		}
	}
	w.litter, err = find(w.root, func(name string) bool { return strings.HasPrefix(name, tempPrefix) })
	return err
}

const tempPrefix = ".omninode-tmp-"

func temp(name string) string { return path.Join(path.Dir(name), tempPrefix+path.Base(name)) }

// stage writes all contents to temporary files beside their targets.
func (w *writer) stage() error {
	for _, name := range w.litter {
		if err := w.root.Remove(name); err != nil {
			return fmt.Errorf("remove left-over %s: %w", name, err)
		}
	}
	for _, f := range w.todo {
		if err := w.mkdir(path.Dir(f.Path)); err != nil {
			return fmt.Errorf("write %s: %w", f.Path, err)
		}
		if err := w.root.WriteFile(temp(f.Path), f.Content, f.Mode); err != nil {
			_ = w.root.Remove(temp(f.Path)) // exists only if the disk became full
			return fmt.Errorf("write %s: %w", f.Path, err)
		}
		w.staged = append(w.staged, temp(f.Path))
	}
	return nil
}

// mkdir makes a folder and its parents and remembers which it made.
func (w *writer) mkdir(dir string) error {
	if dir == "." {
		return nil
	}
	if err := w.mkdir(path.Dir(dir)); err != nil {
		return err
	}
	err := w.root.Mkdir(dir, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		w.made = append(w.made, dir)
	}
	return err
}

func (w *writer) commit() error {
	for _, f := range w.todo {
		if err := w.root.Rename(temp(f.Path), f.Path); err != nil {
			return fmt.Errorf("write %s: %w", f.Path, err)
		}
		w.report.Written = append(w.report.Written, f.Path)
	}
	for _, name := range w.stale {
		if err := w.root.Remove(name); err != nil {
			return fmt.Errorf("delete stale %s: %w", name, err)
		}
		w.report.Deleted = append(w.report.Deleted, name)
	}
	return nil
}

// rollback removes the temporary files and the folders that are empty because nothing came of them.
func (w *writer) rollback() error {
	var errs []error
	for _, name := range w.staged {
		if err := w.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	for _, dir := range slices.Backward(w.made) {
		_ = w.root.Remove(dir) // fails if a rename succeeded before the error
	}
	return errors.Join(errs...)
}

// State says how a file on disk differs from what is generated.
type State string

// The ways to differ.
const (
	Missing State = "missing"
	Differs State = "differs"
	Stale   State = "stale"   // generated once, but by no contract any more
	Foreign State = "foreign" // has an owned file's name, but was not generated
)

// Difference is a file that is not as generated.
type Difference struct {
	Path  string
	State State
}

// Check compares the folder of the nodes with files, which must be all files of all nodes, and
// returns what Write would change, sorted by path. It changes nothing.
func Check(root *os.Root, files []File) ([]Difference, error) {
	var diffs []Difference
	known := map[string]bool{}
	for _, f := range files {
		known[f.Path] = true
		state, err := compare(root, f)
		if err != nil {
			return nil, fmt.Errorf("check %s: %w", f.Path, err)
		}
		if state != "" {
			diffs = append(diffs, Difference{Path: f.Path, State: state})
		}
	}
	owned, err := find(root, ownedName)
	if err != nil {
		return nil, err
	}
	for _, name := range owned {
		if known[name] {
			continue
		}
		content, err := root.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("check %s: %w", name, err)
		}
		if generated(content) {
			diffs = append(diffs, Difference{Path: name, State: Stale})
		}
	}
	slices.SortFunc(diffs, func(a, b Difference) int { return strings.Compare(a.Path, b.Path) })
	return diffs, nil
}

// compare returns how a file differs, "" if it does not.
func compare(root *os.Root, f File) (State, error) {
	if !fs.ValidPath(f.Path) {
		return "", errors.New("path leaves the folder")
	}
	info, err := root.Lstat(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return Missing, nil
	}
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("is not a regular file")
	}
	if f.Owner == Scaffold {
		return "", nil
	}
	content, err := root.ReadFile(f.Path)
	switch {
	case err != nil:
		return "", err
	case bytes.Equal(content, f.Content):
		return "", nil
	case !generated(content):
		return Foreign, nil
	}
	return Differs, nil
}

// generated reports whether a file carries this generator's header.
func generated(content []byte) bool {
	line, _, _ := strings.Cut(string(content), "\n")
	line = strings.TrimSuffix(line, "\r")
	return strings.HasPrefix(line, headerStart) && strings.HasSuffix(line, headerEnd)
}

func ownedName(name string) bool {
	return strings.HasSuffix(name, ".gen.go") || strings.HasSuffix(name, ".gen_test.go")
}

// find returns the regular files whose base name fits, sorted. Hidden folders and testdata are left
// alone.
func find(root *os.Root, fits func(name string) bool) ([]string, error) {
	var found []string
	err := fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fmt.Errorf("look for generated files: %w", err)
		case d.IsDir() && name != "." && (d.Name()[0] == '.' || d.Name() == "testdata"):
			return fs.SkipDir
		case d.Type().IsRegular() && fits(d.Name()):
			found = append(found, name)
		}
		return nil
	})
	return found, err
}
