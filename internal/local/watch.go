package local

import (
	"context"
	"io/fs"
	"maps"
	"path/filepath"
	"strings"
	"time"

	"github.com/omninode-ai/omninode/contract"
)

const (
	lookEvery = 250 * time.Millisecond
	settle    = 2 // looks without a further change before one is reported
)

// Change says what was edited since the last look.
type Change struct {
	Files     []string
	Contracts bool // a contract is among them
}

// stamp is what is compared of a file.
type stamp struct {
	modified time.Time
	size     int64
}

// Watcher sees which files below a folder change: contracts and Go code. It polls, which works on
// every file system, and waits until an editor has written everything.
type Watcher struct {
	dir  string
	last map[string]stamp
}

// NewWatcher returns a Watcher that compares with how dir is now.
func NewWatcher(dir string) (*Watcher, error) {
	now, err := look(dir)
	return &Watcher{dir: dir, last: now}, err
}

// Forget makes the Watcher compare with how the folder is now: what changed was our own doing.
func (w *Watcher) Forget() error {
	now, err := look(w.dir)
	if err == nil {
		w.last = now
	}
	return err
}

// Next waits for a change.
func (w *Watcher) Next(ctx context.Context) (Change, error) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	previous, calm := w.last, 0
	for {
		select {
		case <-ctx.Done():
			return Change{}, ctx.Err()
		case <-tick.C:
		}
		now, err := look(w.dir)
		if err != nil {
			continue // a folder that is being moved
		}
		if !maps.Equal(now, previous) {
			previous, calm = now, 0
			continue
		}
		if calm++; calm >= settle && !maps.Equal(now, w.last) {
			c := difference(w.last, now)
			w.last = now
			return c, nil
		}
	}
}

func difference(before, after map[string]stamp) Change {
	var c Change
	add := func(file string) {
		c.Files = append(c.Files, file)
		c.Contracts = c.Contracts || filepath.Base(file) == contract.FileName
	}
	for file, s := range after {
		if before[file] != s {
			add(file)
		}
	}
	for file := range before {
		if _, still := after[file]; !still {
			add(file)
		}
	}
	return c
}

// look notes every contract and Go file below dir.
func look(dir string) (map[string]stamp, error) {
	files := map[string]stamp{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && strings.HasPrefix(name, ".") && path != dir {
			return filepath.SkipDir
		}
		if d.IsDir() || name != contract.FileName && filepath.Ext(name) != ".go" {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		files[path] = stamp{info.ModTime(), info.Size()}
		return nil
	})
	return files, err
}
