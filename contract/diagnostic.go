package contract

import (
	"fmt"
	"strings"
)

// Diagnostic is one mistake in a contract, with its place and what to do about it.
type Diagnostic struct {
	Pos
	Rule    string    // stable id, e.g. "unknown-key"
	Message string    // what is wrong
	Fix     string    // what to do; never empty
	Related []Related // other places that have to do with it, e.g. the other owner of a name
	Edits   []Edit    // the fix where it is mechanical; applied together or not at all
	Paste   []Edit    // text of the fix, put where it belongs: a start that only a person can finish
}

// Related is a place that helps to understand a mistake. It may be in another file.
type Related struct {
	Pos
	Message string // what is there
}

// Edit replaces bytes of a contract.
type Edit struct {
	File       string
	Start, End int    // bytes of the file, half open
	Text       string // takes their place
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

// see adds a place that has to do with the mistake. A place nobody knows is left out.
func (d *Diagnostic) see(at Pos, format string, args ...any) *Diagnostic {
	if at.Line > 0 {
		d.Related = append(d.Related, Related{Pos: at, Message: shorten(fmt.Sprintf(format, args...))})
	}
	return d
}

// paste offers to put a part of the fix where it belongs.
func (d *Diagnostic) paste(edits []Edit) *Diagnostic {
	d.Paste = edits
	return d
}

// edit makes the fix mechanical. No edits mean that it is not.
func (d *Diagnostic) edit(edits ...Edit) *Diagnostic {
	d.Edits = append(d.Edits, edits...)
	return d
}
