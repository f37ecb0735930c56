package contract

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

var diagnosticPattern = regexp.MustCompile(`^[^ ]+:[1-9][0-9]*:[1-9][0-9]*: ([a-z-]+): [^;]+; [^;]+$`)

// TestRules checks that the table of rules is complete and that the corpus, together with the tests
// named here, shows each of them.
func TestRules(t *testing.T) {
	t.Parallel()
	elsewhere := []string{
		ruleUnreadable,                       // TestLoadUnreadable
		ruleTooLarge, ruleDepth, ruleTooMany, // TestHostile
	}
	shown := map[string]bool{}
	for _, id := range elsewhere {
		shown[id] = true
	}
	for _, id := range corpusRules(t) {
		shown[id] = true
	}
	seen := map[string]bool{}
	for _, r := range Rules() {
		if seen[r.ID] {
			t.Errorf("rule %s is listed twice", r.ID)
		}
		seen[r.ID] = true
		if !shown[r.ID] {
			t.Errorf("no case shows rule %s", r.ID)
		}
		if !strings.HasSuffix(r.Meaning, ".") {
			t.Errorf("rule %s: meaning %q is no sentence", r.ID, r.Meaning)
		}
	}
	for id := range shown {
		if !seen[id] {
			t.Errorf("rule %s is not in Rules", id)
		}
	}
}

// corpusRules returns the rule of every expected diagnostic, after checking its form.
func corpusRules(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "*", "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	var ids []string
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range a.Files {
			if f.Name != "want" && !strings.HasSuffix(f.Name, ".want") {
				continue
			}
			for line := range strings.Lines(string(f.Data)) {
				m := diagnosticPattern.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
				if m == nil {
					t.Errorf("%s: %q is not of the form file:line:column: rule: message; fix", file, line)
					continue
				}
				ids = append(ids, m[1])
			}
		}
	}
	return ids
}
