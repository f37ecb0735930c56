package wiring

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestCycles(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ src, want string }{
		"none": {`func wire() (int, error) { return newA(newB()), nil }
			func newA(b int) int { return b }
			func newB() int { return 1 }`, ""},
		"of two constructors": {`func wire() (int, error) { return newA(), nil }
			func newA() int { return newB() + 1 }
			func newB() int { a := newA(); return a }`, "3:29: newA needs newB needs newA"},
		"behind errors": {`func wire() (int, error) {
				a, err := newA()
				if err != nil {
					return 0, err
				}
				return a, nil
			}
			func newA() (int, error) {
				if err := check(); err != nil { return 0, err }
				return newA()
			}
			func check() error { return nil }`, "11:12: newA needs newA"},
		"of wire itself": {`func wire() (int, error) { return newA() }
			func newA() (int, error) { return wire() }`, "3:38: newA needs wire needs newA"},
		"with a way out": {`func wire() (int, error) { return walk(3), nil }
			func walk(n int) int {
				if n == 0 { return 0 }
				return walk(n - 1)
			}`, ""},
		"only when needed": {`func wire() (func() int, error) { return func() int { return newA() }, nil }
			func newA() int { later := func() int { return newA() }; _ = later; return 1 }`, ""},
		"on one side": {`func wire() (bool, error) { return deep(1), nil }
			func deep(n int) bool { return n > 9 || deep(n + 1) }`, ""},
		"of a method's name": {`type t struct{}
			func (t) newA() int { return newB() }
			func newB() int { return 1 }`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, filepath.Join(dir, "wire.go"), "package x\n"+test.src)
			write(t, filepath.Join(dir, "wire_test.go"), "package x\nfunc helper() { helper() }")
			found, err := Cycles(dir)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range found {
				got = append(got, strings.TrimPrefix(c.String(), filepath.Join(dir, "wire.go")+":"))
			}
			if strings.Join(got, "; ") != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestBrokenSource(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "wire.go"), "package x\nfunc (")
	if _, err := Cycles(dir); err == nil || !strings.Contains(err.Error(), "wire.go:2") {
		t.Errorf("a broken file is reported as %v", err)
	}
}

// TestNodesHaveNone: the nodes of this repository can be built.
func TestNodesHaveNone(t *testing.T) {
	t.Parallel()
	dirs, err := filepath.Glob(filepath.Join("..", "..", "nodes", "*", "wire.go"))
	if err != nil || len(dirs) == 0 {
		t.Fatal("no nodes", err)
	}
	for _, wire := range dirs {
		if found, err := Cycles(filepath.Dir(wire)); err != nil || len(found) > 0 {
			t.Errorf("%v %v", found, err)
		}
	}
}

// TestCompilerRefusesTheRest: every other way in which what a node requires could depend on itself
// does not compile.
func TestCompilerRefusesTheRest(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ src, want string }{
		"values in wire": {`func wire() (A, B) {
				a := newA(b)
				b := newB(a)
				return a, b
			}
			type A struct{ b any }
			type B struct{ a any }
			func newA(b any) A { return A{b} }
			func newB(a any) B { return B{a} }`, "undefined: b"},
		"variables of the package": {`var a, b = newA(), newB()
			func newA() int { return b }
			func newB() int { return a }`, "initialization cycle"},
		"interfaces": {`type Gateway interface{ Ledger }
			type Ledger interface{ Gateway }`, "invalid recursive type"},
		"structs": {`type Requirements struct{ Gateway gateway }
			type gateway struct{ all Requirements }`, "invalid recursive type"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := token.NewFileSet()
			f, err := parser.ParseFile(files, "wire.go", "package x\n"+test.src, 0)
			if err != nil {
				t.Fatal(err)
			}
			_, err = (&types.Config{}).Check("x", files, []*ast.File{f}, nil)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the type checker says %v, want %q", err, test.want)
			}
		})
	}
}

// TestNodesCannotRequireEachOther: packages of two nodes that need each other are refused.
func TestNodesCannotRequireEachOther(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "go.mod"), "module example.com/fleet\n\ngo 1.24\n")
	write(t, filepath.Join(dir, "orders", "wire.go"), "package orders\nimport \"example.com/fleet/payment\"\nfunc New() any { return payment.New() }")
	write(t, filepath.Join(dir, "payment", "wire.go"), "package payment\nimport \"example.com/fleet/orders\"\nfunc New() any { return orders.New() }")
	c := exec.CommandContext(t.Context(), "go", "list", "./...")
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "import cycle not allowed") {
		t.Errorf("go list: %v\n%s", err, out)
	}
}

func write(t *testing.T, name, src string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
}
