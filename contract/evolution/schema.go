package evolution

import (
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/omninode-ai/omninode/contract"
)

// use says who writes values of a schema and who reads them, which decides what breaks.
type use int

const (
	received   use = iota + 1 // a command: others write it, this node reads it
	published                 // an event: this node writes it, others read it, old records too
	stored                    // a state: this node reads what it wrote before
	configured                // a setting: people write it
)

// effect says what a change of a schema does to the set of values it takes.
type effect int

const (
	wider    effect = iota + 1 // takes all it took, and more
	narrower                   // refuses some of what it took
	other                      // both, or nobody can tell
)

// schemas compares the schemas of one use.
type schemas struct {
	*comparer
	use     use
	message *contract.Message          // nil: a state or a setting
	seen    map[[2]*contract.Type]bool // pairs of types that were compared
}

// judge weighs an effect by who writes and who reads.
func (s *schemas) judge(e effect) verdict {
	switch {
	case e == wider && s.use == published:
		return s.broken("consumers that are built already refuse records that use it")
	case e == wider:
		return extends("all that was valid still is")
	case s.use == received:
		return s.broken("what senders send today, and what is on the topic, may be refused")
	case s.use == published:
		return s.broken("records on the topic may be refused by consumers that are built from this contract")
	case s.use == stored:
		return s.broken("rows that are stored may be refused")
	}
	return s.broken("a value that is set today may be refused, and the node then does not start")
}

// broken is the verdict on a break; of a message's version it is one in place.
func (s *schemas) broken(why string) verdict {
	switch {
	case s.message != nil:
		return refuses(why, another(s.message))
	case s.use == stored:
		return breaks(why, "leave what is stored as it is and add an optional property for the new form")
	}
	return breaks(why, "keep what was allowed")
}

// named compares two types, once per pair.
func (s *schemas) named(p place, before, now *contract.Type) {
	id := [2]*contract.Type{before, now}
	if s.seen[id] {
		return
	}
	s.seen[id] = true
	p.old, p.new = before.Pos, now.Pos
	p.section = "type"
	s.explain(p, before.Schema, now.Schema)
	compareNamed(s.comparer, place{p.path, "type", "type.properties", p.old, p.new}, "property",
		before.Schema.Properties, now.Schema.Properties, named[*contract.Property]{
			name:  func(prop *contract.Property) string { return prop.Name },
			at:    func(prop *contract.Property) contract.Pos { return prop.Pos },
			show:  func(prop *contract.Property) string { return need(prop) + " " + form(prop.Schema) },
			added: s.addedProperty, removed: s.removedProperty, both: s.property,
		})
}

func (s *schemas) addedProperty(p *contract.Property) verdict {
	if p.Required {
		return s.judge(narrower)
	}
	return extends("who does not know it ignores it, and who knows it does without")
}

func (s *schemas) removedProperty(p *contract.Property) verdict {
	if s.use == published && p.Required {
		return s.broken("consumers that are built already refuse records without it")
	}
	if s.use == published {
		return s.broken("consumers that read it find nothing any more")
	}
	return extends("it is ignored where it is still given")
}

func (s *schemas) property(p place, before, now *contract.Property) {
	if before.Required != now.Required {
		e := narrower
		if before.Required {
			e = wider
		}
		q := p
		q.key = "type.required"
		s.add(q, need(before), need(now), s.judge(e))
	}
	s.schema(p, before.Schema, now.Schema)
}

func need(p *contract.Property) string {
	if p.Required {
		return "required"
	}
	return "optional"
}

// schema compares what values of a property, an item or a setting may be.
func (s *schemas) schema(p place, before, now *contract.Schema) {
	if form(before) != form(now) && (before.Ref == nil || now.Ref == nil) {
		s.add(p.in(formKey(before, now)), form(before), form(now), s.judge(typeEffect(before, now)))
		return
	}
	s.explain(p, before, now)
	switch {
	case now.Ref != nil:
		if before.Ref.Name != now.Ref.Name {
			s.add(p.in("$ref"), before.Ref.Name, now.Ref.Name, adjusts("the Go type has another name; on the wire nothing shows it"))
		}
		s.named(p, before.Ref, now.Ref)
		return
	case now.Items != nil:
		s.schema(place{p.path + "[]", "items", "property.items", p.old, p.new}, before.Items, now.Items)
	}
	for _, b := range bounds() {
		s.constraint(p, b.key, b.show(before), b.show(now), b.effect)
	}
	s.enum(p.in("enum"), before.Enum, now.Enum)
}

func (s *schemas) explain(p place, before, now *contract.Schema) {
	fields(s.comparer, p, before, now, []field[*contract.Schema]{
		{"description", func(x *contract.Schema) string { return x.Description }, always(explains())},
		{"example", func(x *contract.Schema) string { return quoted(x.Example) }, always(explains())},
	})
}

func (s *schemas) constraint(p place, key, old, new string, effectOf func(old, new string) effect) {
	if old == new {
		return
	}
	var e effect
	switch {
	case old == "":
		e = narrower
	case new == "":
		e = wider
	default:
		e = effectOf(old, new)
	}
	s.add(p.in(key), old, new, s.judge(e))
}

// enum compares lists of allowed texts; no list allows all.
func (s *schemas) enum(p place, before, now []string) {
	lacks := func(in []string) func(string) bool {
		return func(v string) bool { return !slices.Contains(in, v) }
	}
	switch {
	case len(before) == 0 && len(now) == 0:
	case len(before) == 0:
		s.add(p, "", strings.Join(now, ", "), s.judge(narrower))
	case len(now) == 0:
		s.add(p, strings.Join(before, ", "), "", s.judge(wider))
	default:
		if added := filter(now, lacks(before)); len(added) > 0 {
			s.add(p, "", strings.Join(added, ", "), s.judge(wider))
		}
		if removed := filter(before, lacks(now)); len(removed) > 0 {
			s.add(p, strings.Join(removed, ", "), "", s.judge(narrower))
		}
	}
}

func filter(list []string, keep func(string) bool) []string {
	return slices.DeleteFunc(slices.Clone(list), func(v string) bool { return !keep(v) })
}

// form is the shape of a schema: its JSON type, or that it is an object.
func form(s *contract.Schema) string {
	if s.Ref != nil {
		return s.Ref.Name
	}
	return s.Type
}

// formKey is the key that says the shape.
func formKey(before, now *contract.Schema) string {
	if before.Ref != nil || now.Ref != nil {
		return "$ref"
	}
	return "type"
}

// typeEffect knows one change that every value survives: an integer is a number.
func typeEffect(before, now *contract.Schema) effect {
	switch {
	case before.Type == "integer" && now.Type == "number":
		return wider
	case before.Type == "number" && now.Type == "integer":
		return narrower
	}
	return other
}

// bound is a constraint that is written as text.
type bound struct {
	key    string
	show   func(*contract.Schema) string
	effect func(old, new string) effect // both given and different
}

func bounds() []bound {
	unclear := func(string, string) effect { return other }
	return []bound{
		{"format", func(s *contract.Schema) string { return s.Format }, unclear},
		{"pattern", func(s *contract.Schema) string { return s.Pattern }, unclear},
		{"minLength", func(s *contract.Schema) string { return number(s.MinLength) }, lower},
		{"maxLength", func(s *contract.Schema) string { return number(s.MaxLength) }, upper},
		{"minItems", func(s *contract.Schema) string { return number(s.MinItems) }, lower},
		{"maxItems", func(s *contract.Schema) string { return number(s.MaxItems) }, upper},
		{"minimum", func(s *contract.Schema) string { return text(s.Minimum) }, lower},
		{"maximum", func(s *contract.Schema) string { return text(s.Maximum) }, upper},
	}
}

// lower judges a lower bound that changed.
func lower(old, new string) effect {
	if decimal(new).Cmp(decimal(old)) < 0 {
		return wider
	}
	return narrower
}

// upper judges an upper bound that changed.
func upper(old, new string) effect { return lower(new, old) }

func decimal(s string) *big.Rat {
	r, _ := new(big.Rat).SetString(s) // a contract's numbers hold their grammar
	return r
}

func number(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
