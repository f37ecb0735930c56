package contract

import (
	"regexp"
	"slices"

	"go.yaml.in/yaml/v4"
)

// Bounds of constraints: nothing that fits into a payload is larger.
const (
	maxLength  = 1 << 16
	maxItems   = 10_000
	maxEnum    = 200
	maxPattern = 500
)

// formats lists the formats of strings.
func formats() []string {
	return []string{"uuid", "uri", "email", "date-time", "date", "duration"}
}

// readSchema reads the schema of a property or of a list's items. It returns nil if it is too
// broken to check anything against it.
func (p *parser) readSchema(it *item, what string) *Schema {
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
	if schema.Type, ok = p.schemaType(s); !ok {
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
	s.done()
	if schema.Ref == nil {
		return nil
	}
	return schema
}

func (p *parser) schemaType(s *section) (string, bool) {
	it := s.get("type")
	if v, ok := p.text(it); ok && v == "object" && s.row.key("$ref") != nil {
		p.badValue(it, "declare it under types and refer to it with {$ref: Name}", "%s is an object without a name", s.what)
		s.ignore()
		return "", false
	}
	return p.choice(it)
}

// constraints maps each key that constrains values to its reader.
func constraints() map[string]func(p *parser, it *item, s *Schema) {
	return map[string]func(p *parser, it *item, s *Schema){
		"format":    func(p *parser, it *item, s *Schema) { s.Format, _ = p.choice(it) },
		"enum":      readEnum,
		"pattern":   readPattern,
		"minLength": func(p *parser, it *item, s *Schema) { s.MinLength = p.count(it) },
		"maxLength": func(p *parser, it *item, s *Schema) { s.MaxLength = p.count(it) },
		"example":   readExample,
		"minimum":   func(p *parser, it *item, s *Schema) { s.Minimum = p.bound(it, s.Type) },
		"maximum":   func(p *parser, it *item, s *Schema) { s.Maximum = p.bound(it, s.Type) },
		"items":     func(p *parser, it *item, s *Schema) { s.Items = p.readSchema(it, "items") },
		"minItems":  func(p *parser, it *item, s *Schema) { s.MinItems = p.count(it) },
		"maxItems":  func(p *parser, it *item, s *Schema) { s.MaxItems = p.count(it) },
	}
}

// readConstraints reads the keys that constrain values of the schema's type.
func (p *parser) readConstraints(s *section, schema *Schema) {
	readers := constraints()
	for i := range s.row.Keys {
		k := &s.row.Keys[i]
		it, read := s.index[k.Name], readers[k.Name]
		switch {
		case it == nil || read == nil:
		case !slices.Contains(k.For, schema.Type):
			s.taken[k.Name] = true
			p.report(it.at, ruleMisplacedKey, "remove it", "%q constrains values of type %s, this one is %s", k.Name, oneOf(k.For), schema.Type)
		default:
			read(p, s.get(k.Name), schema)
		}
	}
	p.checkConstraints(s, schema)
}

// skipConstraints takes all constraints of a schema whose type is unknown, so that none of them is
// called unknown as well.
func (p *parser) skipConstraints(s *section) {
	for key := range constraints() {
		s.taken[key] = true
	}
}

// checkConstraints reports constraints that exclude each other.
func (p *parser) checkConstraints(s *section, schema *Schema) {
	p.checkRange(s, "minLength", "maxLength", intsInOrder(schema.MinLength, schema.MaxLength))
	p.checkRange(s, "minItems", "maxItems", intsInOrder(schema.MinItems, schema.MaxItems))
	inOrder := schema.Minimum == nil || schema.Maximum == nil || !lessNumber(*schema.Maximum, *schema.Minimum, schema.Type)
	p.checkRange(s, "minimum", "maximum", inOrder)
}

func (p *parser) checkRange(s *section, low, high string, inOrder bool) {
	if !inOrder {
		p.report(s.index[low].at, ruleContradiction, "exchange them or remove one", "%q is above %q: no value fits", low, high).see(s.index[high].at, "%s is given here", high)
	}
}

func intsInOrder(low, high *int) bool { return low == nil || high == nil || *low <= *high }

func (p *parser) count(it *item) *int {
	if n, ok := p.integer(it); ok {
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
			p.report(e.at, ruleDuplicate, "remove it", "enum lists %q twice", v).edit(p.removeElement(e)...)
		default:
			s.Enum = append(s.Enum, v)
		}
	}
}

func readPattern(p *parser, it *item, s *Schema) {
	v, ok := p.line(it)
	switch {
	case !ok:
		return
	case v == "":
		p.report(it.at, ruleEmpty, "remove it: everything matches", "%q is empty", it.key)
		return
	}
	if _, err := regexp.Compile(v); err != nil || len(v) > maxPattern {
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
