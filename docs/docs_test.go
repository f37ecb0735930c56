// Package docs holds the pages people read. Its tests keep them true: links lead somewhere, and what
// a page names exists.
package docs

import (
	"bufio"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const root = ".."

// files lists the files of the repository with a suffix, without hidden folders and test data.
func files(t *testing.T, suffix string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && name != root && (e.Name() == "testdata" || strings.HasPrefix(e.Name(), ".")):
			return fs.SkipDir
		case e.IsDir() && name == filepath.Join(root, "ci", "internal"): // written by dagger develop
			return fs.SkipDir
		case e.Name() == "dagger.gen.go":
		case !e.IsDir() && strings.HasSuffix(name, suffix):
			found = append(found, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func read(t *testing.T, name string) string {
	t.Helper()
	src, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(src)
}

var (
	linkPattern = regexp.MustCompile(`\]\(([^)#\s]+)(?:#[^)]*)?\)`)
	codePattern = regexp.MustCompile("`([^`\n]+)`")
	testPattern = regexp.MustCompile(`^(Test|Benchmark|Fuzz)\w+$`)
)

func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	for _, page := range files(t, ".md") {
		for _, m := range linkPattern.FindAllStringSubmatch(read(t, page), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			target := filepath.Join(filepath.Dir(page), filepath.FromSlash(m[1]))
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: link to %s leads nowhere", page, m[1])
			}
		}
	}
}

// TestNamedTestsExist holds pages to the tests they call a proof.
func TestNamedTestsExist(t *testing.T) {
	t.Parallel()
	var sources strings.Builder
	for _, name := range files(t, "_test.go") {
		sources.WriteString(read(t, name))
	}
	for _, suite := range []string{"registrytest", "secrettest"} {
		for _, name := range files(t, suite+".go") {
			sources.WriteString(read(t, name))
		}
	}
	all := sources.String()
	for _, page := range files(t, ".md") {
		for _, m := range codePattern.FindAllStringSubmatch(read(t, page), -1) {
			name, _, _ := strings.Cut(m[1], "/")
			if testPattern.MatchString(name) && !strings.Contains(all, "func "+name+"(") {
				t.Errorf("%s: there is no %s", page, name)
			}
		}
	}
}

// TestNamedTargetsExist holds pages to the targets of the Makefile they name.
func TestNamedTargetsExist(t *testing.T) {
	t.Parallel()
	makefile := read(t, filepath.Join(root, "Makefile"))
	named := regexp.MustCompile("(?m)(?:^|`)make ([a-z][a-z0-9-]*)")
	for _, page := range files(t, ".md") {
		for _, m := range named.FindAllStringSubmatch(read(t, page), -1) {
			if !strings.Contains(makefile, "\n"+m[1]+":") {
				t.Errorf("%s: the Makefile has no target %s", page, m[1])
			}
		}
	}
}

// TestDependenciesAreExplained compares what our code imports with dependencies.md.
func TestDependenciesAreExplained(t *testing.T) {
	t.Parallel()
	page := read(t, "dependencies.md")
	explained := map[string]bool{}
	for line := range strings.Lines(page) {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		for _, m := range codePattern.FindAllStringSubmatch(strings.SplitN(line, "|", 3)[1], -1) {
			explained[m[1]] = false
		}
	}
	for _, dir := range []string{root, filepath.Join(root, "ci"), filepath.Join(root, "ci", "airgap")} {
		for module := range direct(t, dir) {
			if _, ok := explained[module]; !ok {
				t.Errorf("%s imports %s, which dependencies.md does not explain", dir, module)
			}
			explained[module] = true
		}
	}
	others := read(t, filepath.Join(root, "tools", "go.mod")) + read(t, filepath.Join(root, "ci", "go.mod"))
	for module, used := range explained {
		if !used && !strings.Contains(others, module+" v") {
			t.Errorf("dependencies.md explains %s, which nothing imports", module)
		}
	}
}

// direct returns the required modules of the Go module in dir that its packages import.
func direct(t *testing.T, dir string) map[string]bool {
	t.Helper()
	required := requirements(t, filepath.Join(dir, "go.mod"))
	found := map[string]bool{}
	for _, name := range files(t, ".go") {
		if module(t, name) != filepath.Clean(dir) {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			path, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if m := longest(required, path); m != "" {
				found[m] = true
			}
		}
	}
	return found
}

// module returns the folder of the go.mod that governs a file.
func module(t *testing.T, name string) string {
	t.Helper()
	for dir := filepath.Dir(name); ; dir = filepath.Join(dir, "..") {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Clean(dir)
		}
	}
}

func requirements(t *testing.T, name string) []string {
	t.Helper()
	src, err := os.ReadFile(name)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	pattern := regexp.MustCompile(`^(?:require )?\s*([a-z0-9.-]+\.[a-z]+/\S+) v\S+`)
	var list []string
	s := bufio.NewScanner(strings.NewReader(string(src)))
	for s.Scan() {
		if m := pattern.FindStringSubmatch(s.Text()); m != nil {
			list = append(list, m[1])
		}
	}
	return list
}

// longest returns the module that provides a package.
func longest(modules []string, path string) string {
	best := ""
	for _, m := range modules {
		if (path == m || strings.HasPrefix(path, m+"/")) && len(m) > len(best) {
			best = m
		}
	}
	return best
}

// TestDecisionsAreListed keeps the list of decisions complete.
func TestDecisionsAreListed(t *testing.T) {
	t.Parallel()
	list := read(t, filepath.Join("adr", "README.md"))
	pages, err := filepath.Glob(filepath.Join("adr", "0*.md"))
	if err != nil || len(pages) == 0 {
		t.Fatal("no decisions found", err)
	}
	slices.Sort(pages)
	for _, p := range pages {
		if !strings.Contains(list, "("+filepath.Base(p)+")") {
			t.Errorf("adr/README.md does not list %s", filepath.Base(p))
		}
	}
}
