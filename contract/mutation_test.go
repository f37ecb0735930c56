package contract

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// shop returns the contracts of the repository's own nodes, by file name.
func shop(t *testing.T) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for _, node := range []string{"checkout", "orders", "payment", "pricing"} {
		name := filepath.Join("nodes", node, FileName)
		src, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.ToSlash(name)] = src
	}
	return files
}

// TestNoDeadKeys deletes, renames and changes every key and every list element of the shop's
// contracts. Each mutant must be refused or mean something else.
func TestNoDeadKeys(t *testing.T) {
	t.Parallel()
	files := shop(t)
	fleet, err := ParseFleet(files)
	if err != nil {
		t.Fatal(err)
	}
	meaning := dump(fleet)
	for file, src := range files {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			mutants, refused := 0, 0
			for m := range mutantsOf(t, src) {
				mutants++
				f, err := parseMutant(files, file, m.src)
				switch {
				case err != nil:
					refused++
				case m.what == "none" && dump(f) != meaning:
					t.Errorf("writing the YAML anew changes its meaning:\n%s", m.src)
				case m.what != "none" && dump(f) == meaning:
					t.Errorf("dead: %s", m.what)
				}
			}
			if mutants < 150 {
				t.Errorf("only %d mutants", mutants)
			}
			t.Logf("%d mutants, %d refused, %d mean something else", mutants, refused, mutants-refused)
		})
	}
}

// parseMutant parses the fleet with another content of one file, unless that is refused by itself.
func parseMutant(files map[string][]byte, file string, src []byte) (*Fleet, error) {
	if _, ds := Parse(file, src); len(ds) > 0 {
		return nil, ds
	}
	all := maps.Clone(files)
	all[file] = src
	return ParseFleet(all)
}

type mutant struct {
	what string
	src  []byte
}

// mutantsOf yields src unchanged ("none") and every mutant of it.
func mutantsOf(t *testing.T, src []byte) func(func(mutant) bool) {
	t.Helper()
	return func(yield func(mutant) bool) {
		var doc yaml.Node
		if err := yaml.Unmarshal(src, &doc); err != nil {
			t.Fatal(err)
		}
		emit := func(what string) bool {
			out, err := yaml.Marshal(&doc)
			if err != nil {
				t.Fatal(err)
			}
			return yield(mutant{what, out})
		}
		_ = emit("none") && mutate(doc.Content[0], "", emit)
	}
}

// mutate changes n in every way, one at a time, and calls emit while each change is in place.
func mutate(n *yaml.Node, path string, emit func(what string) bool) bool {
	step := 1
	if n.Kind == yaml.MappingNode {
		step = 2
	}
	if n.Kind == yaml.ScalarNode {
		return mutateScalar(n, path, emit)
	}
	all := n.Content
	for i := 0; i < len(all); i += step {
		at := path + "/" + strconv.Itoa(i)
		if step == 2 {
			at = path + "/" + all[i].Value
		}
		n.Content = append(append([]*yaml.Node{}, all[:i]...), all[i+step:]...)
		ok := emit("delete " + at)
		n.Content = all
		if step == 2 {
			name := all[i].Value
			all[i].Value = name + "x"
			ok = ok && emit("rename "+at)
			all[i].Value = name
		}
		if !ok || !mutate(all[i+step-1], at, emit) {
			return false
		}
	}
	return true
}

func mutateScalar(n *yaml.Node, path string, emit func(what string) bool) bool {
	old := n.Value
	switch n.ShortTag() {
	case "!!bool":
		n.Value = map[string]string{"true": "false", "false": "true"}[old]
	case "!!int", "!!float":
		n.Value = "1" + old
	default:
		n.Value = old + "x"
	}
	ok := emit("change " + path)
	n.Value = old
	return ok
}

// dump writes what a fleet means: everything but places, files and hashes.
func dump(f *Fleet) string {
	var b strings.Builder
	for _, c := range f.Contracts {
		dumpValue(&b, reflect.ValueOf(*c), 0)
	}
	return b.String()
}

func dumpValue(b *strings.Builder, v reflect.Value, depth int) {
	switch x := v.Interface().(type) {
	case Pos:
		return
	case *Message:
		if depth > 2 || x == nil || x.Data == nil {
			fmt.Fprint(b, x != nil, " ")
			if x != nil {
				fmt.Fprint(b, x.Ref, x.Class, " ")
			}
			return
		}
		fmt.Fprint(b, x.Ref, x.Class, x.External, x.Key, x.Data.Name, strconv.Quote(x.Description), x.Access, x.Partitions, x.Retention, "\n")
		return
	case *Contract:
		return
	case *Type:
		if depth > 2 && x != nil {
			fmt.Fprint(b, x.Name, " ")
			return
		}
	}
	dumpKind(b, v, depth)
}

func dumpKind(b *strings.Builder, v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			b.WriteString("nil ")
			return
		}
		dumpValue(b, v.Elem(), depth)
	case reflect.Slice:
		fmt.Fprintf(b, "[%d ", v.Len())
		for i := range v.Len() {
			dumpValue(b, v.Index(i), depth+1)
		}
		b.WriteString("]")
	case reflect.Struct:
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			if name == "File" || name == "SHA256" {
				continue
			}
			b.WriteString("\n" + strings.Repeat(" ", depth) + name + "=")
			dumpValue(b, v.Field(i), depth+1)
		}
	default:
		fmt.Fprintf(b, "%#v ", v.Interface())
	}
}
