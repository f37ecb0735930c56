package codegen

import (
	"fmt"
	"go/ast"
	"go/types"
	"regexp"
	"strings"
)

// compareHandler compares the methods of the hand-written handler with those of the interface: what
// lacks, what has another signature, and what should be renamed.
func (c *checker) compareHandler(pkg *types.Package) {
	obj := pkg.Scope().Lookup("Handler")
	if obj == nil {
		return
	}
	want, ok := obj.Type().Underlying().(*types.Interface)
	if !ok {
		return
	}
	for _, t := range c.handlers() {
		c.compareMethods(t, want, pkg)
	}
}

// handlers returns the types of what newHandler returns, each once.
func (c *checker) handlers() []types.Type {
	var list []types.Type
	c.declarations(func(d *ast.FuncDecl) {
		if d.Recv != nil || d.Name.Name != "newHandler" || d.Body == nil {
			return
		}
		ast.Inspect(d.Body, func(n ast.Node) bool {
			if r, ok := n.(*ast.ReturnStmt); ok && len(r.Results) == 1 {
				t := c.info.Types[r.Results[0]].Type
				if named(t) != nil && !types.IsInterface(t) {
					list = append(list, t)
				}
			}
			_, inner := n.(*ast.FuncLit)
			return !inner
		})
	})
	return list
}

// named returns the named type behind t or *t, nil if there is none.
func named(t types.Type) *types.Named {
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		t = p.Elem()
	}
	if t == nil {
		return nil
	}
	n, _ := types.Unalias(t).(*types.Named)
	return n
}

// declarations calls f for every hand-written function.
func (c *checker) declarations(f func(*ast.FuncDecl)) {
	for _, file := range c.files {
		if c.generated[c.fset.Position(file.Pos()).Filename] {
			continue
		}
		for _, d := range file.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				f(fn)
			}
		}
	}
}

func (c *checker) compareMethods(t types.Type, want *types.Interface, pkg *types.Package) {
	n := named(t)
	var lacking []*types.Func
	for m := range want.Methods() {
		found, _, _ := types.LookupFieldOrMethod(t, true, pkg, m.Name())
		have, ok := found.(*types.Func)
		switch {
		case !ok:
			lacking = append(lacking, m)
		case !types.Identical(have.Signature(), m.Signature()):
			d := c.declaration(have)
			if d != nil {
				c.excused = append(c.excused, d.Type)
				c.add(d.Name.Pos(), "write "+c.signature(d, m), "%s has another signature than the contract asks for", m.Name())
			}
		}
	}
	spare := c.orphans(n, want)
	for _, m := range lacking {
		i := nearest(m.Name(), spare)
		if i < 0 {
			c.add(n.Obj().Pos(), "add "+c.signature(nil, m)+" to "+n.Obj().Name(), "%s lacks %s", n.Obj().Name(), m.Name())
			continue
		}
		d := spare[i]
		spare = append(spare[:i:i], spare[i+1:]...)
		c.excused = append(c.excused, d.Type)
		c.add(d.Name.Pos(), "rename "+d.Name.Name+" to "+m.Name()+": "+c.signature(d, m), "nothing calls %s any more, and %s is lacking", d.Name.Name, m.Name())
	}
	c.reportOrphans(spare)
}

// reportOrphans lists methods that nothing calls and that do not compile any more.
func (c *checker) reportOrphans(spare []*ast.FuncDecl) {
	for _, d := range spare {
		if sig, ok := c.info.Defs[d.Name].Type().(*types.Signature); ok && invalid(sig) {
			c.excused = append(c.excused, d.Type)
			c.add(d.Name.Pos(), "remove it", "nothing calls %s any more: the contract has no such input or step", d.Name.Name)
		}
	}
}

// invalid tells whether a type of the signature does not exist.
func invalid(sig *types.Signature) bool {
	return strings.Contains(sig.String(), types.Typ[types.Invalid].String())
}

// declaration returns the source of a hand-written method, nil if it is another package's.
func (c *checker) declaration(f *types.Func) *ast.FuncDecl {
	var found *ast.FuncDecl
	c.declarations(func(d *ast.FuncDecl) {
		if d.Name.Pos() == f.Pos() {
			found = d
		}
	})
	return found
}

// orphans returns the methods of the handler that have the form of a handler's method, but are none of
// the interface.
func (c *checker) orphans(n *types.Named, want *types.Interface) []*ast.FuncDecl {
	var list []*ast.FuncDecl
	for m := range n.Methods() {
		if found, _, _ := types.LookupFieldOrMethod(want, false, m.Pkg(), m.Name()); found != nil || !m.Exported() {
			continue
		}
		if d := c.declaration(m); d != nil && c.shaped(m.Signature(), want) {
			list = append(list, d)
		}
	}
	return list
}

// shaped tells whether a signature has as many parameters and results as some method of the interface,
// or of any handler if the interface has none.
func (c *checker) shaped(sig *types.Signature, want *types.Interface) bool {
	if want.NumMethods() == 0 {
		return sig.Params().Len() >= 2
	}
	for m := range want.Methods() {
		if m.Signature().Params().Len() == sig.Params().Len() && m.Signature().Results().Len() == sig.Results().Len() {
			return true
		}
	}
	return invalid(sig)
}

var versionSuffix = regexp.MustCompile(`V[0-9]+$`)

// nearest returns the index of the method that was most probably meant: the same message in another
// version, else the only candidate, else the most similar name. -1 is none.
func nearest(name string, candidates []*ast.FuncDecl) int {
	base := versionSuffix.ReplaceAllString(name, "")
	best, score := -1, 0
	for i, d := range candidates {
		other := versionSuffix.ReplaceAllString(d.Name.Name, "")
		if other == base {
			return i
		}
		if s := common(base, other); 2*s >= max(len(base), len(other)) && s > score {
			best, score = i, s
		}
	}
	if best < 0 && len(candidates) == 1 {
		return 0
	}
	return best
}

// common counts the characters two names share at their ends.
func common(a, b string) int {
	start, end := 0, 0
	for start < min(len(a), len(b)) && a[start] == b[start] {
		start++
	}
	for end < min(len(a), len(b))-start && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	return start + end
}

// signature returns how a method of the interface is written, with the receiver of a declaration.
func (c *checker) signature(d *ast.FuncDecl, m *types.Func) string {
	qualify := func(p *types.Package) string {
		if p == m.Pkg() {
			return ""
		}
		return p.Name()
	}
	sig := strings.TrimPrefix(types.TypeString(m.Signature(), qualify), "func")
	if d == nil {
		return m.Name() + sig
	}
	recv := d.Recv.List[0]
	var names []string
	for _, n := range recv.Names {
		names = append(names, n.Name)
	}
	return fmt.Sprintf("func (%s) %s%s", strings.TrimSpace(strings.Join(names, ", ")+" "+types.ExprString(recv.Type)), m.Name(), sig)
}
