package contract

import "slices"

// Bond ties keys of a section to each other.
type Bond struct {
	Key    string   // the bond holds where this key stands
	Values []string // and has one of these values; nil is any
	Refuse []string // keys that may not stand then
	Demand []string // keys that may not be left out then
	Else   []string // keys that may not be left out otherwise
	Why    string   // of what is refused, after its name
	Fix    string   // of what is refused
}

// holds tells whether the key the bond hangs on stands in a section, with one of its values.
func (b *Bond) holds(s *section) bool {
	it := s.index[b.Key]
	return it != nil && (b.Values == nil || slices.Contains(b.Values, it.node.Value))
}

// checkBonds reports keys that stand where another key refuses them, and demands those it needs.
func (s *section) checkBonds() {
	if s.row == nil || s.broken {
		return
	}
	for i := range s.row.Bonds {
		s.checkBond(&s.row.Bonds[i])
	}
}

func (s *section) checkBond(b *Bond) {
	switch {
	case b.holds(s):
	case s.misspells(b.Key):
		return
	default:
		s.requireAll(b.Else)
		return
	}
	s.requireAll(b.Demand)
	for _, key := range b.Refuse {
		if it := s.index[key]; it != nil {
			s.taken[key] = true
			s.parser.report(it.at, ruleContradiction, b.Fix, "%q %s", key, b.Why)
		}
	}
}

// misspells tells whether an unknown key of the section is probably meant to be a key.
func (s *section) misspells(key string) bool {
	return slices.ContainsFunc(s.items, func(it *item) bool { return !s.taken[it.key] && s.parser.nearest(it.key, s.valid()) == key })
}

func (s *section) requireAll(keys []string) {
	for _, key := range keys {
		s.require(key)
	}
}
