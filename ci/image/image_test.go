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

func TestManifestDigest(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, index, want string }{
		{"one", `{"manifests":[{"digest":"sha256:bb"}]}`, "sha256:bb"},
		{"none", `{"manifests":[]}`, ""},
		{"two platforms", `{"manifests":[{"digest":"sha256:a"},{"digest":"sha256:b"}]}`, ""},
		{"not JSON", `tar: not found`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := ManifestDigest(tt.index)
			if got != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("ManifestDigest = %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestContractVersion(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, contract, want string }{
		{"plain", "omninode: 1\nversion: 1.2.0\n", "1.2.0"},
		{"quoted, commented", "version: \"1.2.0\" # first\n", "1.2.0"},
		{"build metadata", "version: 1.2.0+linux\n", "1.2.0_linux"},
		{"nested is not the node's", "types:\n  version: 9.9.9\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := ContractVersion(tt.contract)
			if got != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("ContractVersion = %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}
