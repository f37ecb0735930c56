package contract

import (
	"regexp"
	"slices"

	"go.yaml.in/yaml/v4"
)

// place says where a schema stands, which decides what it may be. Objects are always named types,
// so that each has one name in every language.
type place int

const (
	inProperty place = iota // a scalar, a list or a reference
	inItems                 // a scalar or a reference
	inSetting               // a scalar, with a default
)

func (w place) types() []string {
	scalars := []string{"string", "integer", "number", "boolean"}
	if w == inProperty {
		return append(scalars, "array")
	}
	return scalars
}

// Bounds of constraints: nothing that fits into a payload is larger.
const (
	maxLength = 1 << 16
	maxItems  = 10_000
	maxEnum   = 200
)

// formats lists the formats of strings.
func formats() []string {
	return []string{"uuid", "uri", "email", "date-time", "date", "duration"}
}

// readSchema reads the schema of a property or of a list's items. It returns nil if it is too
// broken to check anything against it.
func (p *parser) readSchema(it *item, what string, where place) *Schema {
	s := p.section(it, what)
	if s.broken {
		return nil
	}
	schema := &Schema{Description: p.description(s.get("description"))}
	if ref := s.get("$ref"); ref != nil {
		return p.readRef(s, ref, schema)
	}
	defer s.done()
	var ok bool
	if schema.Type, ok = p.schemaType(s, where); !ok {
		p.skipConstraints(s)
		return nil
	}
	p.readConstraints(s, schema)
	p.checkExample(it, schema)
	return schema
}

// readRef reads {$ref: Name}: nothing else but a description may stand with it.
func (p *parser) readRef(s *section, ref *item, schema *Schema) *Schema {
	schema.Ref = p.typeOf(ref)
	for _, it := range s.items {
		if it.key != "$ref" && it.key != "description" {
			s.taken[it.key] = true
			p.report(it.at, ruleContradiction, "remove it, or constrain the type itself", "%q stands beside $ref, which is complete by itself", it.key)
		}
	}
	if schema.Ref == nil {
		return nil
	}
	return schema
}

func (p *parser) schemaType(s *section, where place) (string, bool) {
	it := s.need("type", "add type: "+oneOf(where.types()))
	if v, ok := p.text(it); ok && v == "object" && where != inSetting {
		p.badValue(it, "declare it under types and refer to it with {$ref: Name}", "%s is an object without a name", s.what)
		s.ignore()
		return "", false
	}
	return p.choice(it, where.types())
}

// constraint is a key that constrains values of some types.
type constraint struct {
	key   string
	types []string
	read  func(p *parser, it *item, s *Schema)
}

func constraints() []constraint {
	text, list, number := []string{"string"}, []string{"array"}, []string{"integer", "number"}
	return []constraint{
		{"format", text, readFormat},
		{"enum", text, readEnum},
		{"pattern", text, readPattern},
		{"minLength", text, func(p *parser, it *item, s *Schema) { s.MinLength = p.count(it, 1, maxLength) }},
		{"maxLength", text, func(p *parser, it *item, s *Schema) { s.MaxLength = p.count(it, 1, maxLength) }},
		{"example", text, readExample},
		{"minimum", number, func(p *parser, it *item, s *Schema) { s.Minimum = p.bound(it, s.Type) }},
		{"maximum", number, func(p *parser, it *item, s *Schema) { s.Maximum = p.bound(it, s.Type) }},
		{"items", list, readItems},
		{"minItems", list, func(p *parser, it *item, s *Schema) { s.MinItems = p.count(it, 1, maxItems) }},
		{"maxItems", list, func(p *parser, it *item, s *Schema) { s.MaxItems = p.count(it, 1, maxItems) }},
	}
}

func (p *parser) readConstraints(s *section, schema *Schema) {
	for _, c := range constraints() {
		valid := slices.Contains(c.types, schema.Type)
		it := s.index[c.key]
		switch {
		case valid:
			it = s.get(c.key)
		case it != nil:
			s.taken[c.key] = true
			p.report(it.at, ruleMisplacedKey, "remove it", "%q constrains values of type %s, this one is %s", c.key, oneOf(c.types), schema.Type)
		}
		if valid && it != nil {
			c.read(p, it, schema)
		}
	}
	if schema.Type == "array" && s.index["items"] == nil {
		s.need("items", "say what the list holds, e.g. items: {$ref: Line}")
	}
	p.checkConstraints(s, schema)
}

// skipConstraints takes all constraints of a schema whose type is unknown, so that none of them is
// called unknown as well.
func (p *parser) skipConstraints(s *section) {
	for _, c := range constraints() {
		s.get(c.key)
	}
}

// checkConstraints reports constraints that exclude each other.
func (p *parser) checkConstraints(s *section, schema *Schema) {
	for _, key := range []string{"format", "pattern", "minLength", "maxLength", "example"} {
		if it := s.index[key]; it != nil && len(schema.Enum) > 0 {
			p.report(it.at, ruleContradiction, "remove one of them", "%q stands beside enum, which lists all values already", key)
		}
	}
	p.checkRange(s, "minLength", "maxLength", intsInOrder(schema.MinLength, schema.MaxLength))
	p.checkRange(s, "minItems", "maxItems", intsInOrder(schema.MinItems, schema.MaxItems))
	inOrder := schema.Minimum == nil || schema.Maximum == nil || !lessNumber(*schema.Maximum, *schema.Minimum, schema.Type)
	p.checkRange(s, "minimum", "maximum", inOrder)
}

func (p *parser) checkRange(s *section, low, high string, inOrder bool) {
	if !inOrder {
		p.report(s.index[low].at, ruleContradiction, "exchange them or remove one", "%q is above %q: no value fits", low, high)
	}
}

func intsInOrder(low, high *int) bool { return low == nil || high == nil || *low <= *high }

func (p *parser) count(it *item, low, high int) *int {
	if n, ok := p.integer(it, low, high); ok {
		return &n
	}
	return nil
}

func (p *parser) bound(it *item, schemaType string) *string {
	if text, ok := p.number(it, schemaType); ok {
		return &text
	}
	return nil
}

func readFormat(p *parser, it *item, s *Schema) {
	s.Format, _ = p.choice(it, formats())
}

func readEnum(p *parser, it *item, s *Schema) {
	items := p.list(it)
	if len(items) > maxEnum {
		p.badValue(it, "use a pattern", "an enum of more than %d values", maxEnum)
		return
	}
	for _, e := range items {
		v, ok := p.line(e)
		switch {
		case !ok:
		case v == "":
			p.report(e.at, ruleEmpty, "make the property optional instead", "an enum lists empty text")
		case slices.Contains(s.Enum, v):
			p.report(e.at, ruleDuplicate, "remove it", "enum lists %q twice", v)
		default:
			s.Enum = append(s.Enum, v)
		}
	}
}

func readPattern(p *parser, it *item, s *Schema) {
	v, ok := p.line(it)
	if !ok {
		return
	}
	if _, err := regexp.Compile(v); err != nil || len(v) > 500 {
		p.badValue(it, "write a regular expression of RE2 syntax, without lookahead and backreference", "pattern cannot be used: %v", patternError(err))
		return
	}
	s.Pattern = v
}

func readExample(p *parser, it *item, s *Schema) {
	if v, ok := p.line(it); ok {
		s.Example = &v
	}
}

func readItems(p *parser, it *item, s *Schema) {
	s.Items = p.readSchema(it, "items", inItems)
}

// scalarText reads a scalar value of a schema as canonical text.
func (p *parser) scalarText(it *item, schema *Schema) (string, bool) {
	switch schema.Type {
	case "integer", "number":
		return p.number(it, schema.Type)
	case "boolean":
		if it.node.Kind == yaml.ScalarNode && it.node.ShortTag() == "!!bool" {
			return boolText(p.boolean(it)), true
		}
		p.boolean(it)
		return "", false
	}
	return p.line(it)
}

func boolText(v bool) string {
	if v {
		return "true"
	}
	return "false"
}
