package codegen

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"text/template"
)

// ScaffoldTemplates lists the templates that Options.Scaffolds may replace.
func ScaffoldTemplates() []string {
	return []string{"handler.go.tmpl", "handler_test.go.tmpl", "wire.go.tmpl"}
}

// override replaces templates of scaffolds. Files of the generator have no templates but its own.
func override(t *template.Template, scaffolds map[string]string) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(scaffolds)) {
		if !slices.Contains(ScaffoldTemplates(), name) {
			errs = append(errs, fmt.Errorf("template %s takes the place of nothing; templates may be given for %v", name, ScaffoldTemplates()))
			continue
		}
		if _, err := t.New("node/" + name).Parse(scaffolds[name]); err != nil {
			errs = append(errs, fmt.Errorf("parse %w", err))
		}
	}
	return errors.Join(errs...)
}
