package evolution

import (
	"slices"
	"strings"

	"github.com/omninode-ai/omninode/contract"
)

// comparer collects changes.
type comparer struct{ changes []Change }

// place is where something stands: its path in the contract, the section of the language it is in, its
// key there, and its positions.
type place struct {
	path, section, key string
	old, new           contract.Pos
}

// in returns the place of a key of the section, at the position of p.
func (p place) in(key string) place {
	p.path, p.key = join(p.path, key), p.section+"."+key
	return p
}

// as returns p for the keys of another section.
func (p place) as(section string) place {
	p.section = section
	return p
}

// at returns the place of something named below p.
func (p place) at(name string, old, new contract.Pos) place {
	p.path, p.old, p.new = join(p.path, name), old, new
	return p
}

func join(a, b string) string { return strings.Trim(a+"."+b, ".") }

// add notes a change at a place.
func (c *comparer) add(p place, old, new string, v verdict) {
	change := Change{At: p.new, Key: p.key, Path: p.path, Old: old, New: new, verdict: v}
	if p.new == (contract.Pos{}) {
		change.At, change.Gone = p.old, true
	}
	c.changes = append(c.changes, change)
}

// field is a key whose value can be compared as text.
type field[T any] struct {
	key   string
	show  func(T) string // "" if it is not given
	judge func(old, new string) verdict
}

// fields compares what two states of one thing say under a list of keys.
func fields[T any](c *comparer, p place, before, now T, list []field[T]) {
	for _, f := range list {
		if old, new := f.show(before), f.show(now); old != new {
			c.add(p.in(f.key), old, new, f.judge(old, new))
		}
	}
}

// always judges every change of a value alike.
func always(v verdict) func(old, new string) verdict {
	return func(string, string) verdict { return v }
}

// presence judges a value that was added, removed or replaced.
func presence(added, removed, changed verdict) func(old, new string) verdict {
	return func(old, new string) verdict {
		switch {
		case old == "":
			return added
		case new == "":
			return removed
		}
		return changed
	}
}

// pair is one thing before and after; what is new has no old, what is gone no new.
type pair[T any] struct {
	name     string
	old, new *T
}

// pairs matches two lists by name, in the order of the new one; what is gone comes last.
func pairs[T any](before, now []T, name func(T) string) []pair[T] {
	var list []pair[T]
	find := func(in []T, want string) *T {
		i := slices.IndexFunc(in, func(t T) bool { return name(t) == want })
		if i < 0 {
			return nil
		}
		return &in[i]
	}
	for i := range now {
		list = append(list, pair[T]{name(now[i]), find(before, name(now[i])), &now[i]})
	}
	for i := range before {
		if find(now, name(before[i])) == nil {
			list = append(list, pair[T]{name(before[i]), &before[i], nil})
		}
	}
	return list
}

// named compares two lists of things that have a name and a position.
type named[T any] struct {
	name           func(T) string
	at             func(T) contract.Pos
	show           func(T) string // what an added or removed one is shown as; nil: its name
	added, removed func(T) verdict
	both           func(p place, before, now T)
}

// compareNamed compares the entries of p, whose keys are those of a section.
func compareNamed[T any](c *comparer, p place, section string, before, now []T, n named[T]) {
	show := n.show
	if show == nil {
		show = n.name
	}
	for _, pr := range pairs(before, now, n.name) {
		switch {
		case pr.old == nil:
			c.add(p.at(pr.name, contract.Pos{}, n.at(*pr.new)), "", show(*pr.new), n.added(*pr.new))
		case pr.new == nil:
			c.add(p.at(pr.name, n.at(*pr.old), contract.Pos{}), show(*pr.old), "", n.removed(*pr.old))
		case n.both != nil:
			n.both(p.at(pr.name, n.at(*pr.old), n.at(*pr.new)).as(section), *pr.old, *pr.new)
		}
	}
}

// set compares two lists of words whose order means nothing.
func (c *comparer) set(p place, before, now []string, added, removed func(word string) verdict) {
	for _, w := range now {
		if !slices.Contains(before, w) {
			c.add(p, "", w, added(w))
		}
	}
	for _, w := range before {
		if !slices.Contains(now, w) {
			c.add(p, w, "", removed(w))
		}
	}
}

// verdictOf is for rules that judge everything alike.
func verdictOf[T any](v verdict) func(T) verdict { return func(T) verdict { return v } }
