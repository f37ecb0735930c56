package omnibase

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// prove tests every value that is said to be carried: without it, and without the values that say the
// same, the contracts must differ. What fails the test follows from something else.
func (s *source) prove() {
	want := contractsOf(s.report.Name, s.root.node)
	for node, l := range s.inOrder() {
		if l.Verdict != Carried || s.differs(want, l) {
			continue
		}
		same := s.same(node, l)
		for _, other := range same {
			other.Verdict, other.Target, other.Origin = Derived, "", l.Path
			other.Why = "it says the same as " + l.Path
		}
		if len(same) > 0 && s.differs(want, l) {
			continue
		}
		l.Verdict, l.Target = Derived, ""
		l.Why = "the contract is the same without it: it says what holds anyway, or what another key says"
	}
}

// inOrder yields the leaves in the order of the file.
func (s *source) inOrder() iter.Seq2[*yaml.Node, *Leaf] {
	nodes := map[*Leaf]*yaml.Node{}
	for node, l := range s.leaves {
		nodes[l] = node
	}
	return func(yield func(*yaml.Node, *Leaf) bool) {
		for _, l := range s.report.Leaves {
			if !yield(nodes[l], l) {
				return
			}
		}
	}
}

// differs tells whether the contracts differ without a value and those that follow from it.
func (s *source) differs(want string, l *Leaf) bool {
	gone := map[*yaml.Node]bool{}
	for node, other := range s.leaves {
		if other == l || other.Origin != "" && (other.Origin == l.Path || strings.HasPrefix(l.Path, other.Origin+".")) {
			gone[node] = true
		}
	}
	return contractsOf(s.report.Name, cut(s.root.node, gone)) != want
}

// same returns the other values that are carried to the same place and say the same.
func (s *source) same(node *yaml.Node, l *Leaf) []*Leaf {
	var list []*Leaf
	for n, other := range s.inOrder() {
		if other != l && other.Verdict == Carried && other.Target == l.Target && typeName(modelName(n.Value)) == typeName(modelName(node.Value)) {
			list = append(list, other)
		}
	}
	return list
}

// contractsOf returns what the contracts of a source say when it is imported alone.
func contractsOf(name string, root *yaml.Node) string {
	src, ds := readNode(name, root)
	if len(ds) > 0 {
		return ""
	}
	f, out := fleet{bare: true}, map[string][]byte{}
	f.add(src)
	f.settle(out)
	var b strings.Builder
	for _, file := range slices.Sorted(maps.Keys(out)) {
		b.WriteString(file + "\n")
		b.Write(out[file])
	}
	return b.String()
}

// cut returns a copy of a tree that lacks some of its values.
func cut(n *yaml.Node, gone map[*yaml.Node]bool) *yaml.Node {
	if len(n.Content) == 0 {
		return n
	}
	kept := *n
	kept.Content = nil
	step := 1
	if n.Kind == yaml.MappingNode {
		step = 2
	}
	for i := 0; i+step <= len(n.Content); i += step {
		if value := n.Content[i+step-1]; !gone[value] {
			kept.Content = append(kept.Content, n.Content[i:i+step-1]...)
			kept.Content = append(kept.Content, cut(value, gone))
		}
	}
	return &kept
}
