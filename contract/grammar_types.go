package contract

import (
	"slices"
	"strings"
)

// Types of schemas.
func scalars() []string { return []string{"string", "integer", "number", "boolean"} }

func anyType() []string { return append(scalars(), "array") }

// typeGrammar is the subset of JSON Schema that describes payloads and states.
func typeGrammar() []Section {
	return []Section{
		{Name: "type", Noun: "a type", Keys: []Key{
			{
				Name: "type", Required: Always, Form: choice("object"), Example: "object",
				Meaning: "A type is an object.", Fix: "add type: object",
				Changes: []Artefact{ArtefactCheck}, Test: "TestSingle",
			},
			{
				Name: "description", Form: description(), Example: "What to send, and to whom.",
				Meaning: "What the type is.",
				Changes: []Artefact{ArtefactTypes}, Test: "TestGolden",
			},
			{
				Name: "required", Form: list(snakeOf("a property")), Example: "[mail_id]", Default: "none",
				Meaning: "Properties that must be given; others are pointers in Go.",
				Changes: []Artefact{ArtefactTypes}, Test: "TestDecodeRefuses",
			},
			{
				Name: "properties", Required: Always, Form: mapping(snakeOf("a property"), sectionOf("property")),
				Example: "{mail_id: {type: string, format: uuid}}",
				Meaning: "At least one property.",
				Fix:     "declare them, e.g. properties: {order_id: {type: string, format: uuid}}",
				Changes: []Artefact{ArtefactTypes}, Test: "TestDecode",
			},
		}},
		schemaSection("property", "a property", slices.Concat(schemaKeys(anyType()), arrayKeys()),
			Bond{Key: "type", Values: []string{"array"}, Demand: []string{"items"}}),
		schemaSection("items", "the items of a list", schemaKeys(scalars())),
	}
}

// schemaSection is a schema that may be a reference instead.
func schemaSection(name, noun string, keys []Key, bonds ...Bond) Section {
	var others []string
	for _, k := range keys {
		if k.Name != "$ref" && k.Name != "description" {
			others = append(others, k.Name)
		}
	}
	ref := Bond{
		Key: "$ref", Refuse: others, Else: []string{"type"},
		Why: "stands beside $ref, which is complete by itself", Fix: "remove it, or constrain the type itself",
	}
	return Section{Name: name, Noun: noun, Keys: keys, Bonds: append(bonds, ref, enumBond())}
}

func enumBond() Bond {
	return Bond{
		Key: "enum", Refuse: []string{"format", "pattern", "minLength", "maxLength", "example"},
		Why: "stands beside enum, which lists all values already", Fix: "remove one of them",
	}
}

// unlessRef is the condition of a schema's type.
const unlessRef = "unless `$ref`"

func schemaKeys(types []string) []Key {
	keys := []Key{
		{
			Name: "type", Required: unlessRef, Form: choice(types...), Example: "string",
			Meaning: "Type of the value; an integer has 64 bits.", Fix: "add type: " + strings.Join(types, ", or "),
			Changes: []Artefact{ArtefactTypes}, Test: "TestDecode",
		},
		{
			Name: "$ref", Form: typeName("a type"), Example: "Line",
			Meaning: "A type of the same contract; only `description` may stand beside it.",
			Changes: []Artefact{ArtefactTypes}, Test: "TestGolden",
		},
		{
			Name: "description", Form: description(), Example: "Who gets the mail.",
			Meaning: "What the value is.",
			Changes: []Artefact{ArtefactTypes}, Test: "TestGolden",
		},
	}
	return append(keys, scalarKeys(ArtefactTypes, ArtefactBehaviour, "TestValidate")...)
}

// scalarKeys constrain texts and numbers. What they change depends on where they stand: the file that
// checks values, and the test that uses examples.
func scalarKeys(file, tests Artefact, test string) []Key {
	text, number := []string{"string"}, []string{"integer", "number"}
	changes := []Artefact{file}
	return []Key{
		{
			Name: "format", For: text, Form: choice(formats()...), Example: "uuid", Changes: changes, Test: "TestFormats",
			Meaning: "`uuid`, `uri` (absolute), `email`, `date-time`, `date` or `duration` (as in Go: `1m30s`).",
		},
		{
			Name: "enum", For: text, Form: Form{Is: FormList, Of: &Form{Is: FormLine, Word: "a value"}, Max: maxEnum},
			Example: "[low, high]", Changes: changes, Test: test,
			Meaning: "All values, up to " + itoa(maxEnum) + "; excludes the other constraints of text.",
		},
		{
			Name: "pattern", For: text, Form: line("a regular expression", maxPattern), Example: "'^[0-9]{12,19}$'", Changes: changes, Test: test,
			Meaning: "RE2, matches anywhere unless anchored; needs `example`, or `default` in a setting.",
		},
		{
			Name: "minLength", For: text, Form: integer(1, maxLength), Example: "1", Changes: changes, Test: test,
			Meaning: "Fewest characters.",
		},
		{
			Name: "maxLength", For: text, Form: integer(1, maxLength), Example: "200", Changes: changes, Test: test,
			Meaning: "Most characters.",
		},
		{
			Name: "example", For: text, Form: Form{Is: FormLine, Word: "an example"}, Example: "'4111111111111111'",
			Default: "made from the schema", Changes: []Artefact{tests}, Test: "TestExample",
			Meaning: "A valid text for generated tests; needed where none can be made from the other keys.",
		},
		{
			Name: "minimum", For: number, Form: Form{Is: FormNumber}, Example: "0", Changes: changes, Test: test,
			Meaning: "Smallest value.",
		},
		{
			Name: "maximum", For: number, Form: Form{Is: FormNumber}, Example: "100", Changes: changes, Test: test,
			Meaning: "Largest value.",
		},
	}
}

func arrayKeys() []Key {
	array, changes := []string{"array"}, []Artefact{ArtefactTypes}
	return []Key{
		{
			Name: "items", For: array, Required: "of an array", Form: sectionOf("items"), Example: "{$ref: Line}",
			Changes: changes, Test: "TestDecode",
			Meaning: "What the list holds: a scalar or `$ref`.", Fix: "say what the list holds, e.g. items: {$ref: Line}",
		},
		{
			Name: "minItems", For: array, Form: integer(1, maxItems), Example: "1", Changes: changes, Test: "TestValidate",
			Meaning: "Fewest elements.",
		},
		{
			Name: "maxItems", For: array, Form: integer(1, maxItems), Example: "1000", Changes: changes, Test: "TestValidate",
			Meaning: "Most elements.",
		},
	}
}
