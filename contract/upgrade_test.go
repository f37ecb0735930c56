package contract

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEveryLanguageHasAMigration is red as soon as Format rises without a migration from the version
// before, or without what people are told about it.
func TestEveryLanguageHasAMigration(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "docs", "evolution.md"))
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range migrations() {
		if m.from != i || m.to != i+1 || m.changes == "" || m.edits == nil {
			t.Errorf("migration %d leads from %d to %d: %q", i, m.from, m.to, m.changes)
		}
		if row := fmt.Sprintf("| %d | %d | %s |\n", m.from, m.to, m.changes); !strings.Contains(string(page), row) {
			t.Errorf("docs/evolution.md lacks the row %s", row)
		}
	}
	if n := len(migrations()); n != Format {
		t.Errorf("%d migrations lead to version %d, but contracts are of version %d", n, n, Format)
	}
	if k := newGrammar().byName["contract"].key("omninode"); k.Example != itoa(Format) || !strings.HasSuffix(k.Fix, "omninode: "+itoa(Format)) {
		t.Errorf("the key is explained as %q, %q", k.Example, k.Fix)
	}
}

const unnumbered = "node: mailer # note\nversion: 1.0.0\nkind: compute\n" +
	"commands: {mail: {external: true, v1: {key: id, data: Mail}}}\nevents: {mailed: {external: true, v1: {key: id, data: Mail}}}\n" +
	"handles: {mail.v1: {emits: [mailed.v1]}}\n" +
	"types:\n  Mail: {type: object, required: [id], properties: {id: {type: string, format: uuid}}}\n"

// TestUpgradeOfDrafts upgrades contracts without a number: all that was there is kept, byte by byte.
func TestUpgradeOfDrafts(t *testing.T) {
	t.Parallel()
	flow := "{" + strings.ReplaceAll(strings.ReplaceAll(unnumbered[:strings.Index(unnumbered, "commands")], " # note", ""), "\n", ", ") + "description: x}"
	indented := "  " + strings.TrimSuffix(strings.ReplaceAll(unnumbered, "\n", "\n  "), "  ")
	for name, tt := range map[string]struct{ before, after string }{
		"plain":    {unnumbered, "omninode: 1\n" + unnumbered},
		"comments": {"# licence\n\n" + unnumbered, "omninode: 1\n# licence\n\n" + unnumbered},
		"marker":   {"# a\n---\n# b\n" + unnumbered, "# a\n---\n# b\nomninode: 1\n" + unnumbered},
		"indented": {indented, "  omninode: 1\n" + indented},
		"crlf":     {strings.ReplaceAll(unnumbered, "\n", "\r\n"), strings.ReplaceAll("omninode: 1\n"+unnumbered, "\n", "\r\n")},
		"flow":     {flow, "{omninode: 1, " + flow[1:]},
		"mistake":  {"node: a\nkind: b\n", "omninode: 1\nnode: a\nkind: b\n"},
	} {
		u, ds := Upgrade("contract.yaml", []byte(tt.before))
		if ds != nil || u.From != 0 || u.To != Format || string(u.Text) != tt.after {
			t.Errorf("%s: from %d to %d, %v\n%s", name, u.From, u.To, ds, Diff("contract.yaml", []byte(tt.after), u.Text))
		}
		again, ds := Upgrade("contract.yaml", u.Text)
		if ds != nil || again.From != Format || again.To != Format || !bytes.Equal(again.Text, u.Text) || again.Changes != nil {
			t.Errorf("%s: a second run: %+v, %v", name, again, ds)
		}
	}
}

// TestUpgradeRefuses leaves alone what is of no version that is known.
func TestUpgradeRefuses(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		"omninode: 2\nnode: mailer\nnews: x\n":         `"omninode" is 2, a later version of the language than 1`,
		"omninode: 0\nnode: mailer\n":                  `"omninode" is 0, want 1`,
		"omninode: '1'\nnode: mailer\n":                "wrong-type",
		"omninod: 1\nnode: mailer\n":                   "did you mean omninode?",
		"services: {web: {image: x}}\n":                "missing-key",
		"[1, 2]\n":                                     "want a mapping",
		"node: [\n":                                    "syntax",
		"":                                             "empty",
		"node: mailer\u2028version: 1\nkind: a\n":      "",
		"node: mailer # \u2028\nversion: 1\nkind: a\n": "",
	} {
		u, ds := Upgrade("contract.yaml", []byte(src))
		if len(ds) == 0 || !strings.Contains(ds.Error(), want) || u.From != u.To || string(u.Text) != src {
			t.Errorf("%q: %+v, %v", src, u, ds)
		}
		if strings.HasPrefix(src, "omninode: 2") && len(ds) != 1 {
			t.Errorf("a later version is judged by the rules of this one: %v", ds)
		}
	}
}

// planted is a chain with a second migration: it renames the key kind to sort.
func planted(check func([]byte) Diagnostics) chain {
	return chain{append(migrations(), migration{1, 2, "`kind` is called `sort`", func(p *parser, root *section) []Edit {
		return p.replace(root.index["kind"].at, "sort")
	}}), check}
}

// TestUpgradeComposes upgrades from each version to the last.
func TestUpgradeComposes(t *testing.T) {
	t.Parallel()
	c := planted(func([]byte) Diagnostics { return nil })
	want := strings.Replace("omninode: 2\n"+unnumbered, "kind:", "sort:", 1)
	for from, src := range []string{unnumbered, "omninode: 1\n" + unnumbered, want} {
		u, ds := c.upgrade("contract.yaml", []byte(src))
		if ds != nil || u.From != from || u.To != 2 || len(u.Changes) != 2-from || string(u.Text) != want {
			t.Errorf("from %d: %+v, %v\n%s", from, u, ds, u.Text)
		}
	}
}

// TestUpgradeRefusesHarm plants migrations that make a contract worse, or do not do what they say.
func TestUpgradeRefusesHarm(t *testing.T) {
	t.Parallel()
	src := []byte("omninode: 1\n" + unnumbered)
	worse := planted(func(src []byte) Diagnostics {
		if bytes.Contains(src, []byte("sort:")) {
			return Diagnostics{{Rule: ruleBadValue, Message: "new"}}
		}
		return Diagnostics{{Rule: ruleMissingKey, Message: "the contract lacks sort"}}
	})
	if u, ds := worse.upgrade("contract.yaml", src); len(ds) != 1 || ds[0].Message != "new" || u.To != 0 {
		t.Errorf("a new mistake: %+v, %v", u, ds)
	}
	broken := planted(func([]byte) Diagnostics { return nil })
	broken.migrations[1].edits = func(p *parser, root *section) []Edit { return p.replace(root.index["kind"].at, "[") }
	if u, ds := broken.upgrade("contract.yaml", src); len(ds) == 0 || u.To != 0 {
		t.Errorf("a document that breaks: %+v, %v", u, ds)
	}
}

// TestEarlierLanguage: no mechanical fix raises the number without migrating the rest.
func TestEarlierLanguage(t *testing.T) {
	t.Parallel()
	g := newGrammar()
	g.byName["contract"].key("omninode").Form = integer(2, 2)
	_, ds := g.parse("contract.yaml", []byte("omninode: 1\n"+unnumbered)).result()
	if len(ds) != 1 || ds[0].Fix != "omninode upgrade" || ds[0].Edits != nil || !strings.Contains(ds[0].Message, "is 1, an earlier version of the language than 2") {
		t.Errorf("%v", ds)
	}
}

// TestUpgradeCorpus upgrades every contract of the corpus, with and without its number: none gets
// worse, loses a byte, or is changed by a second run.
func TestUpgradeCorpus(t *testing.T) {
	t.Parallel()
	n := 0
	for file, src := range corpus(t) {
		for _, src := range [][]byte{src, bytes.Replace(src, []byte("omninode: 1\n"), nil, 1)} {
			u, ds := Upgrade(file, src)
			if ds != nil || u.From == u.To {
				continue
			}
			n++
			_, before := Parse(file, src)
			_, after := Parse(file, u.Text)
			if len(after) >= len(before) || len(u.Text)-len(src) > len("{omninode: 1, ") {
				t.Errorf("%s: %d mistakes became %d:\n%s", file, len(before), len(after), Diff(file, src, u.Text))
			}
			if again, ds := Upgrade(file, u.Text); ds != nil || again.From != Format {
				t.Errorf("%s: a second run: %+v, %v", file, again, ds)
			}
		}
	}
	if n < 100 {
		t.Errorf("only %d contracts of the corpus can be upgraded", n)
	}
}
