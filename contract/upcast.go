package contract

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
)

// pendingUpcast is an upcast that is read once every version of its message is known.
type pendingUpcast struct {
	it *item
	m  *Message
}

// upcastReader reads how records of one version become the next.
type upcastReader struct {
	*parser
	to     *Message
	from   *Message
	at     Pos // of upcast
	what   string
	upcast *Upcast
	taken  map[string]bool // properties of the new type that rename or set names
}

// readUpcasts reads the upcasts of the versions of one message.
func (p *parser) readUpcasts(list []pendingUpcast) {
	for _, u := range list {
		r := &upcastReader{parser: p, to: u.m, at: u.it.at, upcast: &Upcast{Pos: u.it.at}, taken: map[string]bool{}}
		r.what = "upcast to " + u.m.Ref.Local()
		r.read(u.it)
	}
}

func (r *upcastReader) read(it *item) {
	s := r.section(it, r.what)
	from := s.get("from")
	rename, set := s.get("rename"), s.get("set")
	s.done()
	r.from = r.replaced(from)
	if r.from == nil {
		r.excuse()
	}
	if r.from == nil || r.from.Data == nil || r.to.Data == nil || s.broken {
		return
	}
	r.upcast.From = r.from
	r.readRename(rename)
	r.readSet(set)
	r.carry()
	r.checkKey(from)
	slices.SortFunc(r.upcast.Carry, func(a, b Carried) int { return cmp.Compare(a.New, b.New) })
	slices.SortFunc(r.upcast.Set, func(a, b Constant) int { return cmp.Compare(a.New, b.New) })
	r.from.ReplacedBy, r.to.Upcast = r.to, r.upcast
}

// replaced finds the version that is replaced: an earlier one of the same message.
func (r *upcastReader) replaced(it *item) *Message {
	text, ok := r.text(it)
	if !ok {
		return nil
	}
	if !it.form.fits(text) {
		r.badName(it, text, "a version", "v and a number, e.g. v1")
		return nil
	}
	ref := r.to.Ref
	ref.Version, _ = strconv.Atoi(text[1:])
	m := r.messages[ref.Local()]
	switch {
	case ref.Version >= r.to.Ref.Version:
		r.report(r.pos(it.node), ruleUpcast, "name an earlier version", "%s cannot be made of %s, which is not earlier", r.to.Ref.Local(), ref.Local())
	case m == nil:
		r.report(r.pos(it.node), ruleUnknownMessage, "declare "+text+" beside it: its topic is still read", "there is no %s to make %s of", ref.Local(), r.to.Ref.Local())
	case m.ReplacedBy != nil:
		r.report(r.pos(it.node), ruleContradiction, "upcast from "+fmt.Sprintf("v%d", m.ReplacedBy.Ref.Version), "%s becomes %s already", ref.Local(), m.ReplacedBy.Ref.Local())
	default:
		return m
	}
	return nil
}

// excuse takes every earlier version for the one that is meant, so that nobody is asked to handle it.
func (r *upcastReader) excuse() {
	for _, m := range r.contract.Messages {
		if m.Ref.Name == r.to.Ref.Name && m.Ref.Version < r.to.Ref.Version {
			r.meant[m] = true
		}
	}
}

// readRename reads new names with the old ones they take the value of.
func (r *upcastReader) readRename(it *item) {
	s := r.section(it, "rename")
	r.nonEmpty(it, s)
	for _, e := range s.items {
		target := r.target(e)
		old, ok := r.text(e)
		if !ok || target == nil {
			continue
		}
		source := r.from.Data.property(old)
		if source == nil {
			r.report(r.pos(e.node), ruleUnknownKey, r.orDeclare(old, propertyNames(r.from.Data), "name a property of "+r.from.Data.Name),
				"type %s has no property %q", r.from.Data.Name, old)
			continue
		}
		if old == e.key {
			r.report(e.at, ruleContradiction, "remove it: what has the same name is carried", "%q is renamed to itself", old)
			continue
		}
		r.take(e.at, source, target)
	}
}

// target finds the property of the new type that an entry names, once.
func (r *upcastReader) target(e *item) *Property {
	p := r.to.Data.property(e.key)
	switch {
	case p == nil:
		r.report(e.at, ruleUnknownKey, r.orDeclare(e.key, propertyNames(r.to.Data), "name a property of "+r.to.Data.Name),
			"type %s has no property %q", r.to.Data.Name, e.key)
		return nil
	case r.taken[e.key]:
		r.report(e.at, ruleContradiction, "keep one of them", "%q is both renamed and set", e.key)
		return nil
	}
	r.taken[e.key] = true
	return p
}

// readSet reads constants.
func (r *upcastReader) readSet(it *item) {
	s := r.section(it, "set")
	r.nonEmpty(it, s)
	for _, e := range s.items {
		p := r.target(e)
		if p == nil || p.Schema == nil {
			continue
		}
		if p.Schema.Ref != nil || p.Schema.Type == "array" {
			r.badValue(e, "leave it out if it is optional, or rename a property that has it", "%q is no text, number or boolean: a constant cannot be one", e.key)
			continue
		}
		value, ok := r.scalarText(e, p.Schema)
		if !ok {
			continue
		}
		if why := p.Schema.violation(value); why != "" {
			r.badValue(e, "choose a value that "+r.to.Data.Name+" allows", "%q is %q, which %s", e.key, value, why)
			continue
		}
		r.upcast.Set = append(r.upcast.Set, Constant{New: e.key, Value: value})
	}
}

// carry takes what has the same name and reports what a new record would lack.
func (r *upcastReader) carry() {
	for _, p := range r.to.Data.Schema.Properties {
		if r.taken[p.Name] {
			continue
		}
		switch source := r.from.Data.property(p.Name); {
		case source != nil:
			r.take(r.at, source, p)
		case p.Required:
			r.report(r.at, ruleUpcast, "add it to rename or set, or make it optional in "+r.to.Data.Name,
				"%s requires %q, which records of %s do not have", r.to.Ref.Local(), p.Name, r.from.Ref.Local())
		}
	}
}

// take carries one property if every value it may have is one of the new property.
func (r *upcastReader) take(at Pos, source, target *Property) {
	if source.Schema == nil || target.Schema == nil {
		return // reported where it is declared
	}
	why := source.Schema.exceeds(target.Schema)
	if target.Required && !source.Required {
		why = "is optional and the new one required"
	}
	if why != "" {
		r.report(at, ruleUpcast, "let "+r.to.Data.Name+" allow what "+r.from.Data.Name+" does, or set a constant",
			"%s.%s cannot become %s.%s: it %s", r.from.Data.Name, source.Name, r.to.Data.Name, target.Name, why)
		return
	}
	r.upcast.Carry = append(r.upcast.Carry, Carried{New: target.Name, Old: source.Name})
}

// checkKey checks that a record keeps its key: its partition, and the state it belongs to.
func (r *upcastReader) checkKey(it *item) {
	if r.to.Key == "" || r.from.Key == "" {
		return
	}
	old := r.upcast.source(r.to.Key)
	if old != "" && old != r.from.Key {
		r.report(r.pos(it.node), ruleKeyProperty, "let the key of "+r.from.Ref.Local()+" become the key of "+r.to.Ref.Local(),
			"%s is keyed by %q, but %q of %s is made of %q", r.from.Ref.Local(), r.from.Key, r.to.Key, r.to.Ref.Local(), old)
	}
	if slices.ContainsFunc(r.upcast.Set, func(c Constant) bool { return c.New == r.to.Key }) {
		r.report(r.pos(it.node), ruleKeyProperty, "rename the old key to it", "every record of %s would have the same key", r.from.Ref.Local())
	}
}

// source returns the old property that a new one takes its value of, "" if none.
func (u *Upcast) source(name string) string {
	for _, c := range u.Carry {
		if c.New == name {
			return c.Old
		}
	}
	return ""
}
