package codegen

import (
	"fmt"
	"go/ast"
	"regexp"
	"slices"
	"strings"
)

// directive matches comments that tools act on.
var directive = regexp.MustCompile(`^//(go:|line |export |extern |\s*\+build)|^/\*line `)

// conforms reports how a file differs from its outline: a declaration or import that is missing or too
// many, or any directive. It is a net below quoting and grammars, which already keep foreign text
// out of code.
func conforms(o outline, f *ast.File) error {
	for _, group := range f.Comments {
		for _, c := range group.List {
			if directive.MatchString(c.Text) {
				return fmt.Errorf("output has the directive %q", c.Text)
			}
		}
	}
	if err := same("declarations", o.Decls, declared(f)); err != nil {
		return err
	}
	return same("imports", o.Imports, imported(f))
}

func imported(f *ast.File) []string {
	var out []string
	for _, i := range f.Imports {
		line := i.Path.Value
		if i.Name != nil {
			line = i.Name.Name + " " + line
		}
		out = append(out, line)
	}
	return out
}

func declared(f *ast.File) []string {
	var out []string
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			name := d.Name.Name
			if d.Recv != nil {
				name = receiver(d.Recv.List[0].Type) + "." + name
			}
			out = append(out, name)
		case *ast.GenDecl:
			for _, s := range d.Specs {
				out = append(out, specNames(s)...)
			}
		}
	}
	return out
}

func specNames(s ast.Spec) []string {
	switch s := s.(type) {
	case *ast.TypeSpec:
		return []string{s.Name.Name}
	case *ast.ValueSpec:
		var names []string
		for _, n := range s.Names {
			names = append(names, n.Name)
		}
		return names
	}
	return nil
}

func receiver(e ast.Expr) string {
	if s, ok := e.(*ast.StarExpr); ok {
		e = s.X
	}
	if id, ok := e.(*ast.Ident); ok {
		return id.Name
	}
	return "?"
}

// same reports the first differences between two sets of names.
func same(what string, want, got []string) error {
	want, got = slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(got))
	if slices.Equal(want, got) {
		return nil
	}
	extra := slices.DeleteFunc(slices.Clone(got), func(s string) bool { return slices.Contains(want, s) })
	missing := slices.DeleteFunc(slices.Clone(want), func(s string) bool { return slices.Contains(got, s) })
	return fmt.Errorf("%s differ from the model: unexpected [%s], missing [%s]",
		what, strings.Join(extra, ", "), strings.Join(missing, ", "))
}
