package manifest

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/omninode-ai/omninode/contract"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// setup returns the input of testdata/fleet.txtar.
func setup(t *testing.T) Input {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata", "fleet.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	in, contracts := Input{Environment: "production"}, map[string][]byte{}
	for _, f := range archive.Files {
		switch f.Name {
		case "images.json":
			in.Images, err = ParseImages(f.Data)
		case "values.yaml":
			in.Values, err = ParseValues(f.Data)
		default:
			contracts[f.Name] = f.Data
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if in.Fleet, err = contract.ParseFleet(contracts); err != nil {
		t.Fatal(err)
	}
	return in
}

func render(t *testing.T, in Input) *Deployment {
	t.Helper()
	d, err := Render(in)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestRenderGolden(t *testing.T) {
	t.Parallel()
	for _, f := range render(t, setup(t)).Files {
		golden(t, filepath.Base(f.Path), f.Content)
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; run with -update and read the diff\ngot:\n%s", file, got)
	}
}

func TestPlanGolden(t *testing.T) {
	t.Parallel()
	in := setup(t)
	in.Values.Environment["ONEX_LOG_LEVEL"] = "debug"
	before := render(t, in)
	previous, err := ParsePrevious(before.Files)
	if err != nil {
		t.Fatal(err)
	}
	previous["retired"] = PreviousNode{Image: "demo/retired:1"}
	in.Values.Nodes["greeter"] = NodeValues{Config: map[string]string{"sender_url": "https://other.example.com", "repeat": "3"}}
	delete(in.Values.Environment, "ONEX_LOG_LEVEL")
	in.Images.Images[1].Digest = "sha256:" + strings.Repeat("c", 64)
	after := render(t, in)
	golden(t, "plan.md", Plan(after, PlanOptions{
		Environment: "production", Previous: previous, Migrations: []string{"schema omninode: 00001_first"},
	}))
}

func TestRenderIsDeterministic(t *testing.T) {
	t.Parallel()
	a, b := render(t, setup(t)), render(t, setup(t))
	for i := range a.Files {
		if a.Files[i].Path != b.Files[i].Path || !bytes.Equal(a.Files[i].Content, b.Files[i].Content) {
			t.Errorf("%s differs between two renderings", a.Files[i].Path)
		}
	}
}

func TestRenderReportsEverythingAtOnce(t *testing.T) {
	t.Parallel()
	in := setup(t)
	in.Images.Images = append(in.Images.Images[1:], Image{Node: "stranger"})
	in.Values = Values{
		Namespace:   "Not A Label",
		Environment: map[string]string{"VAULT_ROLE_ID": "x", "GREETER_SENDER_TOKEN": "hunter2"},
		Nodes: map[string]NodeValues{
			"greeter": {Sizing: Sizing{Memory: "lots"}, Config: map[string]string{"unknown": "1"}},
			"ghost":   {},
		},
	}
	_, err := Render(in)
	if err == nil {
		t.Fatal("a deployment without an image was rendered")
	}
	for _, want := range []string{
		`node "greeter" has no image`, `"stranger" is not a node`, `namespace "Not A Label"`,
		"environment.CONSUL_HTTP_ADDR is missing", "environment.ONEX_KAFKA_BROKERS is missing", "environment.VAULT_ADDR is missing",
		"environment.VAULT_ROLE_ID is set by the manifests", "environment.GREETER_SENDER_TOKEN is a secret",
		"nodes.greeter.config.sender_url is missing", "nodes.greeter.config.unknown is not in the contract",
		`nodes.greeter.memory "lots"`, "nodes.ghost is not a node",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not mention %q:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Error("the error shows a secret's value")
	}
}

func TestParseImages(t *testing.T) {
	t.Parallel()
	const digest = `"digest": "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"`
	for _, tt := range []struct{ name, src, want string }{
		{"valid", `{"images": [{"node": "a", "ref": "x/a:1", ` + digest + `}]}`, ""},
		{"empty", `{"images": []}`, ""},
		{"no JSON", `images:`, "decode images"},
		{"unknown key", `{"images": [], "extra": 1}`, "unknown field"},
		{"trailing text", `{"images": []} {}`, "text after"},
		{"no node", `{"images": [{"ref": "x/a:1", ` + digest + `}]}`, "node is missing"},
		{"no tag", `{"images": [{"node": "a", "ref": "x/a", ` + digest + `}]}`, "no tag"},
		{"bad ref", `{"images": [{"node": "a", "ref": "x/a b:1", ` + digest + `}]}`, "not of the form"},
		{"short digest", `{"images": [{"node": "a", "ref": "x/a:1", "digest": "sha256:abc"}]}`, "want sha256"},
		{"negative size", `{"images": [{"node": "a", "ref": "x/a:1", ` + digest + `, "size": -1}]}`, "negative"},
		{"twice", `{"images": [{"node": "a", "ref": "x/a:1", ` + digest + `}, {"node": "a", "ref": "x/a:1", ` + digest + `}]}`, "twice"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseImages([]byte(tt.src))
			if got := errText(err); (tt.want == "") != (err == nil) || !strings.Contains(got, tt.want) {
				t.Errorf("error %q, want one with %q", got, tt.want)
			}
		})
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestParseValuesRefusesUnknownKeys(t *testing.T) {
	t.Parallel()
	for _, src := range []string{"namspace: x\n", "namespace: x\nnamespace: y\n", "nodes: {a: {replica: 1}}\n", "namespace: [\n"} {
		if _, err := ParseValues([]byte(src)); err == nil {
			t.Errorf("values %q were accepted", src)
		}
	}
}

func TestCheckIsStrict(t *testing.T) {
	t.Parallel()
	const head = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n"
	for _, tt := range []struct{ name, src, want string }{
		{"valid", head + "spec: {ports: [{port: 80}]}\n", ""},
		{"unknown field", head + "spec: {prots: []}\n", "unknown field"},
		{"duplicate field", head + "metadata: {name: b}\n", "already set"},
		{"wrong type", head + "spec: {ports: [{port: many}]}\n", "cannot unmarshal"},
		{"unknown kind", "apiVersion: v1\nkind: Secret\n", "is not one this program writes"},
		{"second document", head + "---\n" + head + "spec: {x: 1}\n", "document 2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := Check([]byte(tt.src))
			if got := errText(err); (tt.want == "") != (err == nil) || !strings.Contains(got, tt.want) {
				t.Errorf("error %q, want one with %q", got, tt.want)
			}
		})
	}
}

func TestWriteExchangesTheWholeFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(names ...string) error {
		var files []File
		for _, n := range names {
			files = append(files, File{Path: Folder + "/" + n, Content: []byte(n)})
		}
		return Write(dir, files, []byte("plan of "+strings.Join(names, " ")))
	}
	if err := write("a.yaml", "b.yaml"); err != nil {
		t.Fatal(err)
	}
	if err := write("b.yaml"); err != nil {
		t.Fatal(err)
	}
	if got, want := names(t, dir), []string{"manifests/b.yaml", "plan.md"}; !slices.Equal(got, want) {
		t.Errorf("folder holds %v, want %v", got, want)
	}
	if err := write("no-such-folder/c.yaml"); err == nil {
		t.Error("a file in a missing folder was written")
	}
	if got, want := names(t, dir), []string{"manifests/b.yaml", "plan.md"}; !slices.Equal(got, want) {
		t.Errorf("after a failure the folder holds %v, want %v", got, want)
	}
	if plan, err := os.ReadFile(filepath.Join(dir, PlanFile)); err != nil || string(plan) != "plan of b.yaml" {
		t.Errorf("plan is %q, %v", plan, err)
	}
}

// names lists the files below dir.
func names(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(p string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rel, _ := filepath.Rel(dir, p)
			list = append(list, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}
