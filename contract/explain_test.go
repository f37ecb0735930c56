package contract

import (
	"embed"
	"slices"
	"strings"
	"testing"
)

// TestExplain checks the explanation of every rule: its bad example breaks that rule and no other,
// its good one none.
func TestExplain(t *testing.T) {
	t.Parallel()
	for _, r := range Rules() {
		t.Run(r.ID, func(t *testing.T) {
			t.Parallel()
			e, ok := Explain(r.ID)
			if !ok || e.Why == "" || e.How == "" {
				t.Fatalf("contract/rules/%s.txtar must say why the rule is there and, after an empty line, how to obey it", r.ID)
			}
			if len(e.Bad) == 0 && slices.Contains(unshown(), r.ID) {
				return
			}
			bad := e.Reported()
			if len(bad) == 0 || slices.ContainsFunc(bad, func(d Diagnostic) bool { return d.Rule != r.ID }) {
				t.Errorf("the bad example breaks %v, want %s only", bad, r.ID)
			}
			if ds := examine(e.Good); len(ds) > 0 || len(e.Good) == 0 {
				t.Errorf("the good example: %v", ds)
			}
		})
	}
	if _, ok := Explain("no-such-rule"); ok {
		t.Error("a rule that does not exist is explained")
	}
	if got := NearestRule("orphans"); got != ruleOrphan {
		t.Errorf("the rule nearest to orphans is %q", got)
	}
}

// unshown lists the rules whose bad example would be too large to show, or is no text:
// TestLoadUnreadable and TestHostile break them.
func unshown() []string { return []string{ruleUnreadable, ruleTooLarge, ruleTooMany} }

// TestArchives checks that there is no explanation of a rule that is gone.
func TestArchives(t *testing.T) {
	t.Parallel()
	for _, name := range archiveNames(t, archives) {
		if _, ok := Explain(strings.TrimSuffix(name, ".txtar")); !ok {
			t.Errorf("rules/%s explains no rule", name)
		}
	}
}

func archiveNames(t *testing.T, fsys embed.FS) []string {
	t.Helper()
	entries, err := fsys.ReadDir("rules")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
