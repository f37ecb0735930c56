package export_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/omninode-ai/omninode/catalogue"
	"github.com/omninode-ai/omninode/catalogue/cataloguetest"
	"github.com/omninode-ai/omninode/catalogue/export"
	"github.com/omninode-ai/omninode/contract"
)

var update = flag.Bool("update", false, "rewrite the expected exports in testdata")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", filepath.FromSlash(name))
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs from what is exported:\n%s", file, got)
	}
}

func asyncAPI(t *testing.T, f *contract.Fleet, only *contract.Contract) []byte {
	t.Helper()
	doc, err := export.AsyncAPI(f, only)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestAsyncAPIGolden(t *testing.T) {
	t.Parallel()
	f := cataloguetest.Library(t)
	golden(t, "library.asyncapi.json", asyncAPI(t, f, nil))
	golden(t, "mailer.asyncapi.json", asyncAPI(t, f, f.Contract("mailer")))
}

// TestAsyncAPIIsComplete: each message has a channel with its topic, and each node an operation for
// each of its inputs and outputs, and no other.
func TestAsyncAPIIsComplete(t *testing.T) {
	t.Parallel()
	f := cataloguetest.Shop(t)
	var doc struct {
		Channels   map[string]struct{ Address string }
		Operations map[string]struct{ Action string }
	}
	if err := json.Unmarshal(asyncAPI(t, f, nil), &doc); err != nil {
		t.Fatal(err)
	}
	operations := 0
	for _, c := range f.Contracts {
		operations += len(c.Inputs()) + len(c.Outputs())
		for _, m := range c.Messages {
			if at := doc.Channels[m.Ref.Node+"."+m.Ref.Local()].Address; at != m.Topic().String() {
				t.Errorf("%s is at %q, want %s", m.Ref, at, m.Topic())
			}
		}
	}
	if len(doc.Channels) != len(catalogue.Flows(f)) || len(doc.Operations) != operations {
		t.Errorf("%d channels and %d operations, want %d and %d", len(doc.Channels), len(doc.Operations), len(catalogue.Flows(f)), operations)
	}
}

// hostile is text that means something in JSON, YAML, Markdown, HTML or Mermaid.
func hostile() []string {
	return []string{
		`"}], "$ref": "file:///etc/passwd"`, "</script><img src=x onerror=alert(1)>", "[a](javascript:alert(1)) | x | `y` ```", "${x} {{y}} %%{init}%%",
		"# h <!-- --> &amp; \\ * _ ~",
	}
}

// TestOfficialParser lets the parser of AsyncAPI's own project judge what is exported. make asyncapi
// installs it.
func TestOfficialParser(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds: make asyncapi")
	}
	packages, err := filepath.Abs(filepath.Join("..", "..", ".omninode", "asyncapi"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(packages, "node_modules", "@asyncapi", "parser")); err != nil {
		t.Skip("needs Node.js and @asyncapi/parser: make asyncapi")
	}
	lib, shop := cataloguetest.Library(t), cataloguetest.Shop(t)
	documents := map[string][]byte{"library": asyncAPI(t, lib, nil), "shop": asyncAPI(t, shop, nil), "large": asyncAPI(t, cataloguetest.Large(t, 60), nil)}
	for _, c := range append(lib.Contracts, shop.Contracts...) {
		f := lib
		if shop.Contract(c.Node) == c {
			f = shop
		}
		documents[c.Node] = asyncAPI(t, f, c)
	}
	for i, text := range hostile() {
		documents[fmt.Sprint("hostile", i)] = asyncAPI(t, cataloguetest.Hostile(t, text), nil)
	}
	if out, err := judge(t, packages, documents); err != nil {
		t.Errorf("the parser refuses: %v\n%s", err, out)
	} else {
		t.Logf("%s", out)
	}
	broken := bytes.ReplaceAll(documents["shop"], []byte(`"action": "send"`), []byte(`"action": "shout"`))
	if out, err := judge(t, packages, map[string][]byte{"broken": broken}); err == nil {
		t.Errorf("the parser accepts a broken document: %s", out)
	}
}

func judge(t *testing.T, packages string, documents map[string][]byte) (string, error) {
	t.Helper()
	dir := t.TempDir()
	args := []string{filepath.Join("testdata", "asyncapi.cjs"), packages}
	for name, doc := range documents {
		file := filepath.Join(dir, name+".json")
		if err := os.WriteFile(file, doc, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, file)
	}
	out, err := exec.CommandContext(t.Context(), "node", args...).CombinedOutput()
	return strings.ReplaceAll(string(out), dir+string(filepath.Separator), ""), err
}
