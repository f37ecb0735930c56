package codegen

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/omninode-ai/omninode/contract"
)

// goType is a struct of types.gen.go.
type goType struct {
	Name, Receiver, Doc string
	Fields              []field
	Checks              []string // Go expressions of type error
	Required            string   // Go literals, comma-separated
	Read, Decode        bool     // whether it needs a read and a decode function
	uses                []string // types of its fields
}

type field struct{ Name, Type, Tag, Doc, JSON, Read string }

// pattern is a compiled regular expression of types.gen.go.
type pattern struct{ Var, Literal string }

// typeSet collects the Go types of a node: its own and copies of what it needs of others.
type typeSet struct {
	c        *contract.Contract
	byName   map[string]*goType
	origin   map[string]*contract.Schema // what each name was made from
	patterns map[string]string           // by variable
	errs     []error
}

func newTypeSet(c *contract.Contract) *typeSet {
	return &typeSet{c: c, byName: map[string]*goType{}, origin: map[string]*contract.Schema{}, patterns: map[string]string{}}
}

func (ts *typeSet) sorted() ([]goType, []pattern) {
	types := make([]goType, 0, len(ts.byName))
	for _, name := range slices.Sorted(maps.Keys(ts.byName)) {
		types = append(types, *ts.byName[name])
	}
	var patterns []pattern
	for _, v := range slices.Sorted(maps.Keys(ts.patterns)) {
		patterns = append(patterns, pattern{Var: v, Literal: quote(ts.patterns[v])})
	}
	return types, patterns
}

// addOwn adds every object type of the contract itself.
func (ts *typeSet) addOwn() {
	for _, t := range ts.c.Types {
		if resolve(t.Schema).Type == "object" {
			ts.use(t)
		}
	}
}

// name returns what the node's code calls t.
func (ts *typeSet) name(t *contract.Type) string {
	if t.Owner == nil || t.Owner.Node == ts.c.Node {
		return t.Name
	}
	return contract.GoName(t.Owner.Node) + t.Name
}

// use adds a named object type and returns its Go name.
func (ts *typeSet) use(t *contract.Type) string {
	name := ts.name(t)
	doc := name
	if name != t.Name {
		doc += " is " + t.Name + " of node " + t.Owner.Node
	}
	ts.add(name, doc, resolve(t.Schema))
	return name
}

// root is use for a type that is decoded on its own.
func (ts *typeSet) root(t *contract.Type) string {
	name := ts.use(t)
	ts.byName[name].Decode = true
	ts.markRead(name)
	return name
}

func (ts *typeSet) markRead(name string) {
	t := ts.byName[name]
	if t == nil || t.Read {
		return
	}
	t.Read = true
	for _, used := range t.uses {
		ts.markRead(used)
	}
}

func (ts *typeSet) add(name, doc string, s *contract.Schema) {
	if from, ok := ts.origin[name]; ok {
		if from != s {
			ts.errs = append(ts.errs, fmt.Errorf("two types have the Go name %s; rename one of them", name))
		}
		return
	}
	t := &goType{Name: name, Receiver: strings.ToLower(name[:1]), Doc: sentence(doc, s.Description)}
	ts.byName[name], ts.origin[name] = t, s
	if s.Type != "object" {
		ts.errs = append(ts.errs, fmt.Errorf("type %s is used as a payload but is no object", name))
		return
	}
	var required []string
	for _, p := range s.Properties {
		ts.addField(t, p)
		if p.Required {
			required = append(required, quote(p.Name))
		}
	}
	t.Required = strings.Join(required, ", ")
}

func (ts *typeSet) addField(t *goType, p *contract.Property) {
	at := t.Name + fieldName(p.Name)
	s := resolve(p.Schema)
	base := ts.goType(t, p.Schema, at)
	f := field{
		Name: fieldName(p.Name), Type: base, JSON: quote(p.Name), Doc: comment(cmp.Or(p.Schema.Description, s.Description)),
		Tag: "`json:\"" + p.Name + "\"`", Read: ts.read(p.Schema, at),
	}
	rules := ts.rules(p.Schema, at)
	check := "Field"
	switch {
	case p.Required && s.Type == "array":
		rules = append([]string{"payload.Present"}, rules...)
	case p.Required:
	case s.Type == "array":
		check = "OptionalList"
		f.Tag = "`json:\"" + p.Name + ",omitzero\"`"
	default:
		check = "Optional"
		f.Type, f.Tag = "*"+base, "`json:\""+p.Name+",omitempty\"`"
		f.Read = "new(" + f.Read + ")"
	}
	t.Fields = append(t.Fields, f)
	if len(rules) > 0 {
		t.Checks = append(t.Checks, fmt.Sprintf("payload.%s(%s, %s.%s, %s)", check, f.JSON, t.Receiver, f.Name, strings.Join(rules, ", ")))
	}
}

// goType returns the Go type of a schema; at names the type of an inline object, in is the type
// that uses it.
func (ts *typeSet) goType(in *goType, s *contract.Schema, at string) string {
	r := resolve(s)
	switch r.Type {
	case "object":
		name := ts.objectName(s, at)
		if in != nil {
			in.uses = append(in.uses, name)
		}
		return name
	case "array":
		return "[]" + ts.goType(in, r.Items, at+"Item")
	case "integer":
		return "int64"
	case "number":
		return "float64"
	case "boolean":
		return "bool"
	}
	return "string"
}

// objectName returns the name of an object schema, adding its type: a $ref's, else at.
func (ts *typeSet) objectName(s *contract.Schema, at string) string {
	if t := lastRef(s); t != nil {
		return ts.use(t)
	}
	ts.add(at, at, s)
	return at
}

// read returns the expression that reads a schema from the Reader r.
func (ts *typeSet) read(s *contract.Schema, at string) string {
	r := resolve(s)
	if r.Type == "array" {
		return "payload.List(r, " + ts.reader(r.Items, at+"Item") + ")"
	}
	if r.Type == "object" {
		return "read" + ts.objectName(s, at) + "(r)"
	}
	return "r." + readMethod(r.Type) + "()"
}

// reader returns a function that reads a schema.
func (ts *typeSet) reader(s *contract.Schema, at string) string {
	r := resolve(s)
	switch r.Type {
	case "object":
		return "read" + ts.objectName(s, at)
	case "array":
		return fmt.Sprintf("func(r *payload.Reader) %s { return %s }", ts.goType(nil, s, at), ts.read(s, at))
	}
	return "(*payload.Reader)." + readMethod(r.Type)
}

func readMethod(schemaType string) string {
	switch schemaType {
	case "integer":
		return "Int"
	case "number":
		return "Float"
	case "boolean":
		return "Bool"
	}
	return "String"
}

// rules returns the expressions of what a schema demands beyond its Go type.
func (ts *typeSet) rules(s *contract.Schema, at string) []string {
	r := resolve(s)
	switch r.Type {
	case "object":
		return []string{ts.objectName(s, at) + ".Validate"}
	case "array":
		return ts.listRules(r, at)
	case "integer":
		return ts.numberRules(r, "int64")
	case "number":
		return ts.numberRules(r, "float64")
	case "string":
		return ts.stringRules(r, at)
	}
	return nil
}

func (ts *typeSet) listRules(s *contract.Schema, at string) []string {
	var rules []string
	item := ts.goType(nil, s.Items, at+"Item")
	if s.MinItems != nil {
		rules = append(rules, fmt.Sprintf("payload.MinItems[%s](%d)", item, *s.MinItems))
	}
	if s.MaxItems != nil {
		rules = append(rules, fmt.Sprintf("payload.MaxItems[%s](%d)", item, *s.MaxItems))
	}
	each := ts.rules(s.Items, at+"Item")
	if resolve(s.Items).Type == "array" {
		present := "payload.Present[" + strings.TrimPrefix(item, "[]") + "]"
		each = append([]string{present}, each...)
	}
	if len(each) > 0 {
		rules = append(rules, fmt.Sprintf("payload.Each(%s)", strings.Join(each, ", ")))
	}
	return rules
}

func (ts *typeSet) numberRules(s *contract.Schema, goType string) []string {
	var rules []string
	for _, b := range []struct {
		rule  string
		limit *string
	}{{"Min", s.Minimum}, {"Max", s.Maximum}} {
		if b.limit == nil {
			continue
		}
		n, err := numberLiteral(*b.limit, s.Type)
		if err != nil {
			ts.errs = append(ts.errs, err)
		}
		rules = append(rules, fmt.Sprintf("payload.%s[%s](%s)", b.rule, goType, n))
	}
	return rules
}

func (ts *typeSet) stringRules(s *contract.Schema, at string) []string {
	var rules []string
	if s.MinLength != nil {
		rules = append(rules, fmt.Sprintf("payload.MinLength(%d)", *s.MinLength))
	}
	if s.MaxLength != nil {
		rules = append(rules, fmt.Sprintf("payload.MaxLength(%d)", *s.MaxLength))
	}
	if len(s.Enum) > 0 {
		rules = append(rules, "payload.OneOf("+quoteAll(s.Enum)+")")
	}
	if s.Pattern != "" {
		ts.patterns["pattern"+at] = s.Pattern
		rules = append(rules, "payload.Match(pattern"+at+")")
	}
	if f := formatRule(s.Format); f != "" {
		rules = append(rules, "payload."+f)
	}
	return rules
}

func formatRule(format string) string {
	switch format {
	case "uuid":
		return "UUID"
	case "uri":
		return "URI"
	case "email":
		return "Email"
	case "date-time":
		return "DateTime"
	case "date":
		return "Date"
	case "duration":
		return "Duration"
	}
	return ""
}

func quoteAll(list []string) string {
	quoted := make([]string, 0, len(list))
	for _, s := range list {
		quoted = append(quoted, quote(s))
	}
	return strings.Join(quoted, ", ")
}

// resolve follows a schema's $ref to what it stands for.
func resolve(s *contract.Schema) *contract.Schema {
	for range maxRefs {
		if s.Ref == nil {
			return s
		}
		s = s.Ref.Schema
	}
	return s
}

// lastRef returns the named type a schema stands for, nil if it is inline.
func lastRef(s *contract.Schema) *contract.Type {
	var t *contract.Type
	for range maxRefs {
		if s.Ref == nil {
			break
		}
		t, s = s.Ref, s.Ref.Schema
	}
	return t
}

// maxRefs bounds chains of $ref; endless ones are refused by checkNames.
const maxRefs = 32
