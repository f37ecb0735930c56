package codegen_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/omninode-ai/omninode/catalogue"
	"github.com/omninode-ai/omninode/codegen"
	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/internal/manifest"
	"github.com/omninode-ai/omninode/internal/vault"
)

var everyMutant = flag.Bool("mutants", false, "try every mutant instead of a sample")

// sample is how many mutants there are per mutant that is tried without -mutants.
const sample = 80

// TestMutants deletes, renames and changes every leaf of the shop's and the pairwise contracts. Each
// mutant must be refused or change what the grammar names for its key.
func TestMutants(t *testing.T) {
	t.Parallel()
	table := &tally{rows: map[string]*score{}}
	for _, files := range []map[string][]byte{shopContracts(t), pairwiseContracts(t)} {
		for _, file := range slices.Sorted(maps.Keys(files)) {
			newBench(t, files, file).try(table)
		}
	}
	table.check(t)
}

// TestMutantsCanSurvive plants keys without an effect: one that changes nothing, and one that changes
// something else than the grammar says.
func TestMutantsCanSurvive(t *testing.T) {
	t.Parallel()
	files := shopContracts(t)
	b := newBench(t, files, "pricing/contract.yaml")
	src := string(files[b.file])
	if v := b.judge([]byte("# nothing\n" + src)); !v.survives(b.rows["contract.version"]) {
		t.Errorf("a comment counts as a change of %v", v.changed)
	}
	v := b.judge([]byte(strings.Replace(src, "description: ", "description: x", 1)))
	if row := b.rows["contract.description"]; v.survives(row) {
		t.Errorf("a description changes %v, not %v", v.changed, row.Changes)
	}
	if row := (contract.Key{Changes: []contract.Artefact{contract.ArtefactTypes}}); !v.survives(row) {
		t.Error("a description counts as a change of the types")
	}
}

func pairwiseContracts(t *testing.T) map[string][]byte {
	t.Helper()
	a, err := txtar.ParseFile("testdata/pairwise.txtar")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, f := range a.Files {
		files[f.Name] = f.Data
	}
	return files
}

// bench tries the mutants of one contract of a fleet.
type bench struct {
	t     *testing.T
	files map[string][]byte
	file  string
	base  map[contract.Artefact]string
	rows  map[string]contract.Key
}

func newBench(t *testing.T, files map[string][]byte, file string) *bench {
	t.Helper()
	b := &bench{t: t, files: files, file: file, rows: map[string]contract.Key{}}
	for _, s := range contract.Grammar() {
		for _, k := range s.Keys {
			b.rows[s.Name+"."+k.Name] = k
		}
	}
	b.base = b.artefacts(parse(t, files))
	return b
}

// try runs the mutants of the contract.
func (b *bench) try(table *tally) {
	var mu *mutator
	mu = newMutator(b.t, b.files[b.file], func(m mutant) {
		if *everyMutant || sampled(b.file+m.what) {
			row, v := b.rows[m.key], b.judge(mu.source(b.t))
			table.add(row, m.key, v)
			if v.survives(row) {
				b.t.Errorf("%s survives: %s changes %v, the grammar names %v for %s", b.file, m.what, v.changed, row.Changes, m.key)
			}
		}
	})
	if v := b.judge(mu.source(b.t)); v.refused || len(v.changed) > 0 {
		b.t.Errorf("writing the YAML anew: refused %t, changes %v", v.refused, v.changed)
	}
	mu.run()
}

func sampled(what string) bool {
	h := fnv.New32a()
	_, _ = h.Write([]byte(what))
	return h.Sum32()%sample == 0
}

// verdict is what became of a mutant: refused, or the artefacts it changed.
type verdict struct {
	refused bool
	changed []contract.Artefact
}

// survives tells whether a mutant was accepted and changed nothing that the row of its key names.
func (v verdict) survives(row contract.Key) bool {
	return !v.refused && !slices.ContainsFunc(v.changed, func(a contract.Artefact) bool { return slices.Contains(row.Changes, a) })
}

// judge reads a mutant with its fleet and compares what follows from it.
func (b *bench) judge(src []byte) verdict {
	b.t.Helper()
	files := maps.Clone(b.files)
	files[b.file] = src
	f, err := contract.ParseFleet(files)
	if err != nil {
		return verdict{refused: true}
	}
	return verdict{changed: differing(b.base, b.artefacts(f))}
}

func differing(a, b map[contract.Artefact]string) []contract.Artefact {
	var list []contract.Artefact
	for name := range a {
		if a[name] != b[name] {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

// artefacts returns what follows from the contracts of a fleet. The hash of the contract, which
// stands in its node's code, is the same for all.
func (b *bench) artefacts(f *contract.Fleet) map[contract.Artefact]string {
	b.t.Helper()
	all := map[contract.Artefact]string{}
	for _, c := range f.Contracts {
		c.SHA256 = strings.Repeat("0", 64)
	}
	for _, c := range f.Contracts {
		files, err := codegen.Generate(b.t.Context(), c, options())
		if err != nil {
			b.t.Fatal(err)
		}
		for _, file := range files {
			_, name, _ := strings.Cut(file.Path, "/")
			all[contract.Artefact(name)] += string(file.Content)
		}
		all[contract.ArtefactShow] += b.json(contract.Derive(c)) + b.json(catalogue.Routes(c))
		all[contract.ArtefactPolicy] += policy(c)
	}
	all[contract.ArtefactManifests] = b.manifests(f)
	return all
}

func (b *bench) json(v any) string {
	b.t.Helper()
	out, err := json.Marshal(v)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(out)
}

func policy(c *contract.Contract) string {
	var roles []string
	for _, s := range c.Secrets {
		if s.DatabaseRole != "" {
			roles = append(roles, s.DatabaseRole)
		}
	}
	return vault.Policy(c.Node, roles...)
}

// manifests renders the deployment with the least an environment says.
func (b *bench) manifests(f *contract.Fleet) string {
	b.t.Helper()
	in := manifest.Input{Environment: "production", Fleet: f, Values: manifest.Values{
		Namespace: "fleet", Nodes: map[string]manifest.NodeValues{},
		Environment: map[string]string{"CONSUL_HTTP_ADDR": "consul", "ONEX_KAFKA_BROKERS": "kafka", "VAULT_ADDR": "https://vault"},
	}}
	for _, c := range f.Contracts {
		in.Images.Images = append(in.Images.Images, manifest.Image{Node: c.Node, Ref: "fleet/" + c.Node + ":1", Digest: "sha256:" + c.SHA256})
		values := manifest.NodeValues{Config: map[string]string{}}
		for _, s := range c.Settings {
			if s.Default == nil {
				values.Config[s.Key] = "given"
			}
		}
		in.Values.Nodes[c.Node] = values
	}
	d, err := manifest.Render(in)
	if err != nil {
		b.t.Fatal(err)
	}
	var text strings.Builder
	for _, file := range d.Files {
		text.Write(file.Content)
	}
	return text.String()
}

// score is what became of the mutants of one key.
type score struct {
	refused, changed, survived int
	seen                       map[contract.Artefact]bool
	named                      []contract.Artefact
}

// tally adds up all keys.
type tally struct{ rows map[string]*score }

func (ta *tally) add(row contract.Key, key string, v verdict) {
	s := ta.rows[key]
	if s == nil {
		s = &score{seen: map[contract.Artefact]bool{}, named: row.Changes}
		ta.rows[key] = s
	}
	for _, a := range v.changed {
		s.seen[a] = true
	}
	switch {
	case v.refused:
		s.refused++
	case v.survives(row):
		s.survived++
	default:
		s.changed++
	}
}

// check prints the table and, after a full run, holds the grammar to it: each key is tried, and each
// artefact it names is changed by some mutant, if any is accepted.
func (ta *tally) check(t *testing.T) {
	t.Helper()
	var b strings.Builder
	w, total := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0), score{}
	fmt.Fprintln(w, "key\tmutants\trefused\tchanged\tsurvived\tchanges")
	for _, key := range slices.Sorted(maps.Keys(ta.rows)) {
		s := ta.rows[key]
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%v\n", key, s.refused+s.changed+s.survived, s.refused, s.changed, s.survived, s.named)
		total.refused, total.changed, total.survived = total.refused+s.refused, total.changed+s.changed, total.survived+s.survived
		if *everyMutant {
			ta.checkNamed(t, key, s)
		}
	}
	mutants := total.refused + total.changed + total.survived
	fmt.Fprintf(w, "all\t%d\t%d\t%d\t%d\n", mutants, total.refused, total.changed, total.survived)
	_ = w.Flush()
	t.Logf("%d of %d mutants survive: score %.2f %%\n%s", total.survived, mutants, 100-100*float64(total.survived)/float64(max(mutants, 1)), b.String())
	if mutants < 50 {
		t.Errorf("only %d mutants", mutants)
	}
}

func (ta *tally) checkNamed(t *testing.T, key string, s *score) {
	t.Helper()
	for _, a := range s.named {
		if s.changed > 0 && !s.seen[a] && a != contract.ArtefactCheck {
			t.Errorf("%s: the grammar names %s, but no mutant changes it", key, a)
		}
	}
}
