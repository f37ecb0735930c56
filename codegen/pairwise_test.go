package codegen_test

import (
	"slices"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/omninode-ai/omninode/contract"
)

// maxPairwise bounds the contracts that cover the language.
const maxPairwise = 12

// TestPairwiseCoversTheLanguage checks that the pairwise contracts have, in each kind of node, each
// key that may stand there, and that each optional one is left out once.
func TestPairwiseCoversTheLanguage(t *testing.T) {
	t.Parallel()
	files := pairwiseContracts(t)
	if len(files) > maxPairwise {
		t.Errorf("%d contracts, want at most %d", len(files), maxPairwise)
	}
	parse(t, files)
	used := usage{sections: sectionsByName(), with: map[pair]bool{}, without: map[pair]bool{}}
	for name, src := range files {
		var doc yaml.Node
		if err := yaml.Unmarshal(src, &doc); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		c, _ := contract.Parse(name, src)
		used.kind = c.Kind
		used.section(doc.Content[0], "contract")
	}
	for _, kind := range []contract.Kind{contract.Compute, contract.Effect, contract.Reducer, contract.Orchestrator} {
		for _, p := range used.possible(kind) {
			if !used.with[p] {
				t.Errorf("no %s node has the key %s.%s: add it to testdata/pairwise.txtar", kind, p.section, p.key)
			}
			if p.optional && !used.without[p] {
				t.Errorf("no %s node leaves out the key %s.%s: add one that does to testdata/pairwise.txtar", kind, p.section, p.key)
			}
		}
	}
}

// pair is a key in a kind of node.
type pair struct {
	kind         contract.Kind
	section, key string
	optional     bool
}

// usage notes which keys stand in which kinds of nodes, and which are left out.
type usage struct {
	sections      map[string]contract.Section
	kind          contract.Kind
	with, without map[pair]bool
}

func sectionsByName() map[string]contract.Section {
	all := map[string]contract.Section{}
	for _, s := range contract.Grammar() {
		all[s.Name] = s
	}
	return all
}

func (u *usage) pair(section string, k contract.Key) pair {
	return pair{u.kind, section, k.Name, k.Required == "" && !indispensable(u.kind, section, k.Name)}
}

// indispensable tells whether an optional key follows from what a kind of node needs: a reducer has
// a state, which has a type, and a workflow has its own start and ends.
func indispensable(kind contract.Kind, section, key string) bool {
	switch {
	case section != "contract":
		return false
	case key == "types":
		return kind == contract.Reducer || kind == contract.Orchestrator
	}
	return kind == contract.Orchestrator && (key == "commands" || key == "events")
}

// section notes the keys of a mapping of fixed keys, and goes on with their values.
func (u *usage) section(n *yaml.Node, name string) {
	for _, k := range u.sections[name].Keys {
		found := false
		for i := 0; i+1 < len(n.Content); i += 2 {
			if named(k, n.Content[i].Value) {
				found = true
				u.value(n.Content[i+1], k.Form)
			}
		}
		if found {
			u.with[u.pair(name, k)] = true
		} else {
			u.without[u.pair(name, k)] = true
		}
	}
}

func (u *usage) value(n *yaml.Node, f contract.Form) {
	switch {
	case f.Is == contract.FormSection:
		u.section(n, f.Section)
	case f.Of == nil: // holds no keys of the language
	case n.Kind == yaml.MappingNode:
		for i := 1; i < len(n.Content); i += 2 {
			u.value(n.Content[i], *f.Of)
		}
	case n.Kind == yaml.SequenceNode:
		for _, e := range n.Content {
			u.value(e, *f.Of)
		}
	}
}

// possible lists the keys that may stand in a kind of node.
func (u *usage) possible(kind contract.Kind) []pair {
	u.kind = kind
	var list []pair
	todo, seen := []string{"contract"}, map[string]bool{}
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		if seen[name] {
			continue
		}
		seen[name] = true
		for _, k := range u.sections[name].Keys {
			if slices.Contains(k.Kinds(), kind) {
				list = append(list, u.pair(name, k))
				todo = append(todo, inner(k.Form)...)
			}
		}
	}
	return list
}

// inner returns the sections that a form holds.
func inner(f contract.Form) []string {
	switch {
	case f.Is == contract.FormSection:
		return []string{f.Section}
	case f.Of != nil:
		return inner(*f.Of)
	}
	return nil
}
