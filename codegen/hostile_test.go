package codegen_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"

	"github.com/omninode-ai/omninode/codegen"
	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/onex/event"
)

// hostile lists texts that would be code, directives or deception if they got out of their place.
func hostile() []string {
	return []string{
		"\"; import \"os/exec\"; var x = \"",
		"`\nfunc init() { panic(1) }\n`",
		"line one\nfunc init() { panic(1) }",
		"line one\r\nfunc init() {}\r",
		"*/ func init() {} /*",
		"\u2028func init() {}\u2029",
		"+build ignore",
		"go:embed secrets.txt",
		"\ngo:linkname x runtime.x",
		"//go:build ignore\n\npackage main",
		"line /etc/passwd:1",
		"{{.Node}} {{template \"imports\" .}} {{range}}",
		"\u202e\u2066 } init func",
		"\x00\x1b[31mred\ufeff",
		"\xff\xfe not UTF-8",
		"\\\" + panic(1) + \\\"",
		"$(rm -rf /) %s %d %!v",
		strings.Repeat("a\n", 2000),
	}
}

// TestHostileText puts each text wherever a contract has free text: what is generated declares,
// imports and does the same as with harmless text.
func TestHostileText(t *testing.T) {
	t.Parallel()
	want := shapes(t, "harmless")
	for i, text := range hostile() {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			for j, got := range shapes(t, text) {
				if got != want[j] {
					t.Errorf("with the text %q code has the shape\n%s\nwant\n%s", text, got, want[j])
				}
			}
		})
	}
}

// shapes generates the fleet of every key with text in all places and returns the shape of its code.
func shapes(t *testing.T, text string) []string {
	t.Helper()
	fleet := parse(t, goldenContracts(t, "every-key"))
	for _, c := range fleet.Contracts {
		deface(c, text)
	}
	files, err := codegen.GenerateFleet(t.Context(), fleet, options())
	if err != nil {
		t.Fatalf("text %q: %v", text, err)
	}
	var out []string
	for _, f := range files {
		out = append(out, f.Path+": "+shape(t, f))
	}
	return out
}

// deface replaces all free text of a contract.
func deface(c *contract.Contract, text string) {
	c.Description, c.Version, c.SHA256 = text, text, text
	for i := range c.Capabilities {
		c.Capabilities[i] = text
	}
	for _, m := range slices.Concat(c.Messages, c.Foreign) {
		m.Description = text
	}
	for _, s := range c.Settings {
		s.Description = text
		if s.Schema.Type == "string" && s.Schema.Format == "" {
			s.Default, s.Schema.Pattern, s.Schema.Enum = &text, text, []string{text, "b"}
		}
	}
	for _, s := range c.Secrets {
		s.Description = text
	}
	for _, t := range c.Types {
		t.Schema.Description = text
		for _, p := range t.Schema.Properties {
			p.Schema.Description = text
			if p.Schema.Pattern != "" || len(p.Schema.Enum) > 0 {
				p.Schema.Pattern, p.Schema.Example, p.Schema.Enum = text, &text, []string{text}
			}
		}
	}
	if c.Machine != nil {
		c.Machine.Initial, c.Machine.Final = text, []string{text}
		for _, tr := range c.Machine.Transitions {
			tr.From, tr.To = []string{text}, text
		}
	}
	for _, h := range c.Handles {
		h.IdempotencyKey = text
	}
}

// shape returns everything of a file but its literals and comments: node types and names, in order.
// A comment that is a directive is part of the shape.
func shape(t *testing.T, f codegen.File) string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), f.Path, f.Content, parser.ParseComments)
	if err != nil {
		t.Fatalf("%s: %v", f.Path, err)
	}
	var b strings.Builder
	for _, group := range file.Comments {
		for _, c := range group.List {
			if !strings.HasPrefix(c.Text, "// ") || strings.ContainsAny(c.Text, "\r\u2028\u202e\x00\x1b") {
				fmt.Fprintf(&b, "comment %q ", c.Text)
			}
			if constraint := strings.TrimSpace(c.Text[2:]); strings.HasPrefix(constraint, "+build") {
				fmt.Fprintf(&b, "constraint %q ", c.Text)
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Comment, *ast.CommentGroup:
		case *ast.Ident:
			b.WriteString(n.Name + " ")
		case nil:
			b.WriteString(") ")
		default:
			fmt.Fprintf(&b, "(%T ", n)
		}
		return true
	})
	return b.String()
}

// TestHostileNames puts what is no name where contracts have names: it is refused, whatever the
// parser would have said.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "a b", "X\"", "../x", "a/b", "x;y", "é", "func() {}", "x\ny", "`", "A_", "a--b", "cmd "} {
		for place, set := range map[string]func(c *contract.Contract){
			"node":        func(c *contract.Contract) { c.Node = bad },
			"message":     func(c *contract.Contract) { c.Messages[0].Ref = event.Ref{Node: c.Node, Name: bad, Version: 1} },
			"type":        func(c *contract.Contract) { c.Types[0].Name = bad },
			"property":    func(c *contract.Contract) { c.Types[0].Schema.Properties[0].Name = bad },
			"setting":     func(c *contract.Contract) { c.Settings[0].Key = bad },
			"secret":      func(c *contract.Contract) { c.Secrets[0].Key = bad },
			"requirement": func(c *contract.Contract) { c.Requires[0].Name = bad },
			"interface":   func(c *contract.Contract) { c.Requires[0].Type = bad },
			"schema":      func(c *contract.Contract) { c.Types[0].Schema.Properties[0].Schema.Type = bad },
		} {
			c := parse(t, goldenContracts(t, "every-key")).Contract("stock-keeper")
			set(c)
			if files, err := codegen.Generate(t.Context(), c, options()); err == nil {
				t.Errorf("%s %q is accepted: %d files", place, bad, len(files))
			}
		}
	}
}

// TestCollisions gives two things one name in Go.
func TestCollisions(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(c *contract.Contract){
		"a generated type":  func(c *contract.Contract) { c.Types[0].Name = "Handler" },
		"an emitter":        func(c *contract.Contract) { c.Types[0].Name = "CountV1Emitter" },
		"another type":      func(c *contract.Contract) { c.Types[0].Name = c.Types[1].Name },
		"a requirement":     func(c *contract.Contract) { c.Requires[0].Type = c.Types[0].Name },
		"two settings":      func(c *contract.Contract) { c.Settings[0].Key = "api_token" },
		"a property's name": func(c *contract.Contract) { p := typeOf(c, "Everything").Schema.Properties; p[0].Name = p[1].Name },
	} {
		c := parse(t, goldenContracts(t, "every-key")).Contract("stock-keeper")
		set(c)
		if _, err := codegen.Generate(t.Context(), c, options()); err == nil {
			t.Errorf("a name that collides with %s is accepted", name)
		}
	}
}

func typeOf(c *contract.Contract, name string) *contract.Type {
	i := slices.IndexFunc(c.Types, func(t *contract.Type) bool { return t.Name == name })
	return c.Types[i]
}
