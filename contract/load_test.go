package contract

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/omninode-ai/omninode/onex/event"
)

func TestLoadUnreadable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, file := range map[string]string{"absent": filepath.Join(dir, "x.yaml"), "a folder": dir, "a device": os.DevNull} {
		c, ds := Load(file)
		if c != nil || len(ds) != 1 || ds[0].Rule != ruleUnreadable || ds[0].File != file {
			t.Errorf("%s: contract %v, diagnostics %v", name, c, ds)
		}
	}
}

func TestLoadAlone(t *testing.T) {
	t.Parallel()
	c, ds := Load(filepath.Join("..", "nodes", "checkout", FileName))
	if len(ds) > 0 {
		t.Fatal(ds)
	}
	send := c.Workflow.Steps[0].Send
	if send.Ref != event.MustRef("orders/place-order.v1") || send.Class != event.Command || send.Data != nil || send.Owner != nil || c.Foreign != nil {
		t.Errorf("a foreign message before the fleet is linked: %+v, Foreign %v", send, c.Foreign)
	}
	if len(c.SHA256) != 64 {
		t.Errorf("SHA256 %q", c.SHA256)
	}
}

// TestLoadFleet loads the repository's own nodes from disk.
func TestLoadFleet(t *testing.T) {
	t.Parallel()
	f, err := LoadFleet(filepath.Join("..", "nodes"))
	if err != nil {
		t.Fatal(err)
	}
	orders, payment := f.Contract("orders"), f.Contract("payment")
	if orders == nil || payment == nil || f.Contract("nobody") != nil {
		t.Fatalf("contracts %v", f.Contracts)
	}
	var in *Message
	for _, tr := range orders.Machine.Transitions {
		if tr.Input.Ref == event.MustRef("payment/card-charged.v1") {
			in = tr.Input
		}
	}
	if in == nil || in.Owner != payment || in.Data.Name != "Receipt" || in.Key != "order_id" {
		t.Fatalf("input %+v is not the message of its owner", in)
	}
	if !slices.Contains(orders.Foreign, in) {
		t.Errorf("Foreign %v lacks %s", orders.Foreign, in.Ref)
	}
}

func TestLoadFleetFromDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var ds Diagnostics
	if _, err := LoadFleet(filepath.Join(dir, "absent")); err == nil || errors.As(err, &ds) {
		t.Errorf("absent folder: %v", err)
	}
	if _, err := LoadFleet(dir); err == nil || errors.As(err, &ds) {
		t.Errorf("empty folder: %v", err)
	}
	mustWrite(t, filepath.Join(dir, "cmd", "main.go"), "package main\n") // no node
	mustWrite(t, filepath.Join(dir, "README.md"), "# nodes\n")
	if err := os.MkdirAll(filepath.Join(dir, "broken", FileName), 0o750); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadFleet(dir); !errors.As(err, &ds) || len(ds) != 1 || ds[0].Rule != ruleUnreadable {
		t.Errorf("a folder called %s: %v", FileName, err)
	}
}

func mustWrite(t *testing.T, file, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// FuzzParse checks that nothing panics, that a contract comes without diagnostics or not at all,
// that positions lie inside of the file and that what is accepted can be used.
func FuzzParse(f *testing.F) {
	for _, node := range []string{"checkout", "orders", "payment", "pricing"} {
		src, err := os.ReadFile(filepath.Join("..", "nodes", node, FileName))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	for _, in := range hostile() {
		if len(in.src) < 4096 {
			f.Add(in.src)
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		c, ds := Parse("contract.yaml", src)
		if (c == nil) != (len(ds) > 0) {
			t.Fatalf("contract %v together with %v", c, ds)
		}
		for _, d := range ds {
			if d.Line < 1 || d.Column < 1 || d.Rule == "" || d.Message == "" || d.Fix == "" || d.File != "contract.yaml" {
				t.Fatalf("incomplete diagnostic %+v", d)
			}
		}
		if c != nil {
			exercise(c)
		}
		_, _ = ParseFleet(map[string][]byte{"contract.yaml": src})
	})
}

// FuzzParseFleet reads two contracts: nothing panics, every mistake has a place, and what is said does
// not depend on the order of a map.
func FuzzParseFleet(f *testing.F) {
	names, err := filepath.Glob(filepath.Join("testdata", "fleet", "*.txtar"))
	if err != nil || len(names) == 0 {
		f.Fatalf("no fleets: %v", err)
	}
	for _, name := range names {
		a, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(a.Files[0].Data, a.Files[min(1, len(a.Files)-1)].Data)
	}
	f.Fuzz(func(t *testing.T, one, other []byte) {
		files := map[string][]byte{"a/contract.yaml": one, "b/contract.yaml": other}
		for file, src := range files {
			if m := regexp.MustCompile(`(?m)^node: ([a-z-]+)`).FindSubmatch(src); m != nil {
				delete(files, file)
				files[string(m[1])+"/contract.yaml"] = src
			}
		}
		fleet, err := ParseFleet(files)
		if (fleet == nil) != (err != nil) {
			t.Fatalf("fleet %v together with %v", fleet, err)
		}
		if ds, ok := errors.AsType[Diagnostics](err); ok {
			for _, d := range ds {
				if _, ok := files[d.File]; !ok || d.Line < 1 || d.Rule == "" || d.Fix == "" {
					t.Fatalf("incomplete diagnostic %+v", d)
				}
			}
		}
		if _, again := ParseFleet(files); fmt.Sprint(again) != fmt.Sprint(err) {
			t.Fatalf("the second time\n%v\nand the first\n%v", again, err)
		}
	})
}

// exercise does with a contract what its users do.
func exercise(c *Contract) {
	Derive(c)
	for _, t := range c.Types {
		t.Example()
	}
	for _, s := range c.Settings {
		s.Example()
	}
}

func BenchmarkParseFleet(b *testing.B) {
	files := map[string][]byte{}
	for _, node := range []string{"checkout", "orders", "payment", "pricing"} {
		file := filepath.Join("..", "nodes", node, FileName)
		src, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		files[file] = src
	}
	for b.Loop() {
		if _, err := ParseFleet(files); err != nil {
			b.Fatal(err)
		}
	}
}
