package main

import (
	"strings"
	"testing"
)

// TestPatchesFindTheirPlace: a failpoint or planted bug whose source has changed is noticed here, not
// only when the faults run.
func TestPatchesFindTheirPlace(t *testing.T) {
	t.Parallel()
	files, err := apply("../..", patches())
	if err != nil {
		t.Fatal(err)
	}
	for file, source := range files {
		if !strings.Contains(source, importFailpoint) {
			t.Errorf("%s cannot import the failpoints", file)
		}
	}
}

// TestPatchThatFitsNowhere names the file, the purpose and the piece.
func TestPatchThatFitsNowhere(t *testing.T) {
	t.Parallel()
	for _, old := range []string{"no such" + " piece", "\n"} {
		_, err := apply(".", []patch{{"build_test.go", old, "", "a planted bug"}})
		if err == nil || !strings.Contains(err.Error(), "build_test.go has ") || !strings.Contains(err.Error(), "a planted bug") {
			t.Errorf("apply of %q = %v", old, err)
		}
	}
}
