package contract

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Example returns the smallest JSON value of t: its required properties only, lists as short as
// allowed. It is valid, the same on every machine, and a property has the same value in every type
// that constrains it alike, so that keys of different messages agree.
func (t *Type) Example() []byte {
	var b bytes.Buffer
	t.Schema.writeExample(&b, "")
	return b.Bytes()
}

// Example returns a value that the setting accepts, as canonical text: its default, else one like
// Type.Example's.
func (s *Setting) Example() string {
	switch {
	case s.Default != nil:
		return *s.Default
	case s.Schema.Type == "string":
		return s.Schema.textExample(s.Key)
	case s.Schema.Type == "boolean":
		return "true"
	}
	return s.Schema.numberExample()
}

func (s *Schema) writeExample(b *bytes.Buffer, property string) {
	switch {
	case s.Ref != nil:
		s.Ref.Schema.writeExample(b, property)
	case s.Type == "object":
		s.writeObject(b)
	case s.Type == "array":
		s.writeArray(b, property)
	case s.Type == "string":
		b.Write(quote(s.textExample(property)))
	case s.Type == "boolean":
		b.WriteString("true")
	default:
		b.WriteString(s.numberExample())
	}
}

func (s *Schema) writeObject(b *bytes.Buffer) {
	b.WriteByte('{')
	first := true
	for _, p := range s.Properties {
		if !p.Required {
			continue
		}
		if !first {
			b.WriteByte(',')
		}
		first = false
		b.Write(quote(p.Name))
		b.WriteByte(':')
		p.Schema.writeExample(b, p.Name)
	}
	b.WriteByte('}')
}

func (s *Schema) writeArray(b *bytes.Buffer, property string) {
	b.WriteByte('[')
	for i := range minItems(s) {
		if i > 0 {
			b.WriteByte(',')
		}
		s.Items.writeExample(b, property)
	}
	b.WriteByte(']')
}

// quote returns s as JSON text, without the escapes for HTML.
func quote(s string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// textExample returns the declared example, else one made for the property's name.
func (s *Schema) textExample(property string) string {
	switch {
	case s.Example != nil:
		return *s.Example
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Format != "":
		return formatExample(s.Format, property)
	}
	return fit(property, s)
}

func formatExample(format, property string) string {
	switch format {
	case "uuid":
		space := uuid.NewSHA1(uuid.NameSpaceDNS, []byte("examples.omninode.ai"))
		return uuid.NewSHA1(space, []byte(property)).String()
	case "uri":
		return "https://example.com/" + property
	case "email":
		return property + "@example.com"
	case "date-time":
		return "2026-01-31T08:00:00Z"
	case "date":
		return "2026-01-31"
	}
	return "1m30s"
}

// fit cuts or fills text to the lengths that s allows.
func fit(text string, s *Schema) string {
	n := utf8.RuneCountInString(text)
	if s.MaxLength != nil && n > *s.MaxLength {
		return text[:*s.MaxLength] // names are ASCII
	}
	if s.MinLength != nil && n < *s.MinLength {
		return text + strings.Repeat("x", *s.MinLength-n)
	}
	return text
}

// numberExample returns 1, or what the bounds allow that is nearest to it.
func (s *Schema) numberExample() string {
	one := "1"
	switch {
	case s.Minimum != nil && lessNumber(one, *s.Minimum, s.Type):
		return *s.Minimum
	case s.Maximum != nil && lessNumber(*s.Maximum, one, s.Type):
		return *s.Maximum
	}
	return one
}

// checkExample makes sure that text has a valid example: its declared one, or one that can be made.
func (p *parser) checkExample(it *item, s *Schema) {
	if s.Type != "string" {
		return
	}
	if s.Example == nil {
		p.checkDerivedExample(it, s)
		return
	}
	if wrong := s.violation(*s.Example); wrong != "" {
		p.report(it.at, ruleExample, "give an example that obeys the schema", "the example of %q %s", it.key, wrong)
	}
}

func (p *parser) checkDerivedExample(it *item, s *Schema) {
	if s.Pattern != "" && len(s.Enum) == 0 {
		p.report(it.at, ruleExample, "add example: with text that matches", "%q has a pattern but no example", it.key)
		return
	}
	if wrong := s.violation(s.textExample(it.key)); wrong != "" && len(s.Enum) == 0 {
		p.report(it.at, ruleExample, "add example: with text that obeys the schema", "no example of %q can be made: %s %s",
			it.key, strconv.Quote(s.textExample(it.key)), wrong)
	}
}
