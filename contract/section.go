package contract

import (
	"strings"

	"go.yaml.in/yaml/v4"
)

// item is a value in the file together with the key that holds it. List elements carry the key of
// their list.
type item struct {
	key  string
	at   Pos // of the key; of the value for list elements and the root
	node *yaml.Node
}

// section is a mapping that is read key by key. Asking for a key declares it valid; what was never
// asked for is unknown.
type section struct {
	parser *parser
	what   string // names the section in messages, e.g. "handle price-order.v1"
	at     Pos
	items  []*item          // in the order of the file
	index  map[string]*item // by key
	taken  map[string]bool  // keys that somebody asked for
	valid  []string         // the same, for messages
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

// section opens the mapping that it holds. A nil item is an absent mapping and stays silent.
func (p *parser) section(it *item, what string) *section {
	s := &section{parser: p, what: what, broken: true, index: map[string]*item{}, taken: map[string]bool{}}
	if it == nil {
		return s
	}
	s.at = it.at
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
		s.add(it.node.Content[i], it.node.Content[i+1])
	}
	return s
}

func (s *section) add(key, value *yaml.Node) {
	p, at := s.parser, s.parser.pos(key)
	switch first, dup := s.index[key.Value]; {
	case key.Kind == yaml.ScalarNode && oldBoolean(key.Value):
		p.report(at, ruleYAMLBoolean, "choose another name", "key %q is a boolean for YAML 1.1 readers", key.Value)
	case key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str":
		p.report(at, ruleWrongType, "write it as a plain word", "a key of %s is %s, want text", s.what, describe(key))
	case dup:
		p.report(at, ruleDuplicateKey, "keep one of them", "key %q was given in line %d already", key.Value, first.at.Line)
	default:
		it := &item{key: key.Value, at: at, node: value}
		s.items, s.index[key.Value] = append(s.items, it), it
	}
}

// get returns the value of an optional key, nil if it is absent.
func (s *section) get(key string) *item {
	s.valid, s.taken[key] = append(s.valid, key), true
	return s.index[key]
}

// need returns the value of a required key; done reports its absence.
func (s *section) need(key, fix string) *item {
	it := s.get(key)
	if it == nil && !s.broken {
		s.missing = append(s.missing, missing{key, fix})
	}
	return it
}

// rest takes the items that nobody asked for, as long as want accepts their keys. example stands
// for such keys in messages.
func (s *section) rest(example string, want func(key string) bool) []*item {
	var rest []*item
	for _, it := range s.items {
		if !s.taken[it.key] && want(it.key) {
			s.taken[it.key] = true
			rest = append(rest, it)
		}
	}
	s.valid = append(s.valid, example)
	return rest
}

// done reports the keys that nobody asked for and the required ones that are absent.
func (s *section) done() {
	misspelt := map[string]bool{}
	for _, it := range s.items {
		if s.taken[it.key] {
			continue
		}
		near := s.parser.nearest(it.key, s.valid)
		misspelt[near] = true
		s.parser.lostEmits = s.parser.lostEmits || near == "emits"
		s.reportUnknown(it, near)
	}
	for _, m := range s.missing {
		if !misspelt[m.key] {
			s.parser.report(s.at, ruleMissingKey, m.fix, "%s lacks the key %q", s.what, m.key)
		}
	}
}

func (s *section) reportUnknown(it *item, near string) {
	p, home := s.parser, home(it.key)
	switch {
	case near != "":
		p.report(it.at, ruleUnknownKey, "did you mean "+near+"?", "%s has no key %q", s.what, it.key)
	case home != "":
		p.report(it.at, ruleMisplacedKey, "move it, or remove it", "%s has no key %q, which belongs to %s", s.what, it.key, home)
	default:
		p.report(it.at, ruleUnknownKey, "remove it, or use one of "+strings.Join(s.valid, ", "), "%s has no key %q", s.what, it.key)
	}
}

// home says where a key of the language belongs, "" if there is no such key.
func home(key string) string {
	switch key {
	case "omninode", "node", "version", "kind", "capabilities", "commands", "events", "handles", "state", "machine", "workflow",
		"config", "secrets", "requires", "types":
		return "the top level"
	case "external":
		return "a command or an event, beside its versions"
	case "key", "data":
		return "a version of a message, or to state"
	case "emits":
		return "a handle or a transition"
	case "idempotency_key", "retry":
		return "a handle of an effect"
	case "timeout":
		return "a handle of an effect or a step"
	case "attempts", "first", "max", "then":
		return "retry"
	case "initial", "final", "transitions":
		return "machine"
	case "input", "from", "to", "early":
		return "a transition"
	case "start", "steps", "completed", "failed":
		return "workflow"
	case "after", "send", "success", "failure", "undo":
		return "a step"
	case "default":
		return "a setting"
	case "required", "properties":
		return "a type"
	case "type", "description", "$ref", "format", "enum", "pattern", "minLength", "maxLength", "example", "minimum", "maximum",
		"items", "minItems", "maxItems":
		return "a property"
	}
	return ""
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
		return nil
	}
	if len(it.node.Content) > maxEntries {
		p.tooMany(it)
		return nil
	}
	if len(it.node.Content) == 0 {
		p.report(it.at, ruleEmpty, "remove the key or fill the list", "%q is an empty list", it.key)
		return nil
	}
	items := make([]*item, 0, len(it.node.Content))
	for _, n := range it.node.Content {
		items = append(items, &item{key: it.key, at: p.pos(n), node: n})
	}
	return items
}

// nonEmpty reports a mapping of user-given names that has none.
func (p *parser) nonEmpty(it *item, s *section) {
	if it != nil && !s.broken && len(it.node.Content) == 0 {
		p.report(it.at, ruleEmpty, "remove the key or fill the mapping", "%q is an empty mapping", it.key)
	}
}
