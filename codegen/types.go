package codegen

import (
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
	Required            string   // Go literal of the required names, "" if none
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
	origin   map[string]*contract.Type // what each name was made from
	patterns map[string]string         // by variable
	errs     []error
}

func newTypeSet(c *contract.Contract) *typeSet {
	return &typeSet{c: c, byName: map[string]*goType{}, origin: map[string]*contract.Type{}, patterns: map[string]string{}}
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

// addOwn adds every type of the contract itself.
func (ts *typeSet) addOwn() {
	for _, t := range ts.c.Types {
		ts.use(t)
	}
}

// name returns what the node's code calls t.
func (ts *typeSet) name(t *contract.Type) string {
	if t.Owner == nil || t.Owner.Node == ts.c.Node {
		return t.Name
	}
	return contract.GoName(t.Owner.Node) + t.Name
}

// use adds a type and returns its Go name.
func (ts *typeSet) use(t *contract.Type) string {
	name := ts.name(t)
	if from, ok := ts.origin[name]; ok {
		if from != t {
			ts.errs = append(ts.errs, fmt.Errorf("two types have the Go name %s; rename one of them", name))
		}
		return name
	}
	g := &goType{Name: name, Receiver: strings.ToLower(name[:1]), Doc: typeDoc(name, t)}
	ts.byName[name], ts.origin[name] = g, t
	var required []string
	for _, p := range t.Schema.Properties {
		ts.addField(g, p)
		if p.Required {
			required = append(required, p.Name)
		}
	}
	g.Required = quoteList(required)
	return name
}

func typeDoc(name string, t *contract.Type) string {
	switch {
	case name != t.Name:
		return sentence(name+" is "+t.Name+" of node "+t.Owner.Node, t.Schema.Description)
	case t.Schema.Description == "":
		return name + " is declared by this node's contract."
	}
	return sentence(name, t.Schema.Description)
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

// described returns what a contract says about a value, and about the elements of a list.
func described(s *contract.Schema) string {
	if s.Items == nil || s.Items.Description == "" {
		return s.Description
	}
	return strings.TrimSpace(s.Description + " Each element: " + s.Items.Description)
}

func (ts *typeSet) addField(t *goType, p *contract.Property) {
	at, base := t.Name+contract.GoName(p.Name), ts.goType(p.Schema)
	f := field{
		Name: contract.GoName(p.Name), Type: base, JSON: quote(p.Name), Doc: remark(contract.GoName(p.Name), described(p.Schema)),
		Tag: "`json:\"" + p.Name + "\"`", Read: ts.read(p.Schema),
	}
	rules, check := ts.rules(p.Schema, at), "Field"
	switch {
	case p.Required && p.Schema.Type == "array":
		rules = append([]string{"payload.Present"}, rules...)
	case p.Required:
	case p.Schema.Type == "array":
		check = "OptionalList"
		f.Tag = "`json:\"" + p.Name + ",omitzero\"`"
	default:
		check = "Optional"
		f.Type, f.Tag = "*"+base, "`json:\""+p.Name+",omitempty\"`"
		f.Read = "new(" + f.Read + ")"
	}
	t.Fields = append(t.Fields, f)
	t.uses = append(t.uses, strings.TrimPrefix(base, "[]"))
	if len(rules) > 0 {
		t.Checks = append(t.Checks, fmt.Sprintf("payload.%s(%s, %s.%s, %s)", check, f.JSON, t.Receiver, f.Name, strings.Join(rules, ", ")))
	}
}

func (ts *typeSet) goType(s *contract.Schema) string {
	switch {
	case s.Ref != nil:
		return ts.use(s.Ref)
	case s.Type == "array":
		return "[]" + ts.goType(s.Items)
	case s.Type == "integer":
		return "int64"
	case s.Type == "number":
		return "float64"
	case s.Type == "boolean":
		return "bool"
	}
	return "string"
}

// read returns the expression that reads a schema from the Reader r.
func (ts *typeSet) read(s *contract.Schema) string {
	switch {
	case s.Ref != nil:
		return "read" + ts.use(s.Ref) + "(r)"
	case s.Type == "array" && s.Items.Ref != nil:
		return "payload.List(r, read" + ts.use(s.Items.Ref) + ")"
	case s.Type == "array":
		return "payload.List(r, (*payload.Reader)." + readMethod(s.Items.Type) + ")"
	}
	return "r." + readMethod(s.Type) + "()"
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

// rules returns the expressions of what a schema demands beyond its Go type; at names its place.
func (ts *typeSet) rules(s *contract.Schema, at string) []string {
	switch {
	case s.Ref != nil:
		return []string{ts.use(s.Ref) + ".Validate"}
	case s.Type == "array":
		return ts.listRules(s, at)
	case s.Type == "integer":
		return ts.numberRules(s, "int64")
	case s.Type == "number":
		return ts.numberRules(s, "float64")
	case s.Type == "string":
		return ts.stringRules(s, at)
	}
	return nil
}

func (ts *typeSet) listRules(s *contract.Schema, at string) []string {
	var rules []string
	item := ts.goType(s.Items)
	if s.MinItems != nil {
		rules = append(rules, fmt.Sprintf("payload.MinItems[%s](%d)", item, *s.MinItems))
	}
	if s.MaxItems != nil {
		rules = append(rules, fmt.Sprintf("payload.MaxItems[%s](%d)", item, *s.MaxItems))
	}
	if each := ts.rules(s.Items, at+"Item"); len(each) > 0 {
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
