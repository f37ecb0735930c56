package contract

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// tables finds what docs/contract.md has between the markers of a table of keys.
var tables = regexp.MustCompile(`(?s)<!-- keys of (.+?) -->\n(.*?)<!-- end -->\n`)

// TestReferenceTables holds the tables of docs/contract.md to the grammar; -update writes them.
func TestReferenceTables(t *testing.T) {
	t.Parallel()
	file := filepath.Join("..", "docs", "contract.md")
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	want := tables.ReplaceAllFunc(page, func(table []byte) []byte {
		names := string(tables.FindSubmatch(table)[1])
		return []byte("<!-- keys of " + names + " -->\n" + referenceTable(t, strings.Split(names, ", "), shown) + "<!-- end -->\n")
	})
	for _, s := range Grammar() {
		if !shown[s.Name] {
			t.Errorf("the page has no table <!-- keys of %s -->", s.Name)
		}
	}
	if *update {
		if err := os.WriteFile(file, want, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(page, want) {
		t.Errorf("%s is not what the grammar says; run go test ./contract -run TestReferenceTables -update", file)
	}
}

// referenceTable explains the keys of sections. A key that stands in several is explained once; it
// says where it does not stand.
func referenceTable(t *testing.T, sections []string, shown map[string]bool) string {
	t.Helper()
	g, rows := newGrammar(), []string(nil)
	var b strings.Builder
	fmt.Fprintf(&b, "*%s*\n\n", strings.Join(sections, "*, *"))
	b.WriteString("| Key | Value | Meaning | Default | Example | Changes | Test |\n|---|---|---|---|---|---|---|\n")
	for _, name := range sections {
		s := g.byName[name]
		if s == nil || shown[name] {
			t.Fatalf("section %q is unknown, or shown twice", name)
		}
		shown[name] = true
		for _, k := range s.Keys {
			if !slices.Contains(rows, k.Name) {
				rows = append(rows, k.Name)
				b.WriteString(referenceRow(k))
			}
		}
	}
	return b.String()
}

func referenceRow(k Key) string {
	meaning := k.Meaning
	if kinds := k.Kinds(); len(kinds) < 3 {
		meaning += " Only in " + oneOf(words(kinds)) + "."
	} else if len(k.Refused) > 0 {
		meaning += " Not in " + oneOf(words(k.Refused[0].Kinds)) + "."
	}
	if k.For != nil {
		meaning += " For " + oneOf(k.For) + "."
	}
	absent := k.Default
	switch {
	case k.Required == Always:
		absent = "required"
	case k.Required != "":
		absent = "required " + k.Required
	case absent == "":
		absent = "none"
	}
	var changes []string
	for _, a := range k.Changes {
		changes = append(changes, "`"+string(a)+"`")
	}
	cells := []string{
		"`" + k.Name + "`", valueOf(k.Form), meaning, absent, "`" + k.Example + "`", strings.Join(changes, ", "), "`" + k.Test + "`",
	}
	for i, cell := range cells {
		cells[i] = strings.ReplaceAll(cell, "|", `\|`)
	}
	return "| " + strings.Join(cells, " | ") + " |\n"
}

// valueOf describes the form of a value.
func valueOf(f Form) string {
	switch f.Is {
	case FormChoice:
		return "`" + strings.Join(f.Words, "`, `") + "`"
	case FormTrue:
		return "`true`"
	case FormInteger:
		if f.Low == f.High {
			return "`" + strconv.Itoa(f.Low) + "`"
		}
		return fmt.Sprintf("%d to %d", f.Low, f.High)
	case FormText, FormLine, FormQuantity:
		return f.Word
	case FormList:
		return "list: " + valueOf(*f.Of)
	case FormOneOrList:
		return valueOf(*f.Of) + ", or a list"
	case FormMapping:
		if f.Of.Is == FormScalar {
			return "mapping: " + valueOf(*f.Names) + " to a value of it"
		}
		return "mapping: " + valueOf(*f.Names) + " to " + valueOf(*f.Of)
	case FormSection:
		return "*" + f.Section + "*"
	case FormScalar:
		return "of the `type`"
	default:
		return string(f.Is)
	}
}

// TestGrammarExamples holds each example to the form of its key.
func TestGrammarExamples(t *testing.T) {
	t.Parallel()
	c := schemaCompiler(t)
	for _, s := range Grammar() {
		for _, k := range s.Keys {
			var example any
			if err := yaml.Unmarshal([]byte(k.Example), &example); err != nil {
				t.Fatal(err)
			}
			form, err := c.Compile("contract.schema.json" + pointer(s.Name, k))
			if err != nil {
				t.Fatal(err)
			}
			if err := form.Validate(asJSON(example)); err != nil {
				t.Errorf("%s.%s: example %s: %v", s.Name, k.Name, k.Example, err)
			}
		}
	}
}

// pointer leads to the schema of a key.
func pointer(section string, k Key) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1", "^", "%5E", "[", "%5B", "]", "%5D", "{", "%7B", "}", "%7D", "$", "%24")
	at := "#/$defs/" + section
	if section == "contract" {
		at = "#"
	}
	if k.Names != nil {
		return at + "/patternProperties/" + escape.Replace(k.Names.Pattern)
	}
	return at + "/properties/" + escape.Replace(k.Name)
}

// TestPayloadSubset checks that docs/contract.md names keywords of JSON Schema that are refused, and
// that they are.
func TestPayloadSubset(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "docs", "contract.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, list, found := strings.Cut(string(page), "Everything else of JSON Schema is refused:")
	list, _, _ = strings.Cut(list, "\n\n")
	keywords := regexp.MustCompile("`([a-zA-Z$]+)`").FindAllStringSubmatch(list, -1)
	if !found || len(keywords) < 20 {
		t.Fatalf("the page names %d refused keywords", len(keywords))
	}
	for _, m := range keywords {
		src := "omninode: 1\nnode: a\nversion: 1.0.0\nkind: compute\ntypes: {T: {type: object, properties: {p: {type: string, " + m[1] + ": x}}}}\n"
		_, ds := Parse("contract.yaml", []byte(src))
		if !slices.ContainsFunc(ds, func(d Diagnostic) bool {
			return (d.Rule == ruleUnknownKey || d.Rule == ruleMisplacedKey) && strings.Contains(d.Message, strconv.Quote(m[1]))
		}) {
			t.Errorf("keyword %s is not refused: %v", m[1], ds)
		}
	}
}
