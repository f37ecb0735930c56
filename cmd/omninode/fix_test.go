package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestReplaceFile checks that a contract is replaced at once, through a link and with its mode, or
// not touched at all.
func TestReplaceFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, link := filepath.Join(dir, "real.yaml"), filepath.Join(dir, "contract.yaml")
	if err := errors.Join(os.WriteFile(file, []byte("a"), 0o640), os.Chmod(file, 0o640), os.Symlink(file, link)); err != nil {
		t.Fatal(err)
	}
	if err := replaceFile(link, []byte("a"), []byte("b")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(file)
	if err != nil || info.Mode() != 0o640 {
		t.Errorf("mode %v: %v", info.Mode(), err)
	}
	if l, err := os.Lstat(link); err != nil || l.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v", err)
	}
	f, ok := errors.AsType[*failure](replaceFile(link, []byte("a"), []byte("c")))
	if !ok || f.Code != codeMeanwhile {
		t.Errorf("a contract that changed meanwhile: %v", f)
	}
	f, ok = errors.AsType[*failure](replaceFile(filepath.Join(dir, "gone.yaml"), nil, []byte("c")))
	if !ok || f.Code != codeUnwritable {
		t.Errorf("a contract that is gone: %v", f)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "b" {
		t.Errorf("content %q: %v", got, err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".contract-*")); err != nil || len(left) > 0 {
		t.Errorf("files are left behind: %v, %v", left, err)
	}
}
