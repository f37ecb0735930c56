package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestSealBreaks changes whatever a run depends on, one thing at a time: none goes unnoticed.
func TestSealBreaks(t *testing.T) {
	const contractFile, codeFile = "nodes/greeter/contract.yaml", "nodes/greeter/types.gen.go"
	write := func(path string) func(t *testing.T) {
		return func(t *testing.T) {
			t.Helper()
			if err := os.WriteFile(path, []byte("package changed"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, change := range map[string]func(t *testing.T){
		"nothing":              nil,
		"a contract":           write(contractFile),
		"the module":           write("go.mod"),
		"a generated file":     write(codeFile),
		"a file of the author": write("nodes/greeter/handler.go"),
		"another file":         write("nodes/greeter/more.gen.go"),
		"a file is gone": func(t *testing.T) {
			if err := os.Remove(codeFile); err != nil {
				t.Fatal(err)
			}
		},
		"a link": func(t *testing.T) {
			if err := os.Symlink(t.TempDir(), "nodes/linked"); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			t.Setenv("XDG_CACHE_HOME", filepath.Join(t.TempDir(), "cache"))
			if err := os.MkdirAll("nodes/greeter", 0o750); err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{contractFile, codeFile} {
				if err := os.WriteFile(path, []byte("package greeter"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile("go.mod", []byte("module example.com/shop\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			a := &app{nodes: "nodes"}
			if first := a.seal(nil); first.holds() {
				t.Fatal("a seal holds that was never set")
			} else {
				first.set()
			}
			if change != nil {
				change(t)
			}
			if got := a.seal(nil).holds(); got != (change == nil) {
				t.Errorf("the seal holds: %t", got)
			}
			if a.seal([]string{"greeter"}).holds() {
				t.Error("the seal of all nodes stands for one")
			}
		})
	}
}

// TestSealOfInputsThatChangedMeanwhile sets no seal: what was written follows from older contracts.
func TestSealOfInputsThatChangedMeanwhile(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("XDG_CACHE_HOME", filepath.Join(t.TempDir(), "cache"))
	for path, text := range map[string]string{"go.mod": "module example.com/shop\n", "nodes/contract.yaml": "a"} {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a := &app{nodes: "nodes"}
	s := a.seal(nil)
	s.holds()
	if err := os.WriteFile("nodes/contract.yaml", []byte("b"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.set()
	if a.seal(nil).holds() {
		t.Error("the seal holds although the contract changed while the run went on")
	}
}
