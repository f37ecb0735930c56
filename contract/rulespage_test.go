package contract

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
)

// TestRulesPage checks that docs/rules.md says what omninode explain says; -update rewrites it.
func TestRulesPage(t *testing.T) {
	t.Parallel()
	page := filepath.Join("..", "docs", "rules.md")
	want := rulesPage()
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("docs/rules.md is out of date: go test ./contract -update\n%s", Diff("docs/rules.md", got, []byte(want)))
	}
}

func rulesPage() string {
	var b strings.Builder
	b.WriteString(`# The rules of a contract

Each mistake that ` + "`omninode validate`" + ` reports names a rule. The ids are stable; ` + "`omninode explain RULE`" + ` prints what
is said here. This page is made from the same source: ` + "`go test ./contract -run TestRulesPage -update`" + `.

`)
	for _, r := range Rules() {
		fmt.Fprintf(&b, "- [`%s`](#%s): %s\n", r.ID, r.ID, r.Meaning)
	}
	for _, r := range Rules() {
		e, _ := Explain(r.ID)
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", e.ID, e.Meaning)
		if e.Fleet {
			b.WriteString("Checked when all contracts are read together.\n")
		}
		fmt.Fprintf(&b, "\n%s\n\n**How to obey it:** %s\n", e.Why, e.How)
		if len(e.Bad) > 0 {
			writeExample(&b, e)
		}
	}
	return b.String()
}

func writeExample(b *strings.Builder, e Explanation) {
	for _, f := range e.Bad {
		fmt.Fprintf(b, "\n`%s`\n\n```yaml\n%s```\n", f.Name, visible(f.Content))
	}
	fmt.Fprintf(b, "\nis reported as\n\n```text\n%s\n```\n\nand is valid as\n\n```diff\n", e.Reported())
	b.WriteString(visible(e.Changes()))
	b.WriteString("```\n")
}

// visible replaces what does not print.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
