package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

// examples is a type with every kind of property, required so that the example shows them all.
const examples = `omninode: 1
node: demo
version: 1.0.0
kind: compute
commands: {run: {v1: {key: id, data: All}}}
handles: {run.v1: {}}
types:
  All:
    type: object
    required: [id, email, uri, when, day, code, colour, text, short, long, count, low, high, ratio, flag, list, parts, part]
    properties:
      id: {type: string, format: uuid}
      email: {type: string, format: email}
      uri: {type: string, format: uri}
      when: {type: string, format: date-time}
      day: {type: string, format: date}
      code: {type: string, pattern: '^[A-Z]{3}<&>$', example: ABC<&>}
      colour: {type: string, enum: [green, blue]}
      text: {type: string}
      short: {type: string, maxLength: 2}
      long: {type: string, minLength: 30}
      count: {type: integer}
      low: {type: integer, maximum: -7}
      high: {type: integer, minimum: 9007199254740993}
      ratio: {type: number, minimum: 1.5, maximum: 2.5}
      flag: {type: boolean}
      list: {type: array, minItems: 2, maxItems: 3, items: {type: string, minLength: 1}}
      parts: {type: array, items: {$ref: Part}}
      part: {$ref: Part}
      optional: {$ref: Part}
  Part: {type: object, required: [id, size], properties: {id: {type: string, format: uuid}, size: {type: integer, minimum: 2}}}
`

func TestExample(t *testing.T) {
	t.Parallel()
	c, ds := Parse("contract.yaml", []byte(examples))
	if len(ds) > 0 {
		t.Fatal(ds)
	}
	const want = `{"code":"ABC<&>","colour":"green","count":1,"day":"2026-01-31","email":"email@example.com","flag":true,` +
		`"high":9007199254740993,"id":"3cfea254-9bd6-59c4-b6e3-0f546d1b2b23","list":["list","list"],"long":"longxxxxxxxxxxxxxxxxxxxxxxxxxx","low":-7,` +
		`"part":{"id":"3cfea254-9bd6-59c4-b6e3-0f546d1b2b23","size":2},"parts":[],"ratio":1.5,"short":"sh","text":"text",` +
		`"uri":"https://example.com/uri","when":"2026-01-31T08:00:00Z"}`
	if got := string(c.Types[0].Example()); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	checkSchemas(t, []byte(examples), c)
}

// TestShopExamples checks the examples of the repository's own nodes.
func TestShopExamples(t *testing.T) {
	t.Parallel()
	for file, src := range shop(t) {
		c, ds := Parse(file, src)
		if len(ds) > 0 {
			t.Fatal(ds)
		}
		checkSchemas(t, src, c)
	}
}

// checkSchemas validates each type's example with a JSON Schema validator that reads the contract's
// types as they are written, so that the language stays a subset of JSON Schema.
func checkSchemas(t *testing.T, src []byte, c *Contract) {
	t.Helper()
	var file struct{ Types map[string]any }
	if err := yaml.Unmarshal(src, &file); err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(map[string]any{"$defs": file.Types})
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range c.Types {
		raw = bytes.ReplaceAll(raw, fmt.Appendf(nil, `"$ref":%q`, typ.Name), fmt.Appendf(nil, `"$ref":"#/$defs/%s"`, typ.Name))
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	if err := compiler.AddResource("mem:///types.json", doc); err != nil {
		t.Fatal(err)
	}
	for _, typ := range c.Types {
		schema, err := compiler.Compile("mem:///types.json#/$defs/" + typ.Name)
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(typ.Example()))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s.%s: example %s: %v", c.Node, typ.Name, typ.Example(), err)
		}
	}
}

func TestSettingExample(t *testing.T) {
	t.Parallel()
	src := examples + `config:
  a: {type: number, default: 20.50, minimum: 0}
  b: {type: string, format: uri}
  c: {type: boolean}
  d: {type: integer, minimum: 5}
  e: {type: string, pattern: '^x+$', example: xx}
  f: {type: string, format: duration, default: 90s}
  g: {type: string, format: duration}
`
	c, ds := Parse("contract.yaml", []byte(src))
	if len(ds) > 0 {
		t.Fatal(ds)
	}
	got := map[string]string{}
	for _, s := range c.Settings {
		got[s.Key] = s.Example()
	}
	want := map[string]string{"a": "20.5", "b": "https://example.com/b", "c": "true", "d": "5", "e": "xx", "f": "90s", "g": "1m30s"}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestModelIsSorted checks the order that the model promises, with everything in the file reversed.
func TestModelIsSorted(t *testing.T) {
	t.Parallel()
	src := strings.Replace(examples, "commands: {run: {v1", "capabilities: [z.a, a.z]\ncommands: {stop: {v2: {key: id, data: All}, v1: {key: id, data: All}}, run: {v1", 1)
	src = strings.Replace(src, "handles: {run", "handles: {stop.v2: {}, stop.v1: {}, run", 1)
	c, ds := Parse("contract.yaml", []byte(src))
	if len(ds) > 0 {
		t.Fatal(ds)
	}
	var refs, inputs, props []string
	for _, m := range c.Messages {
		refs = append(refs, m.Ref.Local())
	}
	for _, h := range c.Handles {
		inputs = append(inputs, h.Input.Ref.Local())
	}
	for _, p := range c.Types[0].Schema.Properties {
		props = append(props, p.Name)
	}
	want := []string{"run.v1", "stop.v1", "stop.v2"}
	if !slices.Equal(refs, want) || !slices.Equal(inputs, want) || !slices.IsSorted(props) || c.Types[0].Name != "All" || c.Capabilities[0] != "a.z" {
		t.Errorf("messages %v, handles %v, properties %v, types %v, capabilities %v", refs, inputs, props, typeNames(c.Types), c.Capabilities)
	}
}
