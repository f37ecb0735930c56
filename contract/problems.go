package contract

import (
	"cmp"
	"fmt"
	"slices"
	"unicode/utf8"
)

// MaxDiagnostics bounds the diagnostics of one file: more than a person fixes in one go.
const MaxDiagnostics = 100

// problems collects diagnostics. Those beyond MaxDiagnostics are only counted.
type problems struct {
	kept    Diagnostics
	dropped int
}

// add returns the diagnostic as it is kept, for what else there is to say about it; the pointer is
// valid until the next one is added.
func (ps *problems) add(d Diagnostic) *Diagnostic {
	if ps.full() {
		ps.dropped++
		return &d
	}
	d.Message, d.Fix = shorten(d.Message), shorten(d.Fix)
	ps.kept = append(ps.kept, d)
	return &ps.kept[len(ps.kept)-1]
}

// maxMessage bounds what a diagnostic quotes from a file.
const maxMessage = 500

func shorten(s string) string {
	if len(s) <= maxMessage {
		return s
	}
	cut := maxMessage
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// full tells whether further diagnostics are only counted, so that nobody need word them well.
func (ps *problems) full() bool { return len(ps.kept) >= MaxDiagnostics }

// list returns the diagnostics by position, each once.
func (ps *problems) list() Diagnostics {
	ds := slices.Clone(ps.kept)
	slices.SortFunc(ds, compareDiagnostics)
	ds = slices.CompactFunc(ds, func(a, b Diagnostic) bool { return compareDiagnostics(a, b) == 0 })
	if ps.dropped > 0 {
		last := ds[len(ds)-1]
		ds = append(ds, Diagnostic{
			Pos: last.Pos, Rule: ruleTooMany, Fix: "fix the ones above first",
			Message: fmt.Sprintf("%d more mistakes are not shown", ps.dropped),
		})
	}
	return ds
}

func compareDiagnostics(a, b Diagnostic) int {
	return cmp.Or(
		cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
		cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Message, b.Message), cmp.Compare(a.Fix, b.Fix),
	)
}
