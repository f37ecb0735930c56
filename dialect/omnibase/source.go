package omnibase

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/omninode-ai/omninode/contract"
)

// source is one file of the dialect and the account of its values.
type source struct {
	report *File
	root   *value
	leaves map[*yaml.Node]*Leaf
}

// Bounds of a source, which is read again for every value that is carried.
const (
	maxEntries = 1000 // of a mapping and a list
	maxLeaves  = 2000
)

// read parses a source as strictly as a contract and lists its values.
func read(name string, data []byte) (*source, contract.Diagnostics) {
	node, ds := contract.Document(name, data)
	if len(ds) > 0 {
		return &source{report: &File{Name: name}}, ds
	}
	return readNode(name, node)
}

func readNode(name string, node *yaml.Node) (*source, contract.Diagnostics) {
	src := &source{report: &File{Name: name}, leaves: map[*yaml.Node]*Leaf{}}
	src.root = &value{src: src, node: node, at: node}
	if ds := src.list(src.root); len(ds) > 0 {
		return src, ds
	}
	if len(src.leaves) > maxLeaves {
		return src, src.problem(src.root, fmt.Sprintf("it has more than %d values", maxLeaves), "split the node in two")
	}
	if node.Kind != yaml.MappingNode {
		return src, src.problem(src.root, "it is no mapping", "give it a file whose first key is name")
	}
	return src, nil
}

// problem says why a source cannot be imported.
func (s *source) problem(v *value, message, fix string) contract.Diagnostics {
	at := contract.Pos{File: s.report.Name, Line: max(v.at.Line, 1), Column: max(v.at.Column, 1)}
	return contract.Diagnostics{{Pos: at, Rule: "not-importable", Message: message, Fix: fix}}
}

// list makes a leaf of every value below v and refuses mappings that say a key twice.
func (s *source) list(v *value) contract.Diagnostics {
	if len(v.node.Content) == 0 {
		leaf := &Leaf{Path: v.path, Line: max(v.at.Line, 1), Column: max(v.at.Column, 1)}
		s.leaves[v.node] = leaf
		s.report.Leaves = append(s.report.Leaves, leaf)
		return nil
	}
	if len(v.node.Content) > 2*maxEntries {
		return s.problem(v, fmt.Sprintf("it has more than %d entries", maxEntries), "split the node in two")
	}
	var ds contract.Diagnostics
	seen := map[string]bool{}
	for _, e := range v.children() {
		if v.node.Kind == yaml.MappingNode && (seen[e.name] || e.at.Kind != yaml.ScalarNode) {
			ds = append(ds, s.problem(e, fmt.Sprintf("the key %.80q stands twice or is no text", e.name), "keep one of them")...)
		}
		seen[e.name] = true
		ds = append(ds, s.list(e)...)
	}
	return ds
}

// finish refuses whatever nobody claimed, with the best reason there is.
func (s *source) finish() {
	for node, l := range s.leaves {
		switch {
		case l.Verdict != "":
		case node.Kind != yaml.ScalarNode || node.ShortTag() == "!!null":
			l.Verdict, l.Why = Derived, "it is empty: there is none"
		default:
			l.Verdict = Refused
			l.Why, l.Fix = reason(l.Path)
		}
	}
}

// assume notes what the language asks for and the source does not say.
func (s *source) assume(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(s.report.Assumed, text) {
		s.report.Assumed = append(s.report.Assumed, text)
	}
}

// value is a place in a source. An absent one is nil and answers every question with nothing.
type value struct {
	src  *source
	path string
	name string     // key in its mapping
	node *yaml.Node // what it is
	at   *yaml.Node // where it is: its key, or itself
}

// children returns the entries of a mapping or a list.
func (v *value) children() []*value {
	if v == nil {
		return nil
	}
	var list []*value
	if v.isMap() {
		for i := 0; i+1 < len(v.node.Content); i += 2 {
			key, node := v.node.Content[i], v.node.Content[i+1]
			list = append(list, &value{src: v.src, path: join(v.path, key.Value), name: key.Value, node: node, at: key})
		}
	}
	if v.isList() {
		for i, node := range v.node.Content {
			list = append(list, &value{src: v.src, path: fmt.Sprintf("%s[%d]", v.path, i), node: node, at: node})
		}
	}
	return list
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// get returns the value at a path of keys, nil if there is none.
func (v *value) get(keys ...string) *value {
	for _, key := range keys {
		if !v.isMap() {
			return nil
		}
		var next *value
		for _, e := range v.children() {
			if e.name == key {
				next = e
				break
			}
		}
		v = next
	}
	return v
}

// first returns the first of several keys that is there.
func (v *value) first(keys ...string) *value {
	for _, key := range keys {
		if e := v.get(key); e != nil {
			return e
		}
	}
	return nil
}

func (v *value) isMap() bool  { return v != nil && v.node.Kind == yaml.MappingNode }
func (v *value) isList() bool { return v != nil && v.node.Kind == yaml.SequenceNode }

// items returns the elements of a list.
func (v *value) items() []*value {
	if !v.isList() {
		return nil
	}
	return v.children()
}

// entries returns the entries of a mapping.
func (v *value) entries() []*value {
	if !v.isMap() {
		return nil
	}
	return v.children()
}

// scalar tells whether v is one value that is not null.
func (v *value) scalar() bool {
	return v != nil && v.node.Kind == yaml.ScalarNode && v.node.ShortTag() != "!!null"
}

// text returns a scalar as it stands in the file, "" for everything else.
func (v *value) text() string {
	if !v.scalar() {
		return ""
	}
	return v.node.Value
}

func (v *value) isTrue() bool  { return v.scalar() && strings.EqualFold(v.node.Value, "true") }
func (v *value) isFalse() bool { return v.scalar() && strings.EqualFold(v.node.Value, "false") }

// each calls f for every leaf below v that has no verdict yet.
func (v *value) each(f func(l *Leaf)) {
	if v == nil {
		return
	}
	if l := v.src.leaves[v.node]; l != nil {
		if l.Verdict == "" {
			f(l)
		}
		return
	}
	for _, e := range v.children() {
		e.each(f)
	}
}

// carry says that v stands in the new contract.
func (v *value) carry(target string) {
	v.each(func(l *Leaf) { l.Verdict, l.Target = Carried, target })
}

// follow says that v follows from something else; origin is the value that says the same, if any.
func (v *value) follow(origin *value, format string, args ...any) {
	v.each(func(l *Leaf) {
		l.Verdict, l.Why = Derived, fmt.Sprintf(format, args...)
		if origin != nil {
			l.Origin = origin.path
		}
	})
}

// refuse says that v has no meaning in the new contract.
func (v *value) refuse(fix, format string, args ...any) {
	v.each(func(l *Leaf) { l.Verdict, l.Why, l.Fix = Refused, fmt.Sprintf(format, args...), fix })
}

// again takes back the verdicts on v.
func (v *value) again() {
	if v == nil {
		return
	}
	if l := v.src.leaves[v.node]; l != nil {
		l.Verdict, l.Target, l.Origin, l.Why, l.Fix = "", "", "", "", ""
	}
	for _, e := range v.children() {
		e.again()
	}
}
