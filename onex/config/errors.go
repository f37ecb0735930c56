package config

import (
	"fmt"
	"strings"
)

// MissingError lists every setting that no source and no default has a value for.
type MissingError struct {
	Node     string
	Settings []Missing // sorted by key
}

// Missing is one setting without a value and the places where it was looked for.
type Missing struct {
	Setting Setting
	Where   []string // one remedy each; any of them will do
}

// Error lists the missing settings, each with its description and its remedies.
func (e *MissingError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "node %s: %s missing", e.Node, count(len(e.Settings), "required setting"))
	for _, m := range e.Settings {
		kind := "setting"
		if m.Setting.Secret {
			kind = "secret"
		}
		fmt.Fprintf(&b, "\n  %s %s (%s)", kind, m.Setting.Key, m.Setting.Env)
		if m.Setting.Description != "" {
			fmt.Fprintf(&b, ": %s", m.Setting.Description)
		}
		if len(m.Where) > 0 {
			fmt.Fprintf(&b, "\n    fix: %s", strings.Join(m.Where, ", or "))
		}
	}
	return b.String()
}

// SourceError says that a source could not answer, which is not the same as having no value.
type SourceError struct {
	Node    string
	Source  string
	Setting Setting
	Err     error
}

func (e *SourceError) Error() string {
	return fmt.Sprintf("node %s: read %s (%s) from %s: %v", e.Node, e.Setting.Key, e.Setting.Env, e.Source, e.Err)
}

// Unwrap returns the error of the source.
func (e *SourceError) Unwrap() error { return e.Err }

// InvalidError lists every value that does not fit its constraints.
type InvalidError struct {
	Node       string
	Violations []Violation // in the order read
}

// Violation is one value that does not fit. Message never holds the value of a secret.
type Violation struct {
	Key     string
	Env     string
	Source  string
	Message string
}

// Error lists the violations, a line each.
func (e *InvalidError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "node %s: %s invalid", e.Node, count(len(e.Violations), "setting"))
	for _, v := range e.Violations {
		fmt.Fprintf(&b, "\n  %s (%s, from %s): %s", v.Key, v.Env, v.Source, v.Message)
	}
	return b.String()
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun + " is"
	}
	return fmt.Sprintf("%d %ss are", n, noun)
}
