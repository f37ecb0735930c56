package main

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestCodesAreDocumented compares the codes in the sources with the table in docs/cli.md, in both
// directions.
func TestCodesAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "cli.md"))
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, m := range regexp.MustCompile(`(?m)^\| (ONEX_\w+) \|`).FindAllStringSubmatch(string(page), -1) {
		documented = append(documented, m[1])
	}
	used := codes(t, filepath.Join("..", ".."))
	for _, c := range used {
		if !slices.Contains(documented, c) {
			t.Errorf("%s is not in docs/cli.md", c)
		}
	}
	for _, c := range documented {
		if !slices.Contains(used, c) {
			t.Errorf("%s is in docs/cli.md, but no source has it", c)
		}
	}
}

// codes collects the codes of errors that the sources below root declare, without tests.
func codes(t *testing.T, root string) []string {
	t.Helper()
	pattern := regexp.MustCompile(`"(ONEX_[A-Z0-9]+_\d{3}_[A-Z_]+)"`)
	var found []string
	err := filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && name != root && strings.HasPrefix(e.Name(), ".") {
			return fs.SkipDir
		}
		if e.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		src, err := os.ReadFile(name)
		for _, m := range pattern.FindAllSubmatch(src, -1) {
			found = append(found, string(m[1]))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// TestPipelineGetsItsSources holds the filter of the Dagger module to what this command is built from.
func TestPipelineGetsItsSources(t *testing.T) {
	t.Parallel()
	module, err := os.ReadFile(filepath.Join("..", "..", "ci", "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		pkg, ours := strings.CutPrefix(strings.TrimSpace(line), "github.com/omninode-ai/omninode/")
		if folder, _, _ := strings.Cut(pkg, "/"); ours && !bytes.Contains(module, []byte(`"!`+folder+`"`)) {
			t.Errorf("ci/main.go leaves out the folder of %s", pkg)
		}
	}
}
