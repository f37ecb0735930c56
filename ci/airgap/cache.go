package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A cache is the folder that holds what airgap makes outside Docker. An item
// lives in <root>/<item>/<key> and is complete if that folder exists.
type cache struct {
	root string
}

func openCache() (cache, error) {
	user, err := os.UserCacheDir()
	if err != nil {
		return cache{}, fmt.Errorf("find the user's cache folder (is HOME set?): %w", err)
	}
	c := cache{root: filepath.Join(user, "omninode", "airgap")}
	if err := os.MkdirAll(c.root, 0o755); err != nil {
		return cache{}, fmt.Errorf("make the cache folder: %w", err)
	}
	return c, nil
}

// path is where the item of that key is, or will be.
func (c cache) path(item, key string) string { return filepath.Join(c.root, item, key) }

// has tells whether the item is complete.
func (c cache) has(item, key string) bool {
	_, err := os.Stat(c.path(item, key))
	return err == nil
}

// fill makes an item: build writes into an empty folder, which gets its name
// only when build succeeded. What an earlier, killed run left is removed first.
func (c cache) fill(item, key string, build func(dir string) error) error {
	tmp := c.path(item, key+".tmp")
	if err := os.RemoveAll(tmp); err != nil {
		return fmt.Errorf("remove the rest of an earlier run: %w", err)
	}
	if err := os.MkdirAll(tmp, 0o755); err != nil {
		return fmt.Errorf("make a folder to build in: %w", err)
	}
	if err := build(tmp); err != nil {
		return errors.Join(err, os.RemoveAll(tmp))
	}
	if err := os.Rename(tmp, c.path(item, key)); err != nil {
		return fmt.Errorf("put %s into the cache: %w", item, err)
	}
	return nil
}

// prune removes every version of the item but the one of that key.
func (c cache) prune(item, key string) error {
	entries, err := os.ReadDir(filepath.Join(c.root, item))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list old versions of %s: %w", item, err)
	}
	for _, entry := range entries {
		if entry.Name() == key {
			continue
		}
		if err := os.RemoveAll(c.path(item, entry.Name())); err != nil {
			return fmt.Errorf("remove old version of %s: %w", item, err)
		}
	}
	return nil
}

// lock waits until no other run works on the cache. The kernel releases the
// lock when the process ends, however it ends.
func (c cache) lock(ctx context.Context, notice io.Writer) (release func(), err error) {
	path := filepath.Join(c.root, "lock")
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the lock file: %w", err)
	}
	for waiting := false; ; waiting = true {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			file.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if !waiting {
			fmt.Fprintln(notice, "another run of airgap is at work: waiting for it")
		}
		select {
		case <-ctx.Done():
			file.Close()
			return nil, fmt.Errorf("wait for the lock %s: %w", path, context.Cause(ctx))
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// dirSize adds up the files below a folder; what cannot be read counts nothing.
func dirSize(dir string) int64 {
	var total int64
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			if info, err := entry.Info(); err == nil {
				total += info.Size()
			}
		}
		return nil
	})
	return total
}

// linkTree reproduces the tree src at dst with hard links where it can and
// copies where it cannot. Paths below src that skip names are left out.
func linkTree(src, dst string, skip ...string) error {
	return filepath.WalkDir(src, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(src, path)
		if err != nil {
			return err
		}
		if slices.Contains(skip, rel) {
			return fs.SkipDir
		}
		target := filepath.Join(dst, rel)
		switch {
		case entry.IsDir():
			return os.MkdirAll(target, 0o755)
		case entry.Type()&fs.ModeSymlink != 0:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(link, target)
		}
		return linkFile(path, target)
	})
}

// linkFile gives a file a second name, or copies it to another file system.
func linkFile(src, dst string) error {
	if err := os.Link(src, dst); err == nil {
		return nil
	}
	from, err := os.Open(src)
	if err != nil {
		return err
	}
	defer from.Close()
	info, err := from.Stat()
	if err != nil {
		return err
	}
	to, err := os.OpenFile(dst, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, info.Mode().Perm())
	if err != nil {
		return err
	}
	if _, err := io.Copy(to, from); err != nil {
		return errors.Join(err, to.Close())
	}
	return to.Close()
}

// extractEmbedded writes the embedded folder dir to dst. Embedding loses modes:
// a file that starts like a script becomes executable.
func extractEmbedded(files fs.FS, dir, dst string) error {
	return fs.WalkDir(files, dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(dst, strings.TrimPrefix(path, dir))
		if entry.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		content, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if strings.HasPrefix(string(content), "#!") {
			mode = 0o755
		}
		return os.WriteFile(target, content, mode)
	})
}
