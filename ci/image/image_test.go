package image

import (
	"strings"
	"testing"
)

func TestParseLock(t *testing.T) {
	t.Parallel()
	refs, err := ParseLock("# comment\n\npostgres:17.5 sha256:aa # why\n")
	if err != nil || len(refs) != 1 || refs[0] != "postgres:17.5@sha256:aa" {
		t.Errorf("ParseLock = %q, %v", refs, err)
	}
}

func TestParseLockNamesTheLine(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"\npostgres:17.5", "\npostgres:17.5 md5:aa", "\npostgres:17.5 sha256:aa more"} {
		if _, err := ParseLock(text); err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("ParseLock(%q) = %v, want an error naming line 2", text, err)
		}
	}
}

func TestDigest(t *testing.T) {
	t.Parallel()
	got, err := Digest("docker.io/library/postgres:17.5@sha256:aa")
	if err != nil || got != "sha256:aa" {
		t.Errorf("Digest = %q, %v", got, err)
	}
	if _, err := Digest("postgres:17.5"); err == nil {
		t.Error("a reference without digest must be refused, not guessed")
	}
}
