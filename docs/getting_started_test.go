package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestGettingStarted follows the page literally: it runs every shell block, in order, in a copy of
// the repository.
func TestGettingStarted(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds and runs a fleet")
	}
	dir := t.TempDir()
	copyTree(t, dir)
	blocks := shellBlocks(read(t, "getting-started.md"))
	if len(blocks) < 5 {
		t.Fatalf("the page has %d shell blocks; the pattern no longer fits", len(blocks))
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", strings.Join(blocks, "\n"))
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "NO_COLOR=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !regexp.MustCompile(`(?m)^\d+ passed, 0 failed$`).Match(out) {
		t.Errorf("the scenarios did not pass:\n%s", out)
	}
}

// shellBlocks returns the contents of the page's blocks that are marked as sh.
func shellBlocks(page string) []string {
	var blocks []string
	for _, m := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```$").FindAllStringSubmatch(page, -1) {
		blocks = append(blocks, m[1])
	}
	return blocks
}

// copyTree copies what the page needs of the repository: everything but the pipeline and what was
// built.
func copyTree(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || slices.Contains([]string{"bin", "out", "ci"}, e.Name()) {
			continue
		}
		if !e.IsDir() {
			if err := os.WriteFile(filepath.Join(dir, e.Name()), []byte(read(t, filepath.Join(root, e.Name()))), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.CopyFS(filepath.Join(dir, e.Name()), os.DirFS(filepath.Join(root, e.Name()))); err != nil {
			t.Fatal(err)
		}
	}
}
