package codegen_test

import (
	"math/rand/v2"
	"regexp"
	"runtime"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"go.yaml.in/yaml/v4"
)

// TestOrderOfKeys shuffles the keys of every mapping, on one processor and on all, in another locale and
// time zone: the generated code is the same but for the digest of the contract's text. Only the order of
// a workflow's steps is meant, as that of lists.
func TestOrderOfKeys(t *testing.T) {
	t.Setenv("TZ", "Asia/Kathmandu")
	t.Setenv("LC_ALL", "tr_TR.UTF-8")
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for _, name := range []string{"every-key", "upcast", "clockwork"} {
		want := unhashed(t, name, func([]byte) []byte { return nil })
		for seed := range uint64(5) {
			if seed == 3 {
				runtime.GOMAXPROCS(runtime.NumCPU() + 1)
			}
			r := rand.New(rand.NewPCG(seed, 2))
			got := unhashed(t, name, func(src []byte) []byte { return shuffled(t, src, r) })
			for path, content := range want {
				if got[path] != content {
					t.Errorf("%s: %s depends on the order of keys", name, path)
				}
			}
			if len(got) != len(want) {
				t.Errorf("%s: %d files, want %d", name, len(got), len(want))
			}
		}
	}
}

// unhashed generates a golden case, its contracts changed if change returns something, and returns the
// files without digests of contracts.
func unhashed(t *testing.T, name string, change func([]byte) []byte) map[string]string {
	t.Helper()
	a, err := txtar.ParseFile("testdata/golden/" + name + ".txtar")
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range a.Files {
		if src := change(f.Data); src != nil && regexp.MustCompile(`contract\.yaml$`).MatchString(f.Name) {
			a.Files[i].Data = src
		}
	}
	files := map[string]string{}
	for _, f := range generate(t, contracts(t, a)) {
		files[f.Path] = regexp.MustCompile(`"[0-9a-f]{64}"`).ReplaceAllString(string(f.Content), `"…"`)
	}
	return files
}

func shuffled(t *testing.T, src []byte, r *rand.Rand) []byte {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal(src, &doc); err != nil {
		return nil // no contract
	}
	shuffle(&doc, r, false)
	out, err := yaml.Marshal(&doc)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// shuffle changes the order of the entries of every mapping but those whose order is meant.
func shuffle(n *yaml.Node, r *rand.Rand, meant bool) {
	for i, c := range n.Content {
		steps := n.Kind == yaml.MappingNode && i%2 == 1 && n.Content[i-1].Value == "steps"
		shuffle(c, r, steps)
	}
	if n.Kind != yaml.MappingNode || meant {
		return
	}
	r.Shuffle(len(n.Content)/2, func(i, j int) {
		n.Content[2*i], n.Content[2*j] = n.Content[2*j], n.Content[2*i]
		n.Content[2*i+1], n.Content[2*j+1] = n.Content[2*j+1], n.Content[2*i+1]
	})
}
