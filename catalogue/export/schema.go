package export

import (
	"encoding/json"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/onex/event"
)

// dialect is the JSON Schema that is written.
const dialect = "https://json-schema.org/draft/2020-12/schema"

// durationPattern matches the durations of Go, which are not those of JSON Schema's format.
const durationPattern = `^[+-]?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$|^[+-]?0$`

// schema is a JSON Schema; its fields are in the order people read them.
type schema struct {
	Dialect     string             `json:"$schema,omitempty"`
	ID          string             `json:"$id,omitempty"`
	Ref         string             `json:"$ref,omitempty"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"`
	Type        string             `json:"type,omitempty"`
	Format      string             `json:"format,omitempty"`
	Const       string             `json:"const,omitempty"`
	Enum        []string           `json:"enum,omitempty"`
	Pattern     string             `json:"pattern,omitempty"`
	AllOf       []*schema          `json:"allOf,omitempty"`
	MinLength   *int               `json:"minLength,omitempty"`
	MaxLength   *int               `json:"maxLength,omitempty"`
	Minimum     json.Number        `json:"minimum,omitempty"`
	Maximum     json.Number        `json:"maximum,omitempty"`
	Items       *schema            `json:"items,omitempty"`
	MinItems    *int               `json:"minItems,omitempty"`
	MaxItems    *int               `json:"maxItems,omitempty"`
	Required    []string           `json:"required,omitempty"`
	Properties  map[string]*schema `json:"properties,omitempty"`
	Examples    []any              `json:"examples,omitempty"`
	Defs        map[string]*schema `json:"$defs,omitempty"`
}

// JSONSchemas returns a schema for every version of every message: <node>/<name>.vN.json. Its $id is
// the dataschema that the message's envelopes carry. only restricts it to one node's messages; nil
// is the whole fleet.
func JSONSchemas(f *contract.Fleet, only *contract.Contract) ([]File, error) {
	var files []File
	for _, c := range chosen(f, only) {
		for _, m := range c.Messages {
			data, err := encode(messageSchema(m))
			if err != nil {
				return nil, err
			}
			files = append(files, File{Path: m.Ref.Node + "/" + m.Ref.Local() + ".json", Data: data})
		}
	}
	return files, nil
}

// messageSchema returns the schema of a message's payload with all types it is made of.
func messageSchema(m *contract.Message) *schema {
	refer := func(t *contract.Type) string { return "#/$defs/" + t.Name }
	s := object(m.Data, refer)
	s.Dialect, s.ID, s.Title = dialect, event.DataSchema(m.Ref), m.Ref.String()
	if m.Description != "" {
		s.Description = m.Description
	}
	s.Examples = []any{json.RawMessage(m.Data.Example())}
	s.Defs = map[string]*schema{}
	for _, t := range parts(m.Data) {
		s.Defs[t.Name] = object(t, refer)
	}
	return s
}

// parts returns the types that t is made of, without t, each once.
func parts(t *contract.Type) []*contract.Type {
	var list []*contract.Type
	seen := map[*contract.Type]bool{t: true}
	var visit func(t *contract.Type)
	visit = func(t *contract.Type) {
		for _, p := range t.Schema.Properties {
			s := p.Schema
			if s.Items != nil {
				s = s.Items
			}
			if s.Ref != nil && !seen[s.Ref] {
				seen[s.Ref] = true
				list = append(list, s.Ref)
				visit(s.Ref)
			}
		}
	}
	visit(t)
	return list
}

// object returns the schema of a named type. Properties it does not name are allowed: a consumer
// ignores them.
func object(t *contract.Type, refer func(*contract.Type) string) *schema {
	s := &schema{Title: t.Name, Description: t.Schema.Description, Type: "object", Properties: map[string]*schema{}}
	for _, p := range t.Schema.Properties {
		s.Properties[p.Name] = value(p.Schema, refer)
		if p.Required {
			s.Required = append(s.Required, p.Name)
		}
	}
	return s
}

// value returns the schema of a property or of an item.
func value(s *contract.Schema, refer func(*contract.Type) string) *schema {
	if s.Ref != nil {
		return &schema{Ref: refer(s.Ref), Description: s.Description}
	}
	out := &schema{
		Type: s.Type, Description: s.Description, Format: s.Format, Enum: s.Enum, Pattern: s.Pattern,
		MinLength: s.MinLength, MaxLength: s.MaxLength, MinItems: s.MinItems, MaxItems: s.MaxItems,
		Minimum: number(s.Minimum), Maximum: number(s.Maximum),
	}
	if s.Example != nil {
		out.Examples = []any{*s.Example}
	}
	switch {
	case s.Items != nil:
		out.Items = value(s.Items, refer)
	case s.Type == "integer":
		out.Format = "int64"
	case s.Format == "duration":
		out.Format = ""
		out.demand(durationPattern)
	}
	return out
}

// demand adds a pattern beside the one the schema may have.
func (s *schema) demand(pattern string) {
	if s.Pattern == "" {
		s.Pattern = pattern
		return
	}
	s.AllOf = append(s.AllOf, &schema{Pattern: pattern})
}

func number(text *string) json.Number {
	if text == nil {
		return ""
	}
	return json.Number(*text)
}
