package contract

import (
	"cmp"
	"slices"
	"strings"
)

// readTypes reads the named types. All names are known before the first schema is read, so that
// types may refer to each other in any order.
func (p *parser) readTypes(it *item) {
	s := p.section(it, "types")
	p.nonEmpty(it, s)
	for _, e := range s.items {
		if p.typeName(e.at, e.key, "a type") {
			p.claim(scopeType, e.key, "type "+e.key, e.at)
		}
		t := &Type{Name: e.key, Owner: p.contract, Pos: e.at, Schema: &Schema{Type: "object"}}
		p.types[e.key] = t
		p.contract.Types = append(p.contract.Types, t)
	}
	for _, e := range s.items {
		if t := p.types[e.key]; t != nil {
			p.readObject(e, t)
		}
	}
	slices.SortFunc(p.contract.Types, func(a, b *Type) int { return cmp.Compare(a.Name, b.Name) })
}

// readObject reads the schema of a named type, which is always an object.
func (p *parser) readObject(it *item, t *Type) {
	s := p.section(it, "type "+t.Name)
	if kind := s.get("type"); kind != nil && kind.node.Value != "object" {
		p.report(p.pos(kind.node), ruleBadValue, "write type: object, and declare other values where they are used", "type %s is no object", t.Name)
		s.ignore()
		return
	}
	t.Schema.Description = p.description(s.get("description"))
	required := p.readRequired(s.get("required"))
	props := s.get("properties")
	ps := p.section(props, "properties")
	p.nonEmpty(props, ps)
	scope := "field of " + t.Name
	p.reserve(scope, "a generated method", "Validate")
	for _, e := range ps.items {
		p.readProperty(e, t, scope, required)
	}
	if !ps.broken {
		p.checkRequired(required, ps, t)
	}
	slices.SortFunc(t.Schema.Properties, func(a, b *Property) int { return cmp.Compare(a.Name, b.Name) })
	s.done()
}

// readRequired reads the names of required properties, in the order of the file.
func (p *parser) readRequired(it *item) []*item {
	var required []*item
	for _, e := range p.list(it) {
		name, ok := p.text(e)
		switch {
		case !ok:
		case names(required, name):
			p.report(e.at, ruleDuplicate, "remove it", "property %q is required twice", name).edit(p.removeElement(e)...)
		default:
			required = append(required, e)
		}
	}
	return required
}

// names tells whether one of the items is the given text.
func names(items []*item, name string) bool {
	return slices.ContainsFunc(items, func(it *item) bool { return it.node.Value == name })
}

func (p *parser) checkRequired(required []*item, props *section, t *Type) {
	for _, e := range required {
		if name := e.node.Value; props.index[name] == nil {
			p.report(e.at, ruleUnknownKey, p.orDeclare(name, keys(props.items), "declare it under properties"),
				"type %s requires property %q, which it does not have", t.Name, name)
		}
	}
}

func keys(items []*item) []string {
	names := make([]string, 0, len(items))
	for _, it := range items {
		names = append(names, it.key)
	}
	return names
}

// orDeclare offers the candidate nearest to name, else what to do.
func (p *parser) orDeclare(name string, candidates []string, otherwise string) string {
	if near := p.nearest(name, candidates); near != "" {
		return didYouMean(near)
	}
	return otherwise
}

func (p *parser) readProperty(it *item, t *Type, scope string, required []*item) {
	if !p.snakeName(it, "a property") {
		return
	}
	p.claim(scope, GoName(it.key), "property "+it.key, it.at)
	t.Schema.Properties = append(t.Schema.Properties, &Property{
		Name: it.key, Required: names(required, it.key), Pos: it.at,
		Schema: p.readSchema(it, "property "+it.key),
	})
}

// typeOf reads the name of a type and marks it as used.
func (p *parser) typeOf(it *item) *Type {
	name, ok := p.text(it)
	if !ok {
		return nil
	}
	t := p.types[name]
	if t == nil {
		t = p.misnamed(name)
	}
	if t == nil {
		p.lost = true
		otherwise, edits := p.declareType(name)
		d := p.report(p.pos(it.node), ruleUnknownType, p.orDeclare(name, typeNames(p.contract.Types), otherwise), "there is no type %q", name)
		if len(d.Edits) == 0 {
			d.paste(edits)
		}
		return nil
	}
	p.used[t] = true
	return t
}

// misnamed returns the type whose declaration was refused for writing name with the wrong letters.
func (p *parser) misnamed(name string) *Type {
	for _, t := range p.contract.Types {
		if strings.EqualFold(t.Name, name) && !typePattern.MatchString(t.Name) {
			return t
		}
	}
	return nil
}

func typeNames(types []*Type) []string {
	names := make([]string, 0, len(types))
	for _, t := range types {
		names = append(names, t.Name)
	}
	return names
}

// maxExample bounds the values of a type's smallest example, which nested lists can multiply.
const maxExample = 10_000

// checkTypes checks the graph of types: no type contains itself, none is unused, and the smallest
// example of each stays small.
func (p *parser) checkTypes() {
	sizes := map[*Type]int{}
	for _, t := range p.contract.Types {
		if p.measure(t, sizes, nil) > maxExample {
			p.report(t.Pos, ruleExample, "lower minItems or make properties optional",
				"the smallest example of type %s has more than %d values", t.Name, maxExample)
		}
		if !p.used[t] && !p.lost {
			p.report(t.Pos, ruleUnusedType, "remove it, or use it in a message", "nothing uses type %s", t.Name)
		}
	}
}

// measuring marks a type whose size is being measured.
const measuring = -1

// measure returns the number of values in the smallest example of t and reports types that contain
// themselves.
func (p *parser) measure(t *Type, sizes map[*Type]int, path []*Type) int {
	if size, done := sizes[t]; done {
		return max(size, 0)
	}
	sizes[t] = measuring
	size := 1
	for _, prop := range t.Schema.Properties {
		n := p.measureSchema(prop, prop.Schema, sizes, append(path, t))
		if prop.Required {
			size = min(size+n, maxExample+1)
		}
	}
	sizes[t] = size
	return size
}

func (p *parser) measureSchema(prop *Property, s *Schema, sizes map[*Type]int, path []*Type) int {
	switch {
	case s == nil:
		return 1
	case s.Items != nil:
		n := p.measureSchema(prop, s.Items, sizes, path)
		return min(1+n*minItems(s), maxExample+1)
	case s.Ref == nil:
		return 1
	}
	if sizes[s.Ref] == measuring {
		i := slices.Index(path, s.Ref)
		p.report(prop.Pos, ruleRecursiveType, "refer to it by its key instead", "type %s contains itself: %s",
			s.Ref.Name, strings.Join(append(typeNames(path[i:]), s.Ref.Name), " > "))
		return 1
	}
	return p.measure(s.Ref, sizes, path)
}

func minItems(s *Schema) int {
	if s.MinItems == nil {
		return 0
	}
	return *s.MinItems
}
