package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"
)

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestFillIsAllOrNothing(t *testing.T) {
	t.Parallel()
	c := cache{root: t.TempDir()}
	broken := errors.New("broken")
	half := func(dir string) error {
		writeFile(t, filepath.Join(dir, "half"), "written")
		return broken
	}
	if err := c.fill("item", "k1", half); !errors.Is(err, broken) {
		t.Fatalf("fill() = %v, want the builder's error", err)
	}
	if entries, _ := os.ReadDir(filepath.Join(c.root, "item")); len(entries) != 0 || c.has("item", "k1") {
		t.Errorf("a failed build left %v", entries)
	}
}

func TestFillAfterAKill(t *testing.T) {
	t.Parallel()
	c := cache{root: t.TempDir()}
	writeFile(t, filepath.Join(c.path("item", "k1.tmp"), "rest"), "of a killed run")
	if c.has("item", "k1") {
		t.Fatal("the rest of a killed run counts as complete")
	}
	err := c.fill("item", "k1", func(dir string) error {
		writeFile(t, filepath.Join(dir, "whole"), "written")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(c.path("item", "k1"))
	if err != nil || len(entries) != 1 || entries[0].Name() != "whole" {
		t.Errorf("the item holds %v (%v), want what its builder wrote and nothing else", entries, err)
	}
}

func TestPruneKeepsThePresentVersion(t *testing.T) {
	t.Parallel()
	c := cache{root: t.TempDir()}
	for _, key := range []string{"old", "new", "old.tmp"} {
		writeFile(t, filepath.Join(c.path("item", key), "file"), key)
	}
	if err := c.prune("item", "new"); err != nil {
		t.Fatal(err)
	}
	if c.has("item", "old") || c.has("item", "old.tmp") || !c.has("item", "new") {
		t.Error("prune must remove the old version and its rest, and keep the new one")
	}
	if err := c.prune("never made", "new"); err != nil {
		t.Errorf("prune() of nothing = %v", err)
	}
}

func TestLockExcludes(t *testing.T) {
	t.Parallel()
	c := cache{root: t.TempDir()}
	release, err := c.lock(t.Context(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.lock(ctx, io.Discard); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("second lock() = %v, want it to wait", err)
	}
	release()
	again, err := c.lock(t.Context(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	again()
}

func TestLinkTree(t *testing.T) {
	t.Parallel()
	src, dst := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	writeFile(t, filepath.Join(src, "bin", "go"), "go")
	writeFile(t, filepath.Join(src, "test", "huge"), "left out")
	if err := os.Symlink("go", filepath.Join(src, "bin", "link")); err != nil {
		t.Fatal(err)
	}
	if err := linkTree(src, dst, "test"); err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(filepath.Join(dst, "bin", "link")); err != nil || string(content) != "go" {
		t.Errorf("through the link: %q, %v", content, err)
	}
	if _, err := os.Stat(filepath.Join(dst, "test")); err == nil {
		t.Error("a skipped folder was copied")
	}
}

func TestExtractEmbeddedRestoresModes(t *testing.T) {
	t.Parallel()
	dst := t.TempDir()
	files := fstest.MapFS{
		"images/x/run":        {Data: []byte("#!/bin/sh\n")},
		"images/x/etc/config": {Data: []byte("a=b\n")},
	}
	if err := extractEmbedded(files, "images/x", dst); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{"run": 0o755, "etc/config": 0o644} {
		info, err := os.Stat(filepath.Join(dst, path))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want mode %o", path, info, err, want)
		}
	}
}
