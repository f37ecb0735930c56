package contract

import (
	"bytes"
	"encoding/json"
	"slices"
)

// Limits returns the schema of t as a JSON Schema without references, from which tests derive values
// at its limits and outside them; text that has an example has it there. Of a type that is very
// large, properties that may be absent and items of lists that may be empty are left out.
func (t *Type) Limits() []byte {
	w := &limitWriter{}
	return encode(w.schema(t.Schema, ""))
}

// maxLimits bounds the properties of a schema without references, in which a type stands as often as
// it is used.
const maxLimits = 500

type limitWriter struct{ properties int }

// limits is what a test may know of a schema, in the order in which it is written.
type limits struct {
	Type       string           `json:"type"`
	Required   []string         `json:"required,omitempty"`
	Properties *namedLimits     `json:"properties,omitempty"`
	Items      *limits          `json:"items,omitempty"`
	MinItems   *int             `json:"minItems,omitempty"`
	MaxItems   *int             `json:"maxItems,omitempty"`
	Format     string           `json:"format,omitempty"`
	Enum       []string         `json:"enum,omitempty"`
	Pattern    string           `json:"pattern,omitempty"`
	MinLength  *int             `json:"minLength,omitempty"`
	MaxLength  *int             `json:"maxLength,omitempty"`
	Minimum    *json.RawMessage `json:"minimum,omitempty"`
	Maximum    *json.RawMessage `json:"maximum,omitempty"`
	Example    string           `json:"example,omitempty"`
}

// namedLimits keeps the order of a type's properties.
type namedLimits struct {
	names  []string
	values []*limits
}

// MarshalJSON implements json.Marshaler.
func (n *namedLimits) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, name := range n.names {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, quote(name)...), ':'), encode(n.values[i])...)
	}
	return append(b, '}'), nil
}

func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // texts and numbers always encode
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func (w *limitWriter) schema(s *Schema, property string) *limits {
	for s.Ref != nil {
		s = s.Ref.Schema
	}
	l := &limits{
		Type: s.Type, MinItems: s.MinItems, MaxItems: s.MaxItems, Format: s.Format, Enum: s.Enum, Pattern: s.Pattern,
		MinLength: s.MinLength, MaxLength: s.MaxLength, Minimum: rawNumber(s.Minimum), Maximum: rawNumber(s.Maximum),
	}
	switch s.Type {
	case "object":
		w.object(l, s)
	case "array":
		if w.properties <= maxLimits || s.MinItems != nil {
			l.Items = w.schema(s.Items, property)
		}
	case "string":
		if len(s.Enum) == 0 {
			l.Example = s.textExample(property)
		}
	}
	return l
}

func (w *limitWriter) object(l *limits, s *Schema) {
	l.Properties = &namedLimits{}
	w.properties += len(s.Properties)
	crowded := w.properties > maxLimits
	for _, p := range s.Properties {
		if p.Required {
			l.Required = append(l.Required, p.Name)
		} else if crowded {
			continue
		}
		l.Properties.names = append(l.Properties.names, p.Name)
		l.Properties.values = append(l.Properties.values, w.schema(p.Schema, p.Name))
	}
	slices.Sort(l.Required)
}

func rawNumber(text *string) *json.RawMessage {
	if text == nil {
		return nil
	}
	raw := json.RawMessage(*text)
	return &raw
}
