package codegen

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Conflict is a place where hand-written code does not fit what is generated, so that the node does not
// compile until a person changes it. The generator itself never touches such code.
type Conflict struct {
	Path    string // relative to the folder of the nodes
	Line    int
	Column  int
	Message string // what does not fit
	Fix     string // what to do
}

// Workshop is the hand-written code of all nodes together with the generated one, parsed.
type Workshop struct {
	opts  Options
	fset  *token.FileSet
	nodes []*bench
}

// bench is the package of one node.
type bench struct {
	dir       string
	path      string          // import path
	files     []*ast.File     // of the package and its tests
	external  []*ast.File     // of the package of tests beside it
	generated map[string]bool // by path
	broken    []Conflict      // files that cannot be parsed
}

// OpenWorkshop parses the hand-written code below root with files, the generated ones as they will be.
// Nodes without hand-written code are left out: their scaffolds fit. Files that the build leaves out
// on this machine are left out too.
func OpenWorkshop(root *os.Root, files []File, opts Options) (*Workshop, error) {
	w := &Workshop{opts: opts, fset: token.NewFileSet()}
	for _, f := range files {
		if path.Base(f.Path) != "node.gen.go" {
			continue
		}
		b := &bench{dir: path.Dir(f.Path), path: opts.importPath(path.Dir(f.Path)), generated: map[string]bool{}}
		written, err := w.read(root, b)
		switch {
		case err != nil:
			return nil, err
		case written == 0:
			continue
		}
		for _, g := range files {
			if path.Dir(g.Path) == b.dir && g.Owner == Owned {
				b.generated[g.Path] = true
				w.parse(b, g.Path, g.Content)
			}
		}
		w.nodes = append(w.nodes, b)
	}
	return w, nil
}

// read parses the hand-written files of a node and returns how many there are.
func (w *Workshop) read(root *os.Root, b *bench) (int, error) {
	entries, err := fs.ReadDir(root.FS(), b.dir)
	if err != nil {
		return 0, fmt.Errorf("look for hand-written code: %w", err)
	}
	n := 0
	for _, e := range entries {
		name := path.Join(b.dir, e.Name())
		if !e.Type().IsRegular() || path.Ext(name) != ".go" || ownedName(name) || !built(root, b.dir, e.Name()) {
			continue
		}
		src, err := root.ReadFile(name)
		if err != nil {
			return 0, fmt.Errorf("look for hand-written code: %w", err)
		}
		n++
		w.parse(b, name, src)
	}
	return n, nil
}

// built tells whether the build of this machine includes a file.
func built(root *os.Root, dir, name string) bool {
	ctx := build.Default
	ctx.OpenFile = func(name string) (io.ReadCloser, error) { return root.Open(name) }
	ctx.JoinPath = path.Join
	ok, err := ctx.MatchFile(dir, name)
	return ok || err != nil // what cannot be read is reported when it is parsed
}

func (w *Workshop) parse(b *bench, name string, src []byte) {
	f, err := parser.ParseFile(w.fset, name, src, parser.SkipObjectResolution)
	if err != nil {
		b.broken = append(b.broken, Conflict{Path: name, Line: 1, Column: 1, Message: err.Error(), Fix: "correct the Go code"})
		return
	}
	if strings.HasSuffix(f.Name.Name, "_test") {
		b.external = append(b.external, f)
		return
	}
	b.files = append(b.files, f)
}

// Empty tells whether no node has hand-written code.
func (w *Workshop) Empty() bool { return len(w.nodes) == 0 }

// Imports lists what the code imports, sorted.
func (w *Workshop) Imports() []string {
	var list []string
	for _, b := range w.nodes {
		for _, f := range slices.Concat(b.files, b.external) {
			for _, i := range f.Imports {
				p, err := strconv.Unquote(i.Path.Value)
				if err == nil && p != b.path && p != "C" && p != "unsafe" {
					list = append(list, p)
				}
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Conflicts type-checks the code of every node and says what does not fit, sorted by place. imp knows
// what Imports lists.
func (w *Workshop) Conflicts(imp types.Importer) []Conflict {
	var list []Conflict
	for _, b := range w.nodes {
		if len(b.broken) > 0 {
			list = append(list, b.broken...)
			continue
		}
		list = append(list, w.check(b, imp)...)
	}
	slices.SortFunc(list, func(a, b Conflict) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), strings.Compare(a.Message, b.Message))
	})
	return slices.Compact(list)
}

// check type-checks the package of a node, and its external tests against it.
func (w *Workshop) check(b *bench, imp types.Importer) []Conflict {
	c := &checker{Workshop: w, bench: b, info: &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}}}
	pkg, errs := c.types(b.path, b.files, imp)
	c.compareHandler(pkg)
	c.rest(errs)
	if len(b.external) > 0 && len(c.list) == 0 {
		_, errs = c.types(b.path+"_test", b.external, &beside{imp, b.path, pkg})
		c.rest(errs)
	}
	return c.list
}

// beside is an importer that knows one package more.
type beside struct {
	types.Importer
	path string
	pkg  *types.Package
}

func (i *beside) Import(p string) (*types.Package, error) {
	if p == i.path {
		return i.pkg, nil
	}
	return i.Importer.Import(p)
}

// checker collects the conflicts of one node.
type checker struct {
	*Workshop
	*bench
	info    *types.Info
	list    []Conflict
	excused []ast.Node // declarations whose errors follow from a conflict that is listed
}

func (c *checker) types(name string, files []*ast.File, imp types.Importer) (*types.Package, []types.Error) {
	var errs []types.Error
	conf := types.Config{Importer: imp, FakeImportC: true, Error: func(err error) {
		if e, ok := err.(types.Error); ok { //nolint:errorlint // documented to be one
			errs = append(errs, e)
		}
	}}
	pkg, _ := conf.Check(name, c.fset, files, c.info) // every error was collected
	return pkg, errs
}

func (c *checker) add(at token.Pos, fix, format string, args ...any) {
	p := c.fset.Position(at)
	c.list = append(c.list, Conflict{Path: p.Filename, Line: p.Line, Column: p.Column, Message: fmt.Sprintf(format, args...), Fix: fix})
}

// rest lists the errors that are no consequence of a conflict that is listed already.
func (c *checker) rest(errs []types.Error) {
	known := len(c.list) > 0
	for _, e := range errs {
		excused := slices.ContainsFunc(c.excused, func(n ast.Node) bool { return n.Pos() <= e.Pos && e.Pos <= n.End() })
		switch {
		case excused, known && strings.Contains(e.Msg, "does not implement Handler"), strings.HasPrefix(strings.TrimSpace(e.Msg), "other declaration of"):
		default:
			c.add(e.Pos, c.remedy(e), "%s", e.Msg)
		}
	}
}

// remedy says what to do about an error of the compiler.
func (c *checker) remedy(e types.Error) string {
	name, undefined := strings.CutPrefix(e.Msg, "undefined: ")
	switch {
	case undefined && c.generated[c.fset.Position(e.Pos).Filename]:
		return "declare " + name + " in " + path.Join(c.dir, home(name))
	case undefined:
		return "use what the contract yields now, or declare " + name
	case strings.Contains(e.Msg, "redeclared"):
		return "rename one of them: the contract yields the other"
	}
	return "adapt the code to the contract, or the contract to the code"
}

// home is the scaffold in which generated code expects a name.
func home(name string) string {
	switch name {
	case "newHandler":
		return "handler.go"
	case "testHandler":
		return "handler_test.go"
	}
	return "wire.go"
}
