package main

import (
	"testing"
	"testing/fstest"
)

func TestKeyOf(t *testing.T) {
	t.Parallel()
	if keyOf("ab", "c") == keyOf("a", "bc") {
		t.Error("the border between parts does not count")
	}
	if got := keyOf("a"); got != "4162fddd39a3" {
		t.Errorf("keyOf(a) = %s: a key must be the same in every run", got)
	}
}

func TestTreeKey(t *testing.T) {
	t.Parallel()
	tree := func(files map[string]string) string {
		t.Helper()
		fsys := fstest.MapFS{}
		for path, content := range files {
			fsys[path] = &fstest.MapFile{Data: []byte(content)}
		}
		key, err := treeKey(fsys, "dir")
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	base := tree(map[string]string{"dir/a": "1", "dir/b": "2", "outside": "3"})
	if base != tree(map[string]string{"dir/b": "2", "dir/a": "1", "outside": "4"}) {
		t.Error("the key depends on more than the folder's files")
	}
	for name, files := range map[string]map[string]string{
		"content changed": {"dir/a": "1", "dir/b": "x"},
		"file renamed":    {"dir/a": "1", "dir/c": "2"},
		"file added":      {"dir/a": "1", "dir/b": "2", "dir/c": ""},
		"border moved":    {"dir/a": "12", "dir/b": ""},
	} {
		if tree(files) == base {
			t.Errorf("%s: same key", name)
		}
	}
}

func TestTreeKeyOfNothing(t *testing.T) {
	t.Parallel()
	if _, err := treeKey(fstest.MapFS{}, "missing"); err == nil {
		t.Error("no error for a folder that is not there")
	}
}
