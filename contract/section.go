package contract

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// item is a value in the file together with the key that holds it. List elements carry the key of
// their list.
type item struct {
	key  string
	at   Pos // of the key; of the value for list elements and the root
	node *yaml.Node
	form Form // what the grammar says about the value
}

// section is a mapping that is read key by key. Its grammar says which keys it has; one that the
// grammar has and nobody asks for is as unknown as one that it lacks.
type section struct {
	parser *parser
	what   string // names the section in messages, e.g. "handle price-order.v1"
	at     Pos
	whole  *item            // the mapping itself
	row    *Section         // its keys; nil for a mapping of names
	items  []*item          // in the order of the file
	index  map[string]*item // by key
	taken  map[string]bool  // keys that somebody asked for
	broken bool             // it is no mapping: already reported, so nothing more is missing

	missing []missing
}

// missing is a required key that is absent. It is reported by done, unless an unknown key is a
// misspelling of it: one mistake, one diagnostic.
type missing struct {
	key, fix string
}

// maxEntries bounds a mapping and a list.
const maxEntries = 1000

func (p *parser) tooMany(it *item) {
	p.report(it.at, ruleTooLarge, "split the node in two", "%q has more than %d entries", it.key, maxEntries)
}

// section opens the mapping that it holds, by the grammar of its form. A nil item is an absent
// mapping and stays silent.
func (p *parser) section(it *item, what string) *section {
	s := &section{parser: p, what: what, broken: true, index: map[string]*item{}, taken: map[string]bool{}}
	if it == nil {
		return s
	}
	s.at, s.whole, s.row = it.at, it, p.grammar.byName[it.form.Section]
	if it.node.Kind != yaml.MappingNode {
		p.wrongType(it, "a mapping")
		return s
	}
	s.broken = false
	if len(it.node.Content) > 2*maxEntries {
		p.tooMany(it)
		return s
	}
	for i := 0; i+1 < len(it.node.Content); i += 2 {
		s.add(it.node.Content[i], it.node.Content[i+1], it.form.Of)
	}
	return s
}

// add takes an entry. Values of a mapping of names have the form of; those of a section get theirs
// from their key.
func (s *section) add(key, value *yaml.Node, of *Form) {
	p, at := s.parser, s.parser.pos(key)
	switch first, dup := s.index[key.Value]; {
	case key.Kind == yaml.ScalarNode && oldBoolean(key.Value):
		p.report(at, ruleYAMLBoolean, "choose another name", "key %q is a boolean for YAML 1.1 readers", key.Value)
	case key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str":
		p.report(at, ruleWrongType, "write it as a plain word", "a key of %s is %s, want text", s.what, describe(key))
	case dup:
		d := p.report(at, ruleDuplicateKey, "keep one of them", "key %q was given in line %d already", key.Value, first.at.Line)
		d.see(first.at, "first given here")
		if sameScalar(first.node, value) {
			d.edit(p.removeEntry(&item{at: at, node: value})...)
		}
	default:
		it := &item{key: key.Value, at: at, node: value}
		if of != nil {
			it.form = *of
		}
		s.items, s.index[key.Value] = append(s.items, it), it
	}
}

// get returns the value of a key, nil if it is absent, misplaced in this kind of node or no key of
// the grammar at all. done reports the absence of one that is always required.
func (s *section) get(key string) *item {
	row := s.row.key(key)
	if row == nil {
		return nil
	}
	s.taken[key] = true
	it, kind := s.index[key], s.parser.contract.Kind
	switch {
	case it == nil && row.demanded(kind):
		s.require(key)
	case it == nil:
	case row.refusal(kind) != nil:
		s.parser.misplaced(it, row.refusal(kind))
		return nil
	default:
		it.form = row.Form
	}
	return it
}

// require makes done report the absence of a key whose condition to be required holds.
func (s *section) require(key string) {
	row := s.row.key(key)
	if row != nil && s.index[key] == nil && !s.broken && !slices.Contains(s.missing, missing{key, row.Fix}) {
		s.missing = append(s.missing, missing{key, row.Fix})
	}
}

// family takes the items whose keys belong to a family of keys, e.g. vN.
func (s *section) family(key string) []*item {
	row := s.row.key(key)
	if row == nil {
		return nil
	}
	var members []*item
	for _, it := range s.items {
		if !s.taken[it.key] && matches(row.Names.Pattern, it.key) {
			s.taken[it.key], it.form = true, row.Form
			members = append(members, it)
		}
	}
	return members
}

// valid lists the keys that may stand here in this kind of node.
func (s *section) valid() []string {
	var keys []string
	for i := range s.row.Keys {
		if k := &s.row.Keys[i]; k.refusal(s.parser.contract.Kind) == nil {
			keys = append(keys, k.written())
		}
	}
	return keys
}

// meant lists the valid keys that a misspelt one may mean: those that are not given.
func (s *section) meant(misspelt string) []string {
	return slices.DeleteFunc(s.valid(), func(key string) bool { return s.index[key] != nil && key != misspelt })
}

// done reports the keys that nobody asked for and the required ones that are absent.
func (s *section) done() {
	s.checkBonds()
	misspelt := map[string]bool{}
	for _, it := range s.items {
		if s.taken[it.key] {
			continue
		}
		near := s.parser.nearest(it.key, s.meant(it.key))
		misspelt[near] = true
		s.parser.lostEmits = s.parser.lostEmits || near == "emits"
		s.reportUnknown(it, near)
	}
	for _, m := range s.missing {
		if !misspelt[m.key] {
			s.parser.report(s.at, ruleMissingKey, m.fix, "%s lacks the key %q", s.what, m.key).paste(s.parser.insert(s.whole, snippet(m.fix, m.key)))
		}
	}
}

func (s *section) reportUnknown(it *item, near string) {
	p, home := s.parser, s.parser.grammar.home(it.key)
	switch {
	case near != "":
		p.report(it.at, ruleUnknownKey, didYouMean(near), "%s has no key %q", s.what, it.key)
	case home != "":
		p.report(it.at, ruleMisplacedKey, "move it, or remove it", "%s has no key %q, which belongs to %s", s.what, it.key, home)
	default:
		p.report(it.at, ruleUnknownKey, "remove it, or use one of "+strings.Join(s.valid(), ", "), "%s has no key %q", s.what, it.key)
	}
}

// ignore takes all keys: the section is too broken to judge them.
func (s *section) ignore() {
	for _, it := range s.items {
		s.taken[it.key] = true
	}
}

// list returns the elements of a list, nil if it is absent, no list or empty (which it reports).
func (p *parser) list(it *item) []*item {
	if it == nil {
		return nil
	}
	if it.node.Kind != yaml.SequenceNode {
		p.wrongType(it, "a list")
		p.lostEmits = p.lostEmits || it.key == "emits"
		return nil
	}
	if len(it.node.Content) > maxEntries {
		p.tooMany(it)
		return nil
	}
	if len(it.node.Content) == 0 {
		p.report(it.at, ruleEmpty, "remove the key or fill the list", "%q is an empty list", it.key).edit(p.removeEntry(it)...)
		return nil
	}
	var of Form
	if it.form.Of != nil {
		of = *it.form.Of
	}
	items := make([]*item, 0, len(it.node.Content))
	for _, n := range it.node.Content {
		items = append(items, &item{key: it.key, at: p.pos(n), node: n, form: of})
	}
	return items
}

// nonEmpty reports a mapping of user-given names that has none.
func (p *parser) nonEmpty(it *item, s *section) {
	if it != nil && !s.broken && len(it.node.Content) == 0 {
		p.report(it.at, ruleEmpty, "remove the key or fill the mapping", "%q is an empty mapping", it.key).edit(p.removeEntry(it)...)
	}
}
