package contract

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// mostRounds is how many rounds of validation a contract may take to grow from an empty file.
const mostRounds = 12

// sprout is a contract that grows, with what only its author can know.
type sprout struct {
	node    string
	fleet   map[string][]byte // the nodes that are there already
	choices map[string]string // what the author writes in place of what a message offers
}

func sprouts() []sprout {
	payment := "omninode: 1\nnode: payment\nversion: 1.0.0\nkind: effect\ncommands:\n  charge-card: {external: true, v1: {key: id, data: Charge}}\n" +
		"events:\n  card-charged: {external: true, v1: {key: id, data: Charge}}\n  card-declined: {external: true, v1: {key: id, data: Charge}}\n" +
		"handles:\n  charge-card.v1: {emits: [card-charged.v1, card-declined.v1]}\n" +
		"types:\n  Charge: {type: object, required: [id], properties: {id: {type: string, format: uuid}}}\n"
	return []sprout{
		{node: "pricing"},
		{node: "mailer", choices: map[string]string{"kind: compute": "kind: effect"}},
		{node: "orders", choices: map[string]string{"kind: compute": "kind: reducer"}},
		{
			node: "checkout", choices: map[string]string{"kind: compute": "kind: orchestrator"},
			fleet: map[string][]byte{nodeFile("payment"): []byte(payment)},
		},
	}
}

// TestGrow grows a contract of each kind from an empty file. Each round does what the messages of the
// round before say and knows nothing else: it makes their edits, and pastes the text their fixes
// show where they belong. docs/growing.md is the transcript; -update rewrites it.
func TestGrow(t *testing.T) {
	t.Parallel()
	var page strings.Builder
	page.WriteString(growHead)
	for _, s := range sprouts() {
		grow(t, s, &page)
	}
	name := filepath.Join("..", "docs", "growing.md")
	if *update {
		if err := os.WriteFile(name, []byte(page.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != page.String() {
		t.Errorf("docs/growing.md is out of date: go test ./contract -update\n%s", Diff("docs/growing.md", got, []byte(page.String())))
	}
}

const growHead = `# A contract grows from an empty file

What ` + "`omninode validate`" + ` says is enough to write a contract. These transcripts begin with an empty file. Each round does what
the messages of the round before say, without any other knowledge of the language: it takes the text that a fix shows
and puts it where the diagnostic says it belongs, as an editor does with *quick fix*. Only the name and the kind of the node
are the author's own. The page is made by ` + "`TestGrow`" + `.
`

func grow(t *testing.T, s sprout, page *strings.Builder) {
	t.Helper()
	file := nodeFile(s.node)
	files := map[string][]byte{file: {}}
	maps.Copy(files, s.fleet)
	var rounds strings.Builder
	for round := 1; ; round++ {
		ds := fleetDiagnostics(t, files)
		fmt.Fprintf(&rounds, "\nRound %d:\n\n```text\n", round)
		if len(ds) == 0 {
			fmt.Fprintf(&rounds, "no mistake\n```\n\n```yaml\n%s```\n", files[file])
			break
		}
		fmt.Fprintf(&rounds, "%s\n```\n", ds)
		if round == mostRounds {
			t.Errorf("%s is not valid after %d rounds: %v", s.node, round, ds)
			return
		}
		edits := followed(t, s, ds)
		if len(edits) == 0 {
			t.Errorf("%s: the messages say nothing that can be done: %v", s.node, ds)
			return
		}
		files[file] = Apply(file, files[file], edits)
	}
	c := fleetOf(t, files).Contract(s.node)
	fmt.Fprintf(page, "\n## A node of kind %s\n%s", c.Kind, rounds.String())
}

func fleetOf(t *testing.T, files map[string][]byte) *Fleet {
	t.Helper()
	f, err := ParseFleet(files)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// followed returns the edits that do what diagnostics say. What the same round has begun already is
// left to the next one.
func followed(t *testing.T, s sprout, ds Diagnostics) []Edit {
	t.Helper()
	var edits []Edit
	begun := map[string]bool{}
	for _, d := range ds {
		for _, e := range append(d.Edits, d.Paste...) {
			text := strings.Trim(e.Text, " \n,")
			key, _, _ := strings.Cut(text, ":")
			if begun[fmt.Sprint(e.Start, key)] {
				continue
			}
			begun[fmt.Sprint(e.Start, key)] = true
			if !strings.Contains(d.Fix, text) {
				t.Errorf("%s: its fix does not show %q", d, text)
			}
			e.Text = strings.Replace(e.Text, text, s.chosen(text), 1)
			edits = append(edits, e)
		}
	}
	return edits
}

// chosen returns what the author writes where a message offers text.
func (s sprout) chosen(text string) string {
	if strings.HasPrefix(text, "node: ") {
		return "node: " + s.node
	}
	if own, ok := s.choices[text]; ok {
		return own
	}
	return text
}

// TestSnippets checks that what a fix shows for a key that is missing is YAML that gives that key.
func TestSnippets(t *testing.T) {
	t.Parallel()
	for _, s := range Grammar() {
		for _, k := range s.Keys {
			text := snippet(k.Fix, k.written())
			if k.Fix == "" || text == "" && k.Required != Always {
				continue
			}
			var got map[string]any
			if err := yaml.Unmarshal([]byte(text), &got); err != nil || got[k.written()] == nil || len(got) != 1 {
				t.Errorf("%s.%s: the fix %q shows %q, which gives %v: %v", s.Name, k.Name, k.Fix, text, got, err)
			}
		}
	}
}
