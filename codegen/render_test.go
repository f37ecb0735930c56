package codegen

import (
	"strings"
	"testing"
	"text/template"
)

// TestRenderErrors holds errors to naming the template, and the line if there is one.
func TestRenderErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ text, want string }{
		"no Go":         {"package x\n\nfunc broken( {\n", `format x.go from x.tmpl: line 3, "func broken( {": `},
		"unknown field": {"package x\n\nvar a = {{.Nodes.Title}}\n", "render x.go: template: x.tmpl:3"},
		"undeclared":    {"package x\n\nvar a = 1\n", "check x.go from x.tmpl: declarations differ"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := renderer{templates: template.Must(template.New("x.tmpl").Parse(tc.text))}
			_, err := r.render(outline{Template: "x.tmpl", Path: "x.go"}, page{})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error is %v, want %q", err, tc.want)
			}
		})
	}
}
