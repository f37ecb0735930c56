// Package wiring finds the one cycle of dependencies that Go lets a node have: constructors that need
// each other before they return.
//
// What a node requires is built by plain Go calls in its wire.go, so that the compiler refuses every
// other cycle: of variables, of package initialization, of types and of imports. Constructors that
// call each other compile, and end the process by exhausting its stack. Nothing is run or type-checked
// here; the package reads the source of one folder.
package wiring

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Cycle is a chain of calls that leads back to where it began: no function of it can ever return.
type Cycle struct {
	Pos   token.Position // of the first call
	Calls []string       // names of functions; the last is the first
}

func (c Cycle) String() string {
	return fmt.Sprintf("%s: %s", c.Pos, strings.Join(c.Calls, " needs "))
}

// Cycles returns the cycles among the functions of the package in dir, sorted by place. Calls in
// tests, in function literals and behind a condition do not count.
func Cycles(dir string) ([]Cycle, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read the folder of a node: %w", err)
	}
	g := graph{files: token.NewFileSet(), needs: map[string][]call{}}
	for _, e := range entries {
		if name := e.Name(); !e.IsDir() && strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			if err := g.read(filepath.Join(dir, name)); err != nil {
				return nil, err
			}
		}
	}
	return g.cycles(), nil
}

// call is a call that a function always makes before it succeeds.
type call struct {
	name string
	pos  token.Pos
}

type graph struct {
	files *token.FileSet
	needs map[string][]call // by function of the package
}

func (g *graph) read(name string) error {
	f, err := parser.ParseFile(g.files, name, nil, parser.SkipObjectResolution)
	if err != nil {
		return fmt.Errorf("read the wiring of a node: %w", err)
	}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Body != nil {
			g.needs[fn.Name.Name] = needed(fn.Body)
		}
	}
	return nil
}

// needed returns the calls that each successful run of a body makes: those of its own statements up to
// the first that may end the run. An error that is returned at once ends no successful run.
func needed(body *ast.BlockStmt) []call {
	var calls []call
	for _, s := range body.List {
		switch s := s.(type) {
		case *ast.AssignStmt, *ast.ExprStmt, *ast.DeclStmt:
			calls = append(calls, made(s)...)
		case *ast.ReturnStmt:
			return append(calls, made(s)...)
		case *ast.IfStmt:
			calls = append(calls, made(s.Init)...)
			if !onlyError(s) {
				return calls
			}
		case *ast.DeferStmt:
		default:
			return calls
		}
	}
	return calls
}

// onlyError tells whether a statement is if err != nil {…} without else.
func onlyError(s *ast.IfStmt) bool {
	c, ok := s.Cond.(*ast.BinaryExpr)
	if !ok || c.Op != token.NEQ || s.Else != nil {
		return false
	}
	x, isName := c.X.(*ast.Ident)
	y, isNil := c.Y.(*ast.Ident)
	return isName && isNil && strings.HasPrefix(strings.ToLower(x.Name), "err") && y.Name == "nil"
}

// made returns the calls of functions by name in a statement, without those that depend on what
// happens: in function literals and to the right of && and ||.
func made(n ast.Stmt) []call {
	var calls []call
	if n == nil {
		return nil
	}
	var visit func(n ast.Node) bool
	visit = func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.BinaryExpr:
			if n.Op == token.LAND || n.Op == token.LOR {
				ast.Inspect(n.X, visit)
				return false
			}
		case *ast.CallExpr:
			if id, ok := n.Fun.(*ast.Ident); ok {
				calls = append(calls, call{id.Name, id.Pos()})
			}
		}
		return true
	}
	ast.Inspect(n, visit)
	return calls
}

// cycles follows the calls of each function, in the order of their names.
func (g *graph) cycles() []Cycle {
	var list []Cycle
	done := map[string]bool{}
	var path []call
	var follow func(name string)
	follow = func(name string) {
		if i := slices.IndexFunc(path, func(c call) bool { return c.name == name }); i >= 0 {
			list = append(list, g.cycle(path[i:], name))
			return
		}
		if done[name] {
			return
		}
		for _, c := range g.needs[name] {
			path = append(path, call{name, c.pos})
			follow(c.name)
			path = path[:len(path)-1]
		}
		done[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(g.needs)) {
		follow(name)
	}
	return list
}

func (g *graph) cycle(path []call, back string) Cycle {
	c := Cycle{Pos: g.files.Position(path[0].pos)}
	for _, step := range path {
		c.Calls = append(c.Calls, step.name)
	}
	c.Calls = append(c.Calls, back)
	return c
}
