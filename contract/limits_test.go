package contract

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// TestLimits: what is written of a type is JSON Schema that says what the contract says, by two
// things: the example fits it, and it names every constraint.
func TestLimits(t *testing.T) {
	t.Parallel()
	c, ds := Parse("contract.yaml", []byte(examples))
	if len(ds) > 0 {
		t.Fatal(ds)
	}
	limits := c.Types[0].Limits()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(limits))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("limits.json", doc); err != nil {
		t.Fatal(err)
	}
	example, err := jsonschema.UnmarshalJSON(bytes.NewReader(c.Types[0].Example()))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiler.MustCompile("limits.json").Validate(example); err != nil {
		t.Error(err)
	}
	for _, part := range []string{
		`"code":{"type":"string","pattern":"^[A-Z]{3}<&>$","example":"ABC<&>"}`,
		`"colour":{"type":"string","enum":["green","blue"]}`,
		`"high":{"type":"integer","minimum":9007199254740993}`,
		`"ratio":{"type":"number","minimum":1.5,"maximum":2.5}`,
		`"list":{"type":"array","items":{"type":"string","minLength":1,"example":"list"},"minItems":2,"maxItems":3}`,
		`"optional":{"type":"object","required":["id","size"],"properties":{`,
		`"when":{"type":"string","format":"date-time","example":"2026-01-31T08:00:00Z"}`,
	} {
		if !bytes.Contains(limits, []byte(part)) {
			t.Errorf("limits lack %s:\n%s", part, limits)
		}
	}
}

// TestLimitsStaySmall: types that use each other twice would double at every step.
func TestLimitsStaySmall(t *testing.T) {
	t.Parallel()
	var types strings.Builder
	for i := range 40 {
		fmt.Fprintf(&types, "  T%d: {type: object, required: [id, c], properties: {id: {type: string, minLength: 1}, a: {$ref: T%d}, b: {type: array, items: {$ref: T%d}}, c: {type: array, items: {$ref: T%d}}}}\n", i, i+1, i+1, i+1)
	}
	types.WriteString("  T40: {type: object, required: [id], properties: {id: {type: string, minLength: 1}}}\n")
	head, _, _ := strings.Cut(examples, "types:")
	c, ds := Parse("contract.yaml", []byte(strings.Replace(head, "data: All", "data: T0", 1)+"types:\n"+types.String()))
	if len(ds) > 0 {
		t.Fatal(ds)
	}
	for _, typ := range c.Types {
		if n := len(typ.Limits()); n > 100_000 {
			t.Errorf("limits of %s have %d bytes", typ.Name, n)
		}
	}
}
