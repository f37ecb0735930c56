package contract

import (
	"fmt"
	"strings"
)

// Diagnostic is one mistake in a contract, with its place and what to do about it.
type Diagnostic struct {
	Pos
	Rule    string // stable id, e.g. "unknown-key"
	Message string // what is wrong
	Fix     string // what to do; never empty
}

// String formats d as "file:line:column: rule: message; fix".
func (d Diagnostic) String() string {
	return fmt.Sprintf("%s:%d:%d: %s: %s; %s", d.File, d.Line, d.Column, d.Rule, d.Message, d.Fix)
}

// Diagnostics is a list of mistakes; it is an error so that callers can wrap and unwrap it.
type Diagnostics []Diagnostic

// Error lists all mistakes, a line each.
func (ds Diagnostics) Error() string {
	lines := make([]string, 0, len(ds))
	for _, d := range ds {
		lines = append(lines, d.String())
	}
	return strings.Join(lines, "\n")
}
