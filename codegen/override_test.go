package codegen_test

import (
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/omninode-ai/omninode/codegen"
	"github.com/omninode-ai/omninode/contract"
)

const house = "package {{.Node.Package}}\n\n// wire is written in the house's way.\nfunc wire(_ context.Context, _ Config) (Requirements, error) { return Requirements{}, nil }\n"

// TestOverride: a template of one's own takes the place of a scaffold's, and what it yields is held to
// the same declarations, imports and directives; errors name template and line.
func TestOverride(t *testing.T) {
	t.Parallel()
	imports := `{{template "imports" .}}` + "\n"
	good := strings.Replace(house, "\n\n", "\n"+imports+"\n", 1)
	for name, c := range map[string]struct{ file, text, want string }{
		"good":         {"wire.go.tmpl", good, ""},
		"unknown":      {"node.gen.go.tmpl", good, "node.gen.go.tmpl takes the place of nothing"},
		"syntax":       {"wire.go.tmpl", "package x\n{{if}}", "node/wire.go.tmpl:2"},
		"field":        {"wire.go.tmpl", "package x\n\n{{.Node.Nothing}}", "node/wire.go.tmpl:3"},
		"no Go":        {"wire.go.tmpl", "package x\nfunc {", `node/wire.go.tmpl: line 2, "func {"`},
		"import":       {"wire.go.tmpl", strings.Replace(good, imports, "import \"context\"\nimport \"os/exec\"\n", 1), `node/wire.go.tmpl: imports differ from the model: unexpected ["os/exec"]`},
		"declaration":  {"wire.go.tmpl", good + "\nfunc init() {}\n", "node/wire.go.tmpl: declarations differ from the model: unexpected [init]"},
		"directive":    {"wire.go.tmpl", good + "\n//go:generate rm\n", "directive"},
		"missing":      {"wire.go.tmpl", "package {{.Node.Package}}\n" + imports, "missing [wire]"},
		"handler too":  {"handler.go.tmpl", good, "node/handler.go.tmpl"},
		"and its test": {"handler_test.go.tmpl", good, "node/handler_test.go.tmpl"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files, err := withTemplate(t, c.file, c.text)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %q", err, c.want)
			case c.want == "" && !strings.Contains(files["minimal/wire.go"], "in the house's way"):
				t.Errorf("wire.go is\n%s", files["minimal/wire.go"])
			}
		})
	}
}

// withTemplate generates a node of the smallest contract with one template replaced.
func withTemplate(t *testing.T, name, text string) (map[string]string, error) {
	t.Helper()
	a, err := txtar.ParseFile("testdata/golden/minimal.txtar")
	if err != nil {
		t.Fatal(err)
	}
	minimal := map[string][]byte{}
	for _, f := range inputs(a) {
		minimal[f.Name] = f.Data
	}
	fleet, err := contract.ParseFleet(minimal)
	if err != nil {
		t.Fatal(err)
	}
	opts := options()
	opts.Scaffolds = map[string]string{name: text}
	files := map[string]string{}
	var list []codegen.File
	for _, c := range fleet.Contracts[:1] {
		if list, err = codegen.Generate(t.Context(), c, opts); err != nil {
			return nil, err
		}
		for _, f := range list {
			files[strings.Replace(f.Path, c.Node+"/", "minimal/", 1)] = string(f.Content)
		}
	}
	return files, nil
}
