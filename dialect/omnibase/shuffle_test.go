package omnibase_test

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/omninode-ai/omninode/dialect/omnibase"
)

// TestShuffled imports files of the corpus with parts of other files in them: whatever stands where,
// the import refuses it with its place or writes valid contracts. SHUFFLES says how many it tries.
func TestShuffled(t *testing.T) {
	t.Parallel()
	rounds := 400
	if n, err := strconv.Atoi(os.Getenv("SHUFFLES")); err == nil {
		rounds = n
	}
	files := corpus(t)
	names := slices.Sorted(maps.Keys(files))
	for seed := range rounds {
		random := rand.New(rand.NewPCG(uint64(seed), 1))
		doc := parseNode(t, files[names[random.IntN(len(names))]])
		for range 1 + random.IntN(4) {
			donor := parseNode(t, files[names[random.IntN(len(names))]])
			to, from := inner(doc), inner(donor)
			*to[random.IntN(len(to))] = *from[random.IntN(len(from))]
		}
		data := dumpNode(t, doc)
		for _, d := range omnibase.Import(map[string][]byte{"a.yaml": data}).Files[0].Problems {
			if d.File != "a.yaml" && d.Rule != "too-large" {
				t.Errorf("seed %d: the import writes a contract that is not valid: %v\n%s", seed, d, data)
			}
		}
	}
}

// inner returns the values of a document below its root.
func inner(n *yaml.Node) []*yaml.Node {
	var list []*yaml.Node
	for i, e := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			continue
		}
		if n.Kind != yaml.DocumentNode {
			list = append(list, e)
		}
		list = append(list, inner(e)...)
	}
	return list
}

func parseNode(t *testing.T, data []byte) *yaml.Node {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Load(data, &doc); err != nil {
		t.Fatal(err)
	}
	return &doc
}

func dumpNode(t *testing.T, doc *yaml.Node) []byte {
	t.Helper()
	var b bytes.Buffer
	dump, err := yaml.NewDumper(&b)
	if err != nil {
		t.Fatal(err)
	}
	if err := dump.Dump(doc); err != nil {
		t.Fatal(err)
	}
	if err := dump.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
