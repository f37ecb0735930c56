package editor

import (
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/omninode-ai/omninode/contract"
)

// spot is a scalar of a contract together with what the grammar says about it.
type spot struct {
	node    *yaml.Node
	isKey   bool
	row     *contract.Key     // the key, or the one whose value this is; nil if the grammar has none
	section *contract.Section // of a key: the section it stands in, nil in a mapping of names
	form    contract.Form     // of the value; of a name in a mapping of names
	beside  []string          // of a key: the keys of the same mapping
}

// tree is a contract as far as it can be read.
type tree struct {
	root  *yaml.Node
	spots []spot
}

// reader walks a contract along the grammar.
type reader struct {
	sections map[string]*contract.Section
	spots    []spot
}

// parse reads a text as far as it is YAML; the tree is empty if it is none.
func parse(text []byte) tree {
	var doc yaml.Node
	if len(text) > contract.MaxBytes || yaml.Unmarshal(text, &doc) != nil || len(doc.Content) == 0 {
		return tree{root: &yaml.Node{}}
	}
	r := reader{sections: map[string]*contract.Section{}}
	grammar := contract.Grammar()
	for i := range grammar {
		r.sections[grammar[i].Name] = &grammar[i]
	}
	r.walk(doc.Content[0], contract.Form{Is: contract.FormSection, Section: grammar[0].Name}, nil, 0)
	return tree{doc.Content[0], r.spots}
}

func (r *reader) walk(n *yaml.Node, form contract.Form, row *contract.Key, depth int) {
	switch {
	case depth > contract.MaxDepth:
	case n.Kind == yaml.ScalarNode:
		r.spots = append(r.spots, spot{node: n, row: row, form: form})
	case n.Kind == yaml.SequenceNode && form.Of != nil:
		for _, child := range n.Content {
			r.walk(child, *form.Of, row, depth+1)
		}
	case n.Kind == yaml.MappingNode && form.Is == contract.FormSection:
		r.walkSection(n, r.sections[form.Section], depth)
	case n.Kind == yaml.MappingNode && form.Is == contract.FormMapping:
		r.walkNames(n, form, row, depth)
	}
}

func (r *reader) walkSection(n *yaml.Node, section *contract.Section, depth int) {
	if section == nil {
		return
	}
	beside := keysOf(n)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		row := rowOf(section, key.Value)
		r.spots = append(r.spots, spot{node: key, isKey: true, row: row, section: section, beside: beside})
		if row != nil {
			r.walk(value, row.Form, row, depth+1)
		}
	}
}

func (r *reader) walkNames(n *yaml.Node, form contract.Form, row *contract.Key, depth int) {
	beside := keysOf(n)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if form.Names != nil {
			r.spots = append(r.spots, spot{node: key, isKey: true, row: row, form: *form.Names, beside: beside})
		}
		if form.Of != nil {
			r.walk(value, *form.Of, row, depth+1)
		}
	}
}

func keysOf(n *yaml.Node) []string {
	var keys []string
	for i := 0; i < len(n.Content); i += 2 {
		keys = append(keys, n.Content[i].Value)
	}
	return keys
}

// rowOf finds the row of a key, or of the family it belongs to.
func rowOf(s *contract.Section, key string) *contract.Key {
	for i := range s.Keys {
		k := &s.Keys[i]
		if k.Names == nil && k.Name == key {
			return k
		}
		if k.Names != nil {
			if ok, err := regexp.MatchString(k.Names.Pattern, key); err == nil && ok {
				return k
			}
		}
	}
	return nil
}

// at returns the spot at a place given by line and column, both counted from 1.
func (t tree) at(line, column int) (spot, bool) {
	for _, s := range t.spots {
		width := len([]rune(s.node.Value))
		if s.node.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
			width += 2
		}
		if s.node.Line == line && s.node.Column <= column && column <= s.node.Column+width {
			return s, true
		}
	}
	return spot{}, false
}

// child returns the value of a key of a mapping, an empty node if there is none.
func child(n *yaml.Node, key string) *yaml.Node {
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				return n.Content[i+1]
			}
		}
	}
	return &yaml.Node{}
}

// entries calls each with the keys and values of a mapping.
func entries(n *yaml.Node, each func(key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		each(n.Content[i], n.Content[i+1])
	}
}

// scalars returns a scalar, or those of a list.
func scalars(n *yaml.Node) []*yaml.Node {
	if n.Kind == yaml.ScalarNode {
		return []*yaml.Node{n}
	}
	var list []*yaml.Node
	for _, c := range n.Content {
		if n.Kind == yaml.SequenceNode && c.Kind == yaml.ScalarNode {
			list = append(list, c)
		}
	}
	return list
}

// kind returns what the contract says about the kind of its node.
func (t tree) kind() contract.Kind { return contract.Kind(child(t.root, "kind").Value) }

// words renders a list for people.
func words(list []string) string { return strings.Join(list, ", ") }
