package contract

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// object is a JSON object; keys are written in alphabetical order.
type object = map[string]any

// JSONSchema returns the language as a JSON Schema (2020-12), for editors. It is made of the
// grammar, so it knows each key, where it may stand and the form of its value. What needs the whole
// contract, such as whether a type that is named exists, only Parse and LoadFleet know.
func JSONSchema() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(newSchemaWriter().root())
	return b.Bytes(), err
}

type schemaWriter struct{ grammar grammar }

func newSchemaWriter() schemaWriter { return schemaWriter{newGrammar()} }

func (w schemaWriter) root() object {
	defs := object{"name": object{"not": object{"enum": oldBooleans()}}}
	for i := range w.grammar.sections {
		s := &w.grammar.sections[i]
		defs[s.Name] = w.section(s)
	}
	root, _ := defs["contract"].(object)
	delete(defs, "contract")
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Contract of an OmniNode node"
	root["$defs"] = defs
	for _, kind := range kinds() {
		root["allOf"] = append(all(root), w.ofKind(kind))
	}
	return root
}

// all returns the conditions a schema has so far.
func all(schema object) []any {
	list, _ := schema["allOf"].([]any)
	return list
}

// section is a mapping with the keys of a section.
func (w schemaWriter) section(s *Section) object {
	properties, families, required := object{}, object{}, []string{}
	for i := range s.Keys {
		k := &s.Keys[i]
		if k.Names != nil {
			families[k.Names.Pattern] = w.key(k)
			continue
		}
		properties[k.Name] = w.key(k)
		if k.demanded("") {
			required = append(required, k.Name)
		}
	}
	schema := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(families) > 0 {
		schema["patternProperties"] = families
		schema["anyOf"] = w.someMember(s)
	}
	if len(required) > 0 {
		schema["required"] = required
	}
	if conditions := slices.Concat(w.bonds(s), w.byType(s)); len(conditions) > 0 {
		schema["allOf"] = conditions
	}
	return schema
}

// someMember demands a key of a family: with at most the other keys there is none.
func (w schemaWriter) someMember(s *Section) []any {
	var others []string
	for i := range s.Keys {
		if s.Keys[i].Names == nil {
			others = append(others, s.Keys[i].Name)
		}
	}
	return []any{object{"not": object{"propertyNames": object{"enum": others}}}}
}

// key is the value of a key, with what an editor shows about it.
func (w schemaWriter) key(k *Key) object {
	schema := w.form(k.Form)
	schema["description"] = k.hover()
	var example any
	if yaml.Unmarshal([]byte(k.Example), &example) == nil {
		schema["examples"] = []any{example}
	}
	return schema
}

// hover is what an editor shows about a key.
func (k *Key) hover() string {
	lines := []string{k.Meaning}
	switch {
	case k.Required == Always:
		lines = append(lines, "Required.")
	case k.Required != "":
		lines = append(lines, "Required "+k.Required+".")
	case k.Default != "":
		lines = append(lines, "Default: "+k.Default+".")
	}
	for _, r := range k.Refused {
		lines = append(lines, "Not in a node of kind "+oneOf(words(r.Kinds))+": "+r.Why+".")
	}
	return strings.ReplaceAll(strings.Join(lines, "\n"), "`", "")
}

func (w schemaWriter) form(f Form) object {
	switch f.Is {
	case FormText:
		return w.text(f)
	case FormLine:
		return bounded(object{"type": "string", "minLength": 1, "pattern": `^[^\n]*\n*$`}, f.Max)
	case FormChoice:
		return object{"type": "string", "enum": f.Words}
	case FormBoolean:
		return object{"type": "boolean"}
	case FormTrue:
		return object{"const": true}
	case FormInteger:
		return object{"type": "integer", "minimum": f.Low, "maximum": f.High}
	case FormNumber:
		return object{"type": "number"}
	case FormScalar:
		return object{"type": []string{"string", "number", "boolean"}}
	case FormDuration:
		return object{"type": "string", "pattern": durationGrammar}
	case FormQuantity:
		return quantity(f)
	case FormReference:
		return object{"type": "string", "pattern": referenceGrammar(f)}
	default:
		return w.collection(f)
	}
}

func (w schemaWriter) collection(f Form) object {
	switch f.Is {
	case FormList:
		return object{"type": "array", "items": w.form(*f.Of), "minItems": 1, "maxItems": f.Max, "uniqueItems": true}
	case FormOneOrList:
		one, list := w.form(*f.Of), f
		list.Is = FormList
		return object{"anyOf": []any{one, w.form(list)}}
	case FormMapping:
		return object{
			"type": "object", "minProperties": 1, "maxProperties": maxEntries,
			"propertyNames": w.form(*f.Names), "additionalProperties": w.form(*f.Of),
		}
	case FormPayload:
		return object{"type": "object", "minProperties": 1, "maxProperties": maxEntries}
	default:
		return object{"$ref": "#/$defs/" + f.Section}
	}
}

// durationGrammar is what time.ParseDuration reads, without the sign.
const durationGrammar = `^\+?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$`

// text is held to a grammar and is no boolean of YAML 1.1.
func (w schemaWriter) text(f Form) object {
	schema := bounded(object{"type": "string"}, f.Max)
	if f.Pattern != "" {
		schema["pattern"] = f.Pattern
		schema["allOf"] = []any{object{"$ref": "#/$defs/name"}}
	}
	return schema
}

func bounded(schema object, most int) object {
	if most > 0 {
		schema["maxLength"] = most
	}
	return schema
}

func oldBooleans() []string {
	var all []string
	for _, w := range []string{"y", "n", "yes", "no", "on", "off"} {
		all = append(all, w, strings.ToUpper(w), strings.ToUpper(w[:1])+w[1:])
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// quantity may be a plain number where the pattern allows one.
func quantity(f Form) object {
	if !matches(f.Pattern, "1") {
		return object{"type": "string", "pattern": f.Pattern}
	}
	return object{"type": []string{"string", "integer"}, "pattern": f.Pattern, "minimum": 1}
}

func referenceGrammar(f Form) string {
	name := strings.Trim(kebabGrammar, "^$")
	node := "(" + name + "/)?"
	switch {
	case !f.Own:
		node = name + "/"
	case !f.Foreign:
		node = ""
	}
	return "^" + node + name + `\.` + strings.TrimPrefix(versionGrammar, "^")
}

// when is a condition on the value of a key.
func when(key string, values any) object {
	condition := object{"required": []string{key}}
	if values != nil {
		condition["properties"] = object{key: object{"enum": values}}
	}
	return condition
}

// refuse is a schema that lets none of some keys stand.
func refuse(keys []string) object {
	none := object{}
	for _, k := range keys {
		none[k] = false
	}
	return object{"properties": none}
}

// bonds are the conditions between keys.
func (w schemaWriter) bonds(s *Section) []any {
	var conditions []any
	for _, b := range s.Bonds {
		then := refuse(b.Refuse)
		if len(b.Demand) > 0 {
			then["required"] = b.Demand
		}
		condition := object{"if": when(b.Key, b.values(s)), "then": then}
		if len(b.Else) > 0 {
			condition["else"] = object{"required": b.Else}
		}
		conditions = append(conditions, condition)
	}
	return conditions
}

// values returns the values of the bond's key as they are in JSON, nil for any.
func (b *Bond) values(s *Section) any {
	if b.Values == nil {
		return nil
	}
	var list []any
	for _, v := range b.Values {
		if n, err := strconv.Atoi(v); err == nil && s.key(b.Key).Form.Is == FormInteger {
			list = append(list, n)
			continue
		}
		list = append(list, v)
	}
	return list
}

// byType holds the keys that constrain values to the type they constrain, and values to that type.
func (w schemaWriter) byType(s *Section) []any {
	row := s.key("type")
	if row == nil {
		return nil
	}
	var conditions []any
	for _, t := range row.Form.Words {
		properties := object{}
		for i := range s.Keys {
			switch k := &s.Keys[i]; {
			case k.For != nil && !slices.Contains(k.For, t):
				properties[k.Name] = false
			case k.Form.Is == FormScalar, k.Form.Is == FormNumber && t == "integer":
				properties[k.Name] = object{"type": t}
			}
		}
		if len(properties) > 0 {
			conditions = append(conditions, object{"if": when("type", []string{t}), "then": object{"properties": properties}})
		}
	}
	return conditions
}

// ofKind refuses what has no meaning in nodes of a kind and demands what they need.
func (w schemaWriter) ofKind(kind Kind) object {
	root := w.grammar.byName["contract"]
	then := w.restrict(root, kind)
	var required []string
	for i := range root.Keys {
		if k := &root.Keys[i]; k.demanded(kind) && !k.demanded("") {
			required = append(required, k.Name)
		}
	}
	if len(required) > 0 {
		then["required"] = required
	}
	return object{"if": when("kind", []Kind{kind}), "then": then}
}

// restrict is a schema that refuses the keys of a section, and of what it holds, that may not stand
// in nodes of a kind; nil if there is none.
func (w schemaWriter) restrict(s *Section, kind Kind) object {
	properties := object{}
	for i := range s.Keys {
		k := &s.Keys[i]
		switch inner := w.restrictForm(&k.Form, kind); {
		case k.Names != nil:
		case k.refusal(kind) != nil:
			properties[k.Name] = false
		case inner != nil:
			properties[k.Name] = inner
		}
	}
	if len(properties) == 0 {
		return nil
	}
	return object{"properties": properties}
}

func (w schemaWriter) restrictForm(f *Form, kind Kind) object {
	switch f.Is {
	case FormSection:
		return w.restrict(w.grammar.byName[f.Section], kind)
	case FormMapping:
		return nested("additionalProperties", w.restrictForm(f.Of, kind))
	case FormList, FormOneOrList:
		return nested("items", w.restrictForm(f.Of, kind))
	default:
		return nil
	}
}

func nested(keyword string, inner object) object {
	if inner == nil {
		return nil
	}
	return object{keyword: inner}
}
