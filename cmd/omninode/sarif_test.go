package main

import (
	"bytes"
	"encoding/json"
	"go/ast"
	gobuild "go/build"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	official "github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/omninode-ai/omninode/contract"
)

// TestSARIF checks that what every rule's example reports is SARIF 2.1.0 by its official schema.
func TestSARIF(t *testing.T) {
	t.Parallel()
	var all contract.Diagnostics
	s := sources{}
	for _, r := range contract.Rules() {
		e, _ := contract.Explain(r.ID)
		for _, f := range e.Bad {
			s[f.Name] = []byte(f.Content)
		}
		all = append(all, e.Reported()...)
	}
	schema := officialSchema(t)
	if len(all) < 40 {
		t.Fatalf("only %d diagnostics", len(all))
	}
	for _, ds := range []contract.Diagnostics{all, nil} {
		if err := conforms(t, schema, sarif(ds, s)); err != nil {
			t.Error(err)
		}
	}
	broken := sarif(all, s)
	broken.Runs[0].Results[0].Level = "terrible"
	if conforms(t, schema, broken) == nil {
		t.Error("a level that SARIF does not have is accepted")
	}
}

// conforms validates a log.
func conforms(t *testing.T, schema *jsonschema.Schema, log sarifLog) error {
	t.Helper()
	raw, err := json.Marshal(log)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(v)
}

// officialSchema returns the schema of SARIF, which is a constant of the library's sources.
func officialSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	const url = "https://example.com/sarif.json"
	pkg, err := gobuild.Import(reflect.TypeFor[official.Report]().PkgPath(), ".", gobuild.FindOnly)
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(pkg.Dir, "schema.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var text string
	ast.Inspect(file, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING && len(lit.Value) > len(text) {
			text = strings.Trim(lit.Value, "`")
		}
		return true
	})
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(url, doc); err != nil {
		t.Fatal(err)
	}
	return c.MustCompile(url)
}
