package manifest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Folder is where manifests are written in the output folder. It is owned by this package: whatever
// else lies in it is gone after Write.
const Folder = "manifests"

// PlanFile is the name of the plan in the output folder.
const PlanFile = "plan.md"

// Write puts the files of a deployment and its plan into dir. The manifests are written aside and
// exchanged as a whole, so that dir never holds half of a deployment.
func Write(dir string, files []File, plan []byte) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("create output folder: %w", err)
	}
	aside, err := os.MkdirTemp(dir, ".manifests-")
	if err != nil {
		return fmt.Errorf("create folder for manifests: %w", err)
	}
	if err = fill(aside, files, plan); err == nil {
		err = exchange(dir, aside)
	}
	return errors.Join(err, os.RemoveAll(aside))
}

// fill writes everything below the folder aside.
func fill(aside string, files []File, plan []byte) error {
	if err := os.Mkdir(filepath.Join(aside, Folder), 0o755); err != nil {
		return fmt.Errorf("create folder for manifests: %w", err)
	}
	for _, f := range append(files, File{Path: PlanFile, Content: plan}) {
		if err := os.WriteFile(filepath.Join(aside, filepath.FromSlash(f.Path)), f.Content, 0o644); err != nil {
			return fmt.Errorf("write %s: %w", f.Path, err)
		}
	}
	return nil
}

// exchange moves what lies in aside into dir.
func exchange(dir, aside string) error {
	current := filepath.Join(dir, Folder)
	if err := os.Rename(current, filepath.Join(aside, "previous")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("move previous manifests away: %w", err)
	}
	if err := os.Rename(filepath.Join(aside, Folder), current); err != nil {
		return fmt.Errorf("move manifests into place: %w", err)
	}
	if err := os.Rename(filepath.Join(aside, PlanFile), filepath.Join(dir, PlanFile)); err != nil {
		return fmt.Errorf("move plan into place: %w", err)
	}
	return nil
}

// ReadFiles returns the manifests an earlier Write left in dir; none if there are none.
func ReadFiles(dir string) ([]File, error) {
	entries, err := os.ReadDir(filepath.Join(dir, Folder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read previous manifests: %w", err)
	}
	var files []File
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".yaml") {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, Folder, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("read previous manifests: %w", err)
		}
		files = append(files, File{Path: path.Join(Folder, e.Name()), Content: content})
	}
	return files, nil
}
