package codegen_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/omninode-ai/omninode/codegen"
	"github.com/omninode-ai/omninode/contract"
)

// thorough says that tests of hostile input try everything, which takes minutes.
func thorough() bool { return os.Getenv("OMNINODE_HOSTILE") == "full" }

// field is a place in a contract where somebody writes something: a value, or a name of a mapping.
type field struct {
	row  string // of the grammar: "handle.timeout", "contract.types" of a type's name
	file string
	path []int // child by child
	key  bool  // the name, not what it names
	name bool  // held to a grammar of names or to a list of words: what is accepted may change code
}

func (f field) String() string {
	if f.key {
		return f.row + " (name)"
	}
	return f.row
}

// fields walks contracts along the grammar and returns one field of each kind of place, or all of them.
func fields(t *testing.T, files map[string][]byte, all bool) []field {
	t.Helper()
	w := &walker{t: t, all: all, sections: map[string]contract.Section{}, seen: map[string]bool{}}
	grammar := contract.Grammar()
	for _, s := range grammar {
		w.sections[s.Name] = s
	}
	for _, file := range slices.Sorted(maps.Keys(files)) {
		doc := document(t, files[file])
		w.file = file
		w.section(doc.Content[0], grammar[0].Name, []int{0})
	}
	for _, s := range grammar {
		for _, k := range s.Keys {
			if row := s.Name + "." + k.Name; !w.seen[row] {
				t.Errorf("no contract here has %s: add it to testdata/golden/every-key.txtar or clockwork.txtar", row)
			}
		}
	}
	return w.found
}

type walker struct {
	t        *testing.T
	all      bool
	file     string
	sections map[string]contract.Section
	seen     map[string]bool // rows
	found    []field
}

func (w *walker) add(f field) {
	f.file, f.path = w.file, slices.Clone(f.path)
	if id := "field " + f.String(); w.all || !w.seen[id] {
		w.seen[id] = true
		w.found = append(w.found, f)
	}
}

func (w *walker) section(n *yaml.Node, name string, path []int) {
	s, ok := w.sections[name]
	if !ok || n.Kind != yaml.MappingNode {
		w.t.Fatalf("%s: no section %q at line %d", w.file, name, n.Line)
	}
	for i := 0; i < len(n.Content); i += 2 {
		k := key(s, n.Content[i].Value)
		if k == nil {
			w.t.Fatalf("%s: %s has no key %q", w.file, s.Noun, n.Content[i].Value)
		}
		row := s.Name + "." + k.Name
		w.seen[row] = true
		w.add(field{row: row, path: append(path, i), key: true, name: true})
		w.value(n.Content[i+1], k.Form, row, append(path, i+1))
	}
}

// key returns the row of a key, which may be one of a family.
func key(s contract.Section, name string) *contract.Key {
	for i, k := range s.Keys {
		if k.Name == name || k.Names != nil && regexp.MustCompile(k.Names.Pattern).MatchString(name) {
			return &s.Keys[i]
		}
	}
	return nil
}

func (w *walker) value(n *yaml.Node, f contract.Form, row string, path []int) {
	switch {
	case f.Is == contract.FormSection:
		w.section(n, f.Section, path)
	case n.Kind == yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			w.add(field{row: row, path: append(path, i), key: true, name: true})
			w.value(n.Content[i+1], deref(f.Of), row, append(path, i+1))
		}
	case n.Kind == yaml.SequenceNode:
		for i, e := range n.Content {
			w.value(e, deref(f.Of), row, append(path, i))
		}
	default:
		free := strings.HasPrefix(row, "schedule.data") || f.Is == contract.FormLine || f.Is == contract.FormScalar || f.Is == contract.FormText && f.Pattern == ""
		w.add(field{row: row, path: path, name: !free})
	}
}

func deref(f *contract.Form) contract.Form {
	if f == nil {
		return contract.Form{}
	}
	return *f
}

func document(t *testing.T, src []byte) *yaml.Node {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal(src, &doc); err != nil {
		t.Fatal(err)
	}
	return &doc
}

func at(doc *yaml.Node, path []int) *yaml.Node {
	for _, i := range path {
		doc = doc.Content[i]
	}
	return doc
}

// corpus is a set of contracts that have every key.
func corpus(t *testing.T) map[string][]byte {
	t.Helper()
	files := goldenContracts(t, "every-key")
	maps.Copy(files, goldenContracts(t, "clockwork"))
	return files
}

// inject returns a contract with text in a field, and the lines of the field in it: its own, and those
// of the other keys of its section, which it may not fit.
func (f field) inject(t *testing.T, src []byte, text string) (out []byte, own, first, last int) {
	t.Helper()
	doc := document(t, src)
	n := at(doc, f.path)
	*n = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: strings.ToValidUTF8(text, "?")}
	for _, each := range doc.Content {
		unfold(each)
	}
	out, err := yaml.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	written := document(t, out)
	own = at(written, f.path).Line
	if len(f.path) < 3 {
		return out, own, own, own
	}
	parent := at(written, f.path[:len(f.path)-1])
	return out, own, parent.Line - 1, parent.Content[len(parent.Content)-1].Line
}

// unfold writes mappings line by line, so that a line is a place.
func unfold(n *yaml.Node) {
	n.Style &^= yaml.FlowStyle
	for _, c := range n.Content {
		unfold(c)
	}
}

// TestInjection puts hostile texts through every field of the language. Each is refused at its place,
// or what is generated has the shape it has with harmless text; code never depends on it.
func TestInjection(t *testing.T) {
	t.Parallel()
	texts := injections()
	if len(texts) < 500 {
		t.Fatalf("%d texts, want 500", len(texts))
	}
	files := corpus(t)
	want := fleetShapes(t, files)
	step := 80 // a part that differs from field to field
	if thorough() {
		step = 1
	}
	for i, f := range fields(t, files, false) {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			refused, accepted := 0, 0
			for j := i % step; j < len(texts); j += step {
				if f.try(t, files, want, texts[j]) {
					accepted++
				} else {
					refused++
				}
			}
			t.Logf("%d refused, %d accepted", refused, accepted)
		})
	}
}

// fleetShapes returns the shape of the code of each file of a fleet.
func fleetShapes(t *testing.T, files map[string][]byte) map[string]string {
	t.Helper()
	shapes := map[string]string{}
	for _, f := range generate(t, parse(t, files)) {
		shapes[f.Path] = shape(t, f)
	}
	return shapes
}

// try reports whether text is accepted in a field.
func (f field) try(t *testing.T, files map[string][]byte, want map[string]string, text string) bool {
	t.Helper()
	src, line, first, last := f.inject(t, files[f.file], text)
	fleet, err := parseOne(files, f.file, src)
	if err != nil {
		f.refusedInPlace(t, err, text, line, first, last)
		return false
	}
	out, err := codegen.Generate(t.Context(), contractOf(fleet, f.file), options())
	if err != nil {
		t.Errorf("%s %q is valid but cannot be generated: %v", f, text, err)
		return true
	}
	for _, file := range out {
		if got := shape(t, file); !f.name && got != want[file.Path] {
			t.Errorf("with %s %q the code of %s has the shape\n%s\nwant\n%s", f, text, file.Path, got, want[file.Path])
		}
	}
	return true
}

// parseOne parses a fleet with another content of one file.
func parseOne(files map[string][]byte, file string, src []byte) (*contract.Fleet, error) {
	if _, ds := contract.Parse(file, src); len(ds) > 0 {
		return nil, ds
	}
	all := maps.Clone(files)
	all[file] = src
	return contract.ParseFleet(all)
}

func contractOf(fleet *contract.Fleet, file string) *contract.Contract {
	i := slices.IndexFunc(fleet.Contracts, func(c *contract.Contract) bool { return c.File == file })
	return fleet.Contracts[i]
}

// refusedInPlace demands that one of the mistakes is where the text is, or in a key beside it. A text that is a good name
// names something that is not there, and may be missed wherever it is referred to.
func (f field) refusedInPlace(t *testing.T, err error, text string, line, first, last int) {
	t.Helper()
	var ds contract.Diagnostics
	if !errors.As(err, &ds) {
		t.Errorf("%s %q: %v", f, text, err)
		return
	}
	here := slices.ContainsFunc(ds, func(d contract.Diagnostic) bool {
		return d.File == f.file && (d.Line == line || first <= d.Line && d.Line <= last)
	})
	if !here && !plain.MatchString(text) {
		t.Errorf("%s %q is in line %d, but the mistakes are\n%v", f, text, line, ds)
	}
}

// plain is what may be a good name, word, number or expression.
var plain = regexp.MustCompile(`^[A-Za-z0-9_./:*?|\[\]-]{1,60}$`)

// TestInjectionRuns builds, vets and tests nodes whose free text is hostile, each field with another:
// nothing of it is executed. The file of the canary would tell.
func TestInjectionRuns(t *testing.T) {
	t.Parallel()
	m := newModule(t)
	texts, files := injections(), corpus(t)
	rounds := 1
	if thorough() {
		rounds = 14
	}
	tried := map[string]bool{}
	for round := range rounds {
		hostile := maps.Clone(files)
		for i, f := range fields(t, files, true) {
			if !f.name {
				f.fill(t, hostile, rotate(texts, round*len(texts)/rounds+i*31), tried)
			}
		}
		m.generate(fmt.Sprint("round", round), hostile)
	}
	m.prove()
	if made := m.canaries(); len(made) > 0 {
		t.Errorf("%v were made: text of a contract is executed", made)
	}
	t.Logf("%d texts in %d fleets", len(tried), rounds)
}

// canaries returns the files that only hostile text would make.
func (m module) canaries() []string {
	m.t.Helper()
	var found []string
	err := filepath.WalkDir(m.dir, func(path string, _ os.DirEntry, err error) error {
		if strings.Contains(filepath.Base(path), canary) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return found
}

// fill puts the first text into a field that it takes and nobody has yet, if there is one soon.
func (f field) fill(t *testing.T, files map[string][]byte, texts []string, tried map[string]bool) {
	t.Helper()
	for _, text := range texts[:50] {
		src, _, _, _ := f.inject(t, files[f.file], text)
		if _, err := parseOne(files, f.file, src); err == nil && !tried[text] {
			files[f.file], tried[text] = src, true
			return
		}
	}
}

func rotate(list []string, by int) []string {
	by %= len(list)
	return slices.Concat(list[by:], list[:by])
}

// TestCanarySings proves that one of the texts would be seen if it were executed.
func TestCanarySings(t *testing.T) {
	t.Parallel()
	m := newModule(t)
	escaped := injections()[slices.IndexFunc(injections(), func(s string) bool { return strings.HasPrefix(s, "func init() { os.WriteFile") })]
	m.write("escaped/escaped_test.go", []byte("package escaped\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc Test(*testing.T) {}\n\n"+escaped+"\n"))
	if out, err := m.run("test", "-count=1", "./escaped"); err != nil || len(m.canaries()) != 1 {
		t.Errorf("canaries %v, error %v\n%s", m.canaries(), err, out)
	}
}
