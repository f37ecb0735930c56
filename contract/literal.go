package contract

import (
	"strconv"
	"strings"
)

// literals reads the values of an object of type t, as JSON by property; none of those that filled
// names need be there. It reports properties the type lacks, or demands and does not find, and values
// that break their schema.
func (p *parser) literals(it *item, t *Type, what, filled string) map[string]string {
	s := p.section(it, what)
	p.nonEmpty(it, s)
	values := map[string]string{}
	if s.broken || len(s.items) == 0 {
		return values
	}
	for _, e := range s.items {
		prop := t.property(e.key)
		if prop == nil {
			p.report(e.at, ruleUnknownKey, p.orDeclare(e.key, propertyNames(t), "remove it, or declare it in "+t.Name),
				"type %s has no property %q", t.Name, e.key)
			continue
		}
		values[e.key] = p.literal(e, prop.Schema)
	}
	p.requireValues(it.at, t, values, what, filled)
	return values
}

// requireValues reports required properties without a value, apart from one that is filled in.
func (p *parser) requireValues(at Pos, t *Type, values map[string]string, what, filled string) {
	for _, prop := range t.Schema.Properties {
		if _, given := values[prop.Name]; prop.Required && !given && prop.Name != filled {
			p.report(at, ruleMissingKey, "give it a value", "%s lacks property %s of type %s", what, prop.Name, t.Name)
		}
	}
}

// literal reads a value that obeys a schema, as JSON; "null" if it does not, which it reports.
func (p *parser) literal(it *item, s *Schema) string {
	const none = "null"
	switch {
	case s == nil:
		return none // reported where it is declared
	case s.Ref != nil:
		return string(objectOf(p.literals(it, s.Ref, strconv.Quote(it.key), "")))
	case s.Type == "array":
		return p.literalList(it, s)
	}
	text, ok := p.literalScalar(it, s)
	if !ok {
		return none
	}
	if wrong := s.violation(text); wrong != "" {
		p.badValue(it, "choose a value that obeys the type", "%q %s", it.key, wrong)
		return none
	}
	if s.Type == "string" {
		return string(quote(text))
	}
	return text
}

// literalScalar reads a scalar; text may have several lines.
func (p *parser) literalScalar(it *item, s *Schema) (string, bool) {
	if s.Type == "string" {
		return p.text(it)
	}
	return p.scalarText(it, s)
}

func (p *parser) literalList(it *item, s *Schema) string {
	items := p.list(it)
	n := len(items)
	switch {
	case n == 0:
		return "[]" // reported
	case n < minItems(s):
		p.badValue(it, "add some", "%q has %d elements, minItems is %d", it.key, n, minItems(s))
	case s.MaxItems != nil && n > *s.MaxItems:
		p.badValue(it, "remove some", "%q has %d elements, maxItems is %d", it.key, n, *s.MaxItems)
	}
	values := make([]string, 0, n)
	for _, e := range items {
		values = append(values, p.literal(e, s.Items))
	}
	return "[" + strings.Join(values, ",") + "]"
}
