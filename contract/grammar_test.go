package contract

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// TestGrammarIsComplete checks that each row says everything there is to say about its key.
func TestGrammarIsComplete(t *testing.T) {
	t.Parallel()
	g, seen := newGrammar(), map[string]bool{}
	for _, s := range Grammar() {
		if seen[s.Name] || s.Noun == "" || len(s.Keys) == 0 {
			t.Errorf("section %q stands twice, has no noun or no keys", s.Name)
		}
		seen[s.Name] = true
		for _, k := range s.Keys {
			path := s.Name + "." + k.Name
			if seen[path] {
				t.Errorf("%s stands twice", path)
			}
			seen[path] = true
			checkRow(t, g, path, k)
		}
		for _, b := range s.Bonds {
			checkBond(t, s, b)
		}
	}
}

func checkRow(t *testing.T, g grammar, path string, k Key) {
	t.Helper()
	if !strings.HasSuffix(k.Meaning, ".") {
		t.Errorf("%s: meaning %q is no sentence", path, k.Meaning)
	}
	if k.Example == "" || len(k.Changes) == 0 || k.Test == "" {
		t.Errorf("%s lacks an example, an artefact or a test", path)
	}
	if (k.Required == "") != (k.Fix == "") && k.Required != unlessRef {
		t.Errorf("%s: required %q, fix %q: a key that may be missed says what to do", path, k.Required, k.Fix)
	}
	if len(k.Kinds()) == 0 {
		t.Errorf("%s may stand nowhere", path)
	}
	var example yaml.Node
	if err := yaml.Unmarshal([]byte(k.Example), &example); err != nil {
		t.Errorf("%s: example %q: %v", path, k.Example, err)
	}
	checkForm(t, g, path, k.Form)
}

// checkBond checks that a bond ties keys there are, and that each says what to do.
func checkBond(t *testing.T, s Section, b Bond) {
	t.Helper()
	for _, name := range slices.Concat([]string{b.Key}, b.Refuse, b.Demand, b.Else) {
		if s.key(name) == nil {
			t.Errorf("a bond of %s names key %s, which it lacks", s.Name, name)
		}
	}
	for _, name := range slices.Concat(b.Demand, b.Else) {
		if k := s.key(name); k != nil && k.Fix == "" {
			t.Errorf("a bond demands %s.%s, which does not say how to give it", s.Name, name)
		}
	}
	if len(b.Refuse) > 0 && (b.Why == "" || b.Fix == "") {
		t.Errorf("the bond of %s.%s refuses keys without a reason", s.Name, b.Key)
	}
}

func checkForm(t *testing.T, g grammar, path string, f Form) {
	t.Helper()
	switch {
	case f.Is == "":
		t.Errorf("%s has no form", path)
	case f.Is == FormSection && g.byName[f.Section] == nil:
		t.Errorf("%s: there is no section %q", path, f.Section)
	case f.Is == FormChoice && len(f.Words) == 0, f.Is == FormInteger && f.Low > f.High:
		t.Errorf("%s: no value fits", path)
	}
	for _, of := range []*Form{f.Of, f.Names} {
		if of != nil {
			checkForm(t, g, path, *of)
		}
	}
}

// TestGrammarDecides checks that the reader takes no key the grammar lacks, and none that nobody
// asks for.
func TestGrammarDecides(t *testing.T) {
	t.Parallel()
	p := newGrammar().newParser("contract.yaml", nil)
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte("{attempts: 1, colour: red, then: dead_letter}"), &doc); err != nil {
		t.Fatal(err)
	}
	s := p.section(&item{node: doc.Content[0], form: sectionOf("retry")}, "retry")
	if s.get("colour") != nil || s.family("colour") != nil {
		t.Error("the reader got a key that the grammar lacks")
	}
	if s.get("attempts") == nil {
		t.Error("the reader did not get a key of the grammar")
	}
	s.done()
	var got []string
	for _, d := range p.problems.list() {
		got = append(got, d.Message)
	}
	if want := []string{`retry has no key "colour"`, `retry has no key "then"`}; !slices.Equal(got, want) {
		t.Errorf("diagnostics %q, want %q", got, want)
	}
}

// TestGrammarIsAsked compares the keys the sources of the reader ask for with the grammar.
func TestGrammarIsAsked(t *testing.T) {
	t.Parallel()
	asked := map[string]bool{}
	pattern := regexp.MustCompile(`\.(?:get|require|family)\("([^"]+)"`)
	for _, src := range sourcesOfReader(t) {
		for _, m := range pattern.FindAllStringSubmatch(src, -1) {
			asked[m[1]] = true
		}
	}
	for key := range constraints() {
		asked[key] = true
	}
	known := map[string]bool{}
	for _, s := range Grammar() {
		for _, k := range s.Keys {
			known[k.Name] = true
			if !asked[k.Name] {
				t.Errorf("nothing asks for key %s of %s", k.Name, s.Noun)
			}
		}
	}
	for key := range asked {
		if !known[key] {
			t.Errorf("the reader asks for key %s, which the grammar lacks", key)
		}
	}
}

func sourcesOfReader(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var sources []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, string(src))
	}
	return sources
}

// TestGrammarNamesTests checks that each test a row calls its proof is in the tree.
func TestGrammarNamesTests(t *testing.T) {
	t.Parallel()
	tests := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, e os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && (e.Name() == "testdata" || strings.HasPrefix(e.Name(), ".") && e.Name() != ".."):
			return filepath.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		src, err := os.ReadFile(path)
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(src), -1) {
			tests[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range Grammar() {
		for _, k := range s.Keys {
			if !tests[k.Test] {
				t.Errorf("%s.%s: there is no %s", s.Name, k.Name, k.Test)
			}
		}
	}
}
