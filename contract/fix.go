package contract

import (
	"bytes"
	"cmp"
	"maps"
	"regexp"
	"slices"
)

// Repair is what the mechanical fixes make of some contracts.
type Repair struct {
	Files map[string][]byte // the contents that changed, by file
	Fixed Diagnostics       // the mistakes that are gone
	Left  Diagnostics       // the mistakes that remain, or have come to light
}

// maxTries bounds how often Fix checks. A few times are enough, unless edits do harm together and
// have to be tried one by one.
const maxTries = 200

// Fix applies the edits of the diagnostics that check reports, and those of the mistakes that come
// to light then, until none is left. An edit that does not remove its mistake, or brings a new one
// where it can uncover none, is not applied. Contents are not changed in place.
func Fix(files map[string][]byte, check func(map[string][]byte) Diagnostics) Repair {
	f := fixer{check: check, files: maps.Clone(files), refused: map[string]bool{}}
	f.found = check(f.files)
	for f.round() {
	}
	r := Repair{Files: map[string][]byte{}, Fixed: f.fixed, Left: f.found}
	for file, text := range f.files {
		if !bytes.Equal(text, files[file]) {
			r.Files[file] = text
		}
	}
	return r
}

type fixer struct {
	check   func(map[string][]byte) Diagnostics
	files   map[string][]byte
	found   Diagnostics // in files as they are now
	fixed   Diagnostics
	refused map[string]bool // diagnostics whose edits do no good
	tries   int
}

// round applies what can be applied at once and tells whether that was anything. Edits that replace
// a name may uncover what the wrong name hid, so they are judged apart from those that cannot.
func (f *fixer) round() bool {
	var uncovering, others Diagnostics
	for _, d := range f.found {
		switch {
		case len(d.Edits) == 0 || f.refused[d.String()]:
		case uncovers(d):
			uncovering = append(uncovering, d)
		default:
			others = append(others, d)
		}
	}
	if len(others) > 0 {
		return f.apply(others) || len(uncovering) > 0
	}
	return len(uncovering) > 0 && f.apply(uncovering)
}

// uncovers tells whether the mistake hides others, which its fix then brings to light.
func uncovers(d Diagnostic) bool {
	_, ok := meantBy(d.Fix)
	return ok || d.Rule == ruleWrongType
}

// apply applies the edits of diagnostics together or, if that does harm, one by one.
func (f *fixer) apply(ds Diagnostics) bool {
	ds = disjoint(ds)
	if f.try(ds) {
		return true
	}
	done := false
	for _, d := range ds {
		if !slices.ContainsFunc(f.found, func(x Diagnostic) bool { return x.String() == d.String() && slices.Equal(x.Edits, d.Edits) }) {
			continue // moved by an edit of this round: the next one sees it
		}
		if len(ds) > 1 && f.try(Diagnostics{d}) {
			done = true
			continue
		}
		f.refused[d.String()] = true
	}
	return done
}

// disjoint drops diagnostics whose edits overlap those of an earlier one.
func disjoint(ds Diagnostics) Diagnostics {
	var kept Diagnostics
	var taken []Edit
	for _, d := range ds {
		if !slices.ContainsFunc(d.Edits, func(e Edit) bool { return slices.ContainsFunc(taken, e.overlaps) }) {
			kept, taken = append(kept, d), append(taken, d.Edits...)
		}
	}
	return kept
}

func (e Edit) overlaps(other Edit) bool {
	return e.File == other.File && e.Start < other.End && other.Start < e.End || e == other
}

// try applies edits unless that does harm, or too much has been tried already.
func (f *fixer) try(ds Diagnostics) bool {
	if f.tries++; f.tries > maxTries {
		return false
	}
	next := maps.Clone(f.files)
	var edits []Edit
	for _, d := range ds {
		edits = append(edits, d.Edits...)
	}
	for file := range next {
		next[file] = Apply(file, next[file], edits)
	}
	found := f.check(next)
	if harmed(f.found, found, ds) {
		return false
	}
	f.files, f.found, f.fixed = next, found, append(f.fixed, ds...)
	return true
}

// harmed tells whether fixing ds did not remove them, broke a file or brought mistakes that were
// not there, hidden or not.
func harmed(before, after, ds Diagnostics) bool {
	had, has := count(before), count(after)
	for _, d := range ds {
		if has[said(d)] >= had[said(d)] {
			return true
		}
	}
	uncovering := slices.ContainsFunc(ds, uncovers)
	for d, n := range has {
		if n > had[d] && (!uncovering || unreadable(d.rule)) {
			return true
		}
	}
	return false
}

// sentence is a diagnostic without its place, which edits move.
type sentence struct{ file, rule, message string }

func said(d Diagnostic) sentence {
	return sentence{d.File, d.Rule, linePattern.ReplaceAllString(d.Message, "$1")}
}

// linePattern matches the places within messages.
var linePattern = regexp.MustCompile(`(line |\.yaml:)[0-9]+`)

func count(ds Diagnostics) map[sentence]int {
	n := map[sentence]int{}
	for _, d := range ds {
		n[said(d)]++
	}
	return n
}

// unreadable tells whether a mistake of that rule hides the rest of the file.
func unreadable(rule string) bool {
	return slices.Contains([]string{ruleUnreadable, ruleTooLarge, ruleEncoding, ruleSyntax, ruleDocuments, ruleDepth, ruleAlias, ruleTag}, rule)
}

// Apply returns the text of a file with those of the edits that are its own. They must not overlap.
func Apply(file string, text []byte, edits []Edit) []byte {
	edits = slices.DeleteFunc(slices.Clone(edits), func(e Edit) bool { return e.File != file || e.End > len(text) })
	slices.SortStableFunc(edits, func(a, b Edit) int { return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End)) })
	var out []byte
	at := 0
	for _, e := range edits {
		out = append(append(out, text[at:e.Start]...), e.Text...)
		at = e.End
	}
	return append(out, text[at:]...)
}
