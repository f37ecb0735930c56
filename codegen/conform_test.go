package codegen

import (
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

// TestConforms spoils output that conforms; nothing else in the generator would notice.
func TestConforms(t *testing.T) {
	t.Parallel()
	const good = "package x\n\nimport (\n\t\"context\"\n\ty \"example.com/z\"\n)\n\n" +
		"type A struct{}\n\nfunc (a *A) M(context.Context) {}\n\nfunc f() y.T { return 0 }\n\nvar b, c = 1, 2\n"
	o := outline{Path: "x.go", Imports: []string{`"context"`, `y "example.com/z"`}, Decls: []string{"A", "A.M", "b", "c", "f"}}
	for name, tc := range map[string]struct{ src, want string }{
		"as expected":           {good, ""},
		"another function":      {good + "func init() {}\n", "unexpected [init]"},
		"another method":        {good + "func (a A) N() {}\n", "unexpected [A.N]"},
		"a function twice":      {good + "func f() {}\n", "declarations differ"},
		"another variable":      {good + "var _ = f()\n", "unexpected [_]"},
		"a missing variable":    {strings.Replace(good, "var b, c = 1, 2", "var b = 1", 1), "missing [c]"},
		"another import":        {strings.Replace(good, `"context"`, "\"context\"\n\t\"os/exec\"", 1), `unexpected ["os/exec"]`},
		"an import for effect":  {strings.Replace(good, `y "example`, `_ "example`, 1), `unexpected [_ "example.com/z"]`},
		"a build constraint":    {"//go:build ignore\n\n" + good, "directive"},
		"an old constraint":     {"// +build ignore\n\n" + good, "directive"},
		"a linkname":            {good + "\n//go:linkname f runtime.f\n", "directive"},
		"a line directive":      {good + "\n//line /etc/passwd:1\n", "directive"},
		"a short line comment":  {good + "\n/*line x:1*/\n", "directive"},
		"cgo":                   {strings.Replace(good, "import (", "import \"C\"\n\nimport (", 1), `unexpected ["C"]`},
		"a harmless comment":    {good + "\n// go:embed is not a directive with a space in front.\n", ""},
		"an exported directive": {good + "\n//export f\n", "directive"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := parser.ParseFile(token.NewFileSet(), o.Path, tc.src, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			err = conforms(o, f)
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error is %v, want %q", err, tc.want)
			}
		})
	}
}
