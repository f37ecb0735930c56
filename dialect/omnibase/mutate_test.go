package omnibase_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/omninode-ai/omninode/dialect/omnibase"
)

// checkCarried deletes every carried value of a source, together with the values that say the same,
// and demands that the contracts differ. Comments do not count.
func checkCarried(t *testing.T, name string, data []byte) (mutants int) {
	t.Helper()
	res := omnibase.Import(map[string][]byte{name: data})
	want := meanings(t, res.Contracts)
	f := res.Files[0]
	for _, l := range f.Leaves {
		if l.Verdict != omnibase.Carried {
			continue
		}
		gone := []string{l.Path}
		for _, same := range f.Leaves {
			if same.Origin == l.Path || strings.HasPrefix(l.Path, same.Origin+".") && same.Origin != "" {
				gone = append(gone, same.Path)
			}
		}
		mutants++
		mutant := omnibase.Translate(name, without(t, data, gone))
		if reflect.DeepEqual(meanings(t, mutant), want) {
			t.Errorf("%s:%d: %s is said to be carried to %s, but nothing changes without it", name, l.Line, l.Path, l.Target)
		}
	}
	return mutants
}

// meanings parses contracts, so that comments do not count.
func meanings(t *testing.T, contracts map[string][]byte) map[string]any {
	t.Helper()
	out := map[string]any{}
	for file, data := range contracts {
		var v any
		if err := yaml.Load(data, &v); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		out[file] = v
	}
	return out
}

// without returns a document that lacks the values at some paths.
func without(t *testing.T, data []byte, paths []string) []byte {
	t.Helper()
	doc := parseNode(t, data)
	remove(doc.Content[0], "", paths)
	return dumpNode(t, doc)
}

func remove(n *yaml.Node, path string, gone []string) {
	var kept []*yaml.Node
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			at := strings.TrimPrefix(path+"."+n.Content[i].Value, ".")
			if !slices.Contains(gone, at) {
				kept = append(kept, n.Content[i], n.Content[i+1])
				remove(n.Content[i+1], at, gone)
			}
		}
		n.Content = kept
	}
	if n.Kind == yaml.SequenceNode {
		for i, e := range n.Content {
			at := fmt.Sprintf("%s[%d]", path, i)
			if !slices.Contains(gone, at) {
				kept = append(kept, e)
				remove(e, at, gone)
			}
		}
		n.Content = kept
	}
}
