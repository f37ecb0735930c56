package omnibase_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/dialect/omnibase"
)

// TestProblems lists what cannot be imported at all, each with place and remedy.
func TestProblems(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ src, want string }{
		"empty":        {"", "a.yaml:1:1: empty: "},
		"no mapping":   {"- a\n- b\n", "a.yaml:1:1: not-importable: it is no mapping"},
		"no name":      {"node_type: effect\n", "a.yaml:1:1: not-importable: the node has no name"},
		"hollow name":  {"name: '!!'\nnode_type: effect\n", "a.yaml:1:1: not-importable: the node has no name"},
		"no kind":      {"name: node_a\n", "a.yaml:1:1: not-importable: the node has no node_type"},
		"strange kind": {"name: node_a\nnode_type: gizmo\n", "a.yaml:2:1: not-importable: its node_type is none of the four kinds"},
		"key twice":    {"name: node_a\nnode_type: effect\nname: node_b\n", `a.yaml:3:1: not-importable: the key "name" stands twice`},
		"alias":        {"name: &n node_a\nnode_type: *n\n", "a.yaml:1:7: alias: "},
		"merge":        {"name: node_a\n<<: {node_type: effect}\n", "a.yaml:2:1: alias: "},
		"tag":          {"name: !!python/object:os.system node_a\n", "a.yaml:1:7: tag: "},
		"two":          {"name: node_a\nnode_type: effect\n---\nname: node_b\n", "a.yaml:3:1: documents: "},
		"no yaml":      {"name: [a\n", ": syntax: "},
		"bytes":        {"name: \x00\n", "a.yaml:1:7: encoding: "},
		"huge":         {strings.Repeat("#", contract.MaxBytes+1), "a.yaml:1:1: too-large: "},
		"deep":         {"name: " + strings.Repeat("[", 200) + strings.Repeat("]", 200), ": depth: "},
		"long":         {"name: node_a\nnode_type: effect\ntags: [" + strings.Repeat("a, ", 2001) + "]\n", "not-importable: it has more than 1000 entries"},
		"many":         {"name: node_a\nnode_type: effect\n" + many(), "not-importable: it has more than 2000 values"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := omnibase.Import(map[string][]byte{"a.yaml": []byte(tc.src), "b.yaml": []byte("name: node_other\nnode_type: compute\n")})
			got := res.Files[0].Problems.Error()
			if !strings.Contains(got, tc.want) {
				t.Errorf("problems %q, want %q", got, tc.want)
			}
			if len(res.Files[0].Problems) > 0 && res.Files[0].Problems[0].Fix == "" {
				t.Error("no remedy")
			}
			if len(res.Contracts) != 1 || res.Contracts["other/contract.yaml"] == nil {
				t.Errorf("a broken file kept another one from being imported")
			}
		})
	}
}

func many() string {
	var b strings.Builder
	for i := range 4 {
		fmt.Fprintf(&b, "k%d: [%s]\n", i, strings.Repeat("a, ", 900))
	}
	return b.String()
}

// TestHostileText puts what breaks out of YAML, Go and shells into every place a text can stand.
func TestHostileText(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"\n", "'", `"`, "a: b", "a #b", "# a", "- a", "{a}", "[a]", "*a", "&a", "!a", "|", ">", "%a", "@a", "`a`", "`rm -rf ~`", "$(id)", "../../etc/passwd", "C:\\x",
		"null", "true", "yes", "on", "0x10", "1e9", "~", ".inf", "<<", "import", "func", "type", "Config", "Handler", "init", "main", "\u2028", "\ufeffx", "日本語", "éàü",
		"a\n# b\nevil: true", "*/ package x", "//go:embed /etc/passwd", "//go:generate sh", strings.Repeat("long", 200), "{{.}}", "${x}", "%s%d", "a.b/c:d", "Validate", "node_", "v1",
	} {
		src := fmt.Sprintf(`name: %[1]q
node_type: reducer
node_version: %[1]q
description: %[1]q
capabilities: [%[1]q, {name: %[1]q, description: %[1]q}]
event_bus: {subscribe_topics: [%[1]q, onex.evt.a.b.v1], publish_topics: [%[1]q], partition_key_field: %[1]q}
input_model: {name: %[1]q, description: %[1]q}
output_model: %[1]q
state_machine:
  initial_state: %[1]q
  states: [{state_name: %[1]q, description: %[1]q}]
  transitions: [{from_state: %[1]q, to_state: %[1]q, trigger: %[1]q, description: %[1]q}]
inputs: {%[1]q: {type: str, enum: [%[1]q], description: %[1]q}}
dependencies: [{name: %[1]q, type: protocol, class_name: %[1]q, description: %[1]q}, {name: %[1]q, type: environment, env_var: %[1]q}]
config: {%[1]q: %[1]q}
feature_flags: [{name: %[1]q, default: true, description: %[1]q}]
%[1]q: %[1]q
`, text)
		for _, kind := range []string{"reducer", "effect", "compute", "orchestrator"} {
			data := []byte(strings.Replace(strings.Replace(src, "node_type: reducer", "node_type: "+kind, 1), "name: ", "name: node_x_", 1))
			data = []byte(strings.Replace(string(data), "name: node_x_\"", "name: \"node_x ", 1))
			res := omnibase.Import(map[string][]byte{"a.yaml": data})
			for _, d := range res.Files[0].Problems {
				if d.Rule != "not-importable" || !strings.Contains(d.Message, "stands twice") {
					t.Errorf("%q in a %s: %v", text, kind, d)
				}
			}
			for path := range res.Contracts {
				if strings.Contains(path, "..") || strings.Count(path, "/") != 1 {
					t.Errorf("%q becomes the path %q", text, path)
				}
			}
		}
	}
}

// TestLargeSource imports a file with many messages, each of which is proved to be carried.
func TestLargeSource(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("name: node_big\nnode_type: effect\nevent_bus:\n  subscribe_topics:\n")
	for i := range 150 {
		fmt.Fprintf(&b, "    - onex.cmd.big.message-%d.v1\n", i)
	}
	f := omnibase.Import(map[string][]byte{"a.yaml": []byte(b.String())}).Files[0]
	if len(f.Problems) > 0 || f.Count(omnibase.Carried) != 152 {
		t.Errorf("%d values carried, want 152; problems: %v", f.Count(omnibase.Carried), f.Problems)
	}
}

// FuzzImport feeds anything: an import never panics, accounts for each value, and what it writes is a
// valid fleet.
func FuzzImport(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "corpus", "*.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("name: node_a\nnode_type: effect\n"))
	f.Add([]byte("name: node_a\nnode_type: reducer\nstate_machine: {initial_state: a, transitions: [{from_state: a, to_state: b, trigger: c}]}\n"))
	f.Add([]byte("name: node_a\nnode_type: orchestrator\nworkflow_coordination: {workflow_definition: {execution_graph: {nodes: [{node_id: a, node_type: effect}]}}}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		res := omnibase.Import(map[string][]byte{"a.yaml": data})
		for _, l := range res.Files[0].Leaves {
			if l.Verdict == "" {
				t.Errorf("no verdict on %s", l.Path)
			}
		}
		if len(res.Contracts) == 0 {
			return
		}
		if _, err := contract.ParseFleet(res.Contracts); err != nil {
			t.Error(err)
		}
	})
}
