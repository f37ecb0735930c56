// Package docs holds the pages people read. Its tests keep them true: links lead somewhere, and what
// a page names exists.
package docs

import (
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

	"golang.org/x/mod/modfile"
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

// TestDependenciesAreExplained compares dependencies.md with what each go.mod requires directly.
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
	for _, name := range files(t, "go.mod") {
		for module, direct := range requirements(t, name) {
			if !direct {
				continue
			}
			if _, ok := explained[module]; !ok {
				t.Errorf("%s requires %s, which dependencies.md does not explain", name, module)
			}
			explained[module] = true
		}
	}
	for module, used := range explained {
		if !used {
			t.Errorf("dependencies.md explains %s, which nothing requires", module)
		}
	}
}

// TestImportsAreDirect: a go.mod does not call a module indirect that our code imports.
func TestImportsAreDirect(t *testing.T) {
	t.Parallel()
	required := map[string]map[string]bool{} // by folder of the go.mod
	for _, name := range files(t, ".go") {
		dir := module(t, name)
		if strings.HasPrefix(dir, filepath.Join(root, "ci", "airgap", "build")) { // replaces files of others' modules
			continue
		}
		if required[dir] == nil {
			required[dir] = requirements(t, filepath.Join(dir, "go.mod"))
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
			if m := longest(required[dir], path); m != "" && !required[dir][m] {
				t.Errorf("%s imports %s, which %s/go.mod calls indirect: run go mod tidy", name, m, dir)
			}
		}
	}
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

// requirements returns the modules a go.mod requires; true is a direct one, or one that has a tool.
func requirements(t *testing.T, name string) map[string]bool {
	t.Helper()
	mod, err := modfile.Parse(name, []byte(read(t, name)), nil)
	if err != nil {
		t.Fatal(err)
	}
	list := map[string]bool{}
	for _, r := range mod.Require {
		list[r.Mod.Path] = !r.Indirect
	}
	for _, tool := range mod.Tool {
		list[longest(list, tool.Path)] = true
	}
	return list
}

// longest returns the module that provides a package.
func longest(modules map[string]bool, path string) string {
	best := ""
	for m := range modules {
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
