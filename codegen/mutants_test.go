package codegen_test

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/omninode-ai/omninode/contract"
)

// mutator changes a contract in every way, one at a time: it deletes and renames each key, deletes
// each element of a list and gives each value others.
type mutator struct {
	doc      yaml.Node
	sections map[string]contract.Section
	emit     func(m mutant) // sees doc while the change is in place
}

// mutant is one change.
type mutant struct {
	key  string // row of the grammar it belongs to: section.key
	what string // delete, rename or change, and where
}

func newMutator(t *testing.T, src []byte, emit func(m mutant)) *mutator {
	t.Helper()
	mu := &mutator{sections: sectionsByName(), emit: emit}
	if err := yaml.Unmarshal(src, &mu.doc); err != nil {
		t.Fatal(err)
	}
	return mu
}

func (mu *mutator) run() {
	root := contract.Form{Is: contract.FormSection, Section: contract.Grammar()[0].Name}
	mu.walk(mu.doc.Content[0], root, "", "")
}

// source returns the contract as it is now.
func (mu *mutator) source(t *testing.T) []byte {
	t.Helper()
	src, err := yaml.Marshal(&mu.doc)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func (mu *mutator) send(key, what string) {
	mu.emit(mutant{key, what})
}

// row finds the row of a key as it is written.
func (mu *mutator) row(section, key string) contract.Key {
	for _, k := range mu.sections[section].Keys {
		if named(k, key) {
			return k
		}
	}
	return contract.Key{Name: "?" + key}
}

// named tells whether a row is that of a key as it is written.
func named(k contract.Key, key string) bool {
	return k.Name == key || k.Names != nil && regexp.MustCompile(k.Names.Pattern).MatchString(key)
}

func (mu *mutator) walk(n *yaml.Node, f contract.Form, key, path string) {
	switch {
	case n.Kind == yaml.MappingNode:
		mu.mapping(n, f, key, path)
	case n.Kind == yaml.SequenceNode:
		mu.list(n, f, key, path)
	case f.Is == contract.FormOneOrList:
		mu.scalar(n, *f.Of, key, path)
	default:
		mu.scalar(n, f, key, path)
	}
}

func (mu *mutator) mapping(n *yaml.Node, f contract.Form, key, path string) {
	all := n.Content
	for i := 0; i+1 < len(all); i += 2 {
		name, inner, of := all[i].Value, key, element(f)
		if f.Is == contract.FormSection {
			row := mu.row(f.Section, name)
			inner, of = f.Section+"."+row.Name, &row.Form
		}
		at := path + "/" + name
		n.Content = slices.Concat(all[:i], all[i+2:])
		mu.send(inner, "delete "+at)
		n.Content = all
		all[i].Value = name + "x"
		mu.send(inner, "rename "+at)
		all[i].Value = name
		mu.walk(all[i+1], *of, inner, at)
	}
}

// element is the form of what a mapping or a list holds; a payload holds more of a payload.
func element(f contract.Form) *contract.Form {
	if f.Of == nil {
		return &f
	}
	return f.Of
}

func (mu *mutator) list(n *yaml.Node, f contract.Form, key, path string) {
	all := n.Content
	for i := range all {
		at := path + "/" + strconv.Itoa(i)
		n.Content = slices.Concat(all[:i], all[i+1:])
		mu.send(key, "delete "+at)
		n.Content = all
		mu.walk(all[i], *element(f), key, at)
	}
}

func (mu *mutator) scalar(n *yaml.Node, f contract.Form, key, path string) {
	old := *n
	for _, v := range otherValues(n, f) {
		n.Value = v
		mu.send(key, "change "+path+" from "+old.Value+" to "+v)
		*n = old
	}
}

// otherValues returns values that differ from a scalar's: of its own form where that can be told, so
// that not all of them are refused.
func otherValues(n *yaml.Node, f contract.Form) []string {
	old := n.Value
	switch f.Is {
	case contract.FormChoice:
		return slices.DeleteFunc(slices.Clone(f.Words), func(w string) bool { return w == old })
	case contract.FormDuration:
		if d, err := time.ParseDuration(old); err == nil {
			return []string{(2 * d).String(), (d + time.Millisecond).String()}
		}
	case contract.FormReference:
		return []string{old + "1", "other/" + old[strings.Index(old, "/")+1:], old + "x"}
	case contract.FormInteger, contract.FormNumber, contract.FormBoolean, contract.FormTrue, contract.FormScalar, contract.FormQuantity, contract.FormPayload:
		return otherScalars(n)
	default:
	}
	return []string{old + "x", "1" + old}
}

func otherScalars(n *yaml.Node) []string {
	old := n.Value
	switch n.ShortTag() {
	case "!!bool":
		return []string{map[string]string{"true": "false", "false": "true"}[old]}
	case "!!int":
		i, err := strconv.Atoi(old)
		if err == nil {
			return []string{strconv.Itoa(i + 1), strconv.Itoa(i - 1), "1" + old}
		}
	}
	return []string{"1" + old, old + "x"}
}
