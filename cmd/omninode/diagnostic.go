package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/omninode-ai/omninode/contract"
)

// printDiagnostics prints each mistake with the line it is on and a caret below its column, the
// places that have to do with it and what to do about it.
func (a *app) printDiagnostics(w io.Writer, ds contract.Diagnostics) {
	a.printDiagnosticsIn(w, ds, sources{})
}

// printDiagnosticsIn is printDiagnostics for files whose content is not the one on disk.
func (a *app) printDiagnosticsIn(w io.Writer, ds contract.Diagnostics, s sources) {
	for _, d := range ds {
		fmt.Fprintf(w, "%s:%d:%d: %s: %s\n", d.File, d.Line, d.Column, a.paint(w, red, d.Rule), d.Message)
		a.printExcerpt(w, s, d.Pos, red)
		for _, r := range d.Related {
			fmt.Fprintf(w, "      see: %s:%d:%d: %s\n", r.File, r.Line, r.Column, r.Message)
			a.printExcerpt(w, s, r.Pos, yellow)
		}
		fmt.Fprintf(w, "      fix: %s\n\n", d.Fix)
	}
}

func (a *app) printExcerpt(w io.Writer, s sources, p contract.Pos, mark style) {
	line, ok := s.line(p)
	if !ok {
		return
	}
	gutter := fmt.Sprintf("%5d | ", p.Line)
	fmt.Fprintf(w, "%s%s\n%s%s\n", gutter, line, strings.Repeat(" ", len(gutter)), a.paint(w, mark, caret(line, p.Column)))
}

// sources holds the contents of files by name; each is read once.
type sources map[string][]byte

// text returns the content of a file, nil if it cannot be read: that is a diagnostic of its own.
func (s sources) text(file string) []byte {
	src, ok := s[file]
	if !ok {
		src, _ = os.ReadFile(file)
		s[file] = src
	}
	return src
}

// line returns the line of a position.
func (s sources) line(p contract.Pos) (string, bool) {
	lines := strings.Split(string(s.text(p.File)), "\n")
	if len(s[p.File]) == 0 || p.Line < 1 || p.Line > len(lines) {
		return "", false
	}
	const widest = 160
	line := []rune(strings.TrimRight(lines[p.Line-1], "\r"))
	if len(line) > widest {
		line = append(line[:widest], '…')
	}
	return printable(string(line)), true
}

// printable replaces what would move the cursor of a terminal, so that a hostile file cannot.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || (r >= ' ' && r != 0x7f && (r < 0x80 || r > 0x9f)) {
			return r
		}
		return '�'
	}, s)
}

// caret points at a column, counted from 1, and keeps the tabs of the line before it.
func caret(line string, column int) string {
	var b strings.Builder
	n := 1
	for _, r := range line {
		if n >= column {
			break
		}
		if r != '\t' {
			r = ' '
		}
		b.WriteRune(r)
		n++
	}
	return b.String() + "^"
}

// printGitHub prints annotations that GitHub shows beside the line.
func printGitHub(w io.Writer, ds contract.Diagnostics) {
	for _, d := range ds {
		lines := []string{d.Message + "; " + d.Fix}
		for _, r := range d.Related {
			lines = append(lines, fmt.Sprintf("see %s:%d:%d: %s", r.File, r.Line, r.Column, r.Message))
		}
		annotate(w, "error", d.Pos, d.Rule, strings.Join(lines, "\n"))
	}
}

// annotate prints one annotation: an error, a warning or a notice.
func annotate(w io.Writer, level string, at contract.Pos, title, text string) {
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	data := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	fmt.Fprintf(w, "::%s file=%s,line=%d,col=%d,title=%s::%s\n",
		level, property.Replace(at.File), at.Line, at.Column, property.Replace(title), data.Replace(text))
}

// diagnosticJSON is a mistake as machines read it.
type diagnosticJSON struct {
	File    string        `json:"file"`
	Line    int           `json:"line"`
	Column  int           `json:"column"`
	Rule    string        `json:"rule"`
	Message string        `json:"message"`
	Fix     string        `json:"fix"`
	Related []relatedJSON `json:"related,omitempty"`
	Edits   []editJSON    `json:"edits,omitempty"`
}

type relatedJSON struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`
}

// editJSON replaces the bytes from start up to end, which start at the given line and column.
type editJSON struct {
	File   string `json:"file"`
	Start  int    `json:"start"`
	End    int    `json:"end"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Text   string `json:"text"`
}

// validationJSON is the result of validate as machines read it.
type validationJSON struct {
	Contracts   int              `json:"contracts"`
	Diagnostics []diagnosticJSON `json:"diagnostics"`
	Fixed       []diagnosticJSON `json:"fixed,omitempty"`   // by --fix
	Changed     []changedJSON    `json:"changed,omitempty"` // by --fix
}

type changedJSON struct {
	File string `json:"file"`
	Diff string `json:"diff"`
}

func (v validation) json() validationJSON {
	out := validationJSON{Contracts: v.contracts, Diagnostics: diagnosticsJSON(v.left, v.sources)}
	for _, r := range v.repairs {
		out.Fixed = append(out.Fixed, fixedJSON(r.Fixed)...)
		for _, file := range slices.Sorted(maps.Keys(r.Files)) {
			out.Changed = append(out.Changed, changedJSON{file, contract.Diff(filepath.ToSlash(file), r.before[file], r.Files[file])})
		}
	}
	return out
}

// fixedJSON leaves out the edits, which were made one after the other.
func fixedJSON(ds contract.Diagnostics) []diagnosticJSON {
	list := diagnosticsJSON(ds, sources{})
	for i := range list {
		list[i].Edits = nil
	}
	return list
}

func diagnosticsJSON(ds contract.Diagnostics, s sources) []diagnosticJSON {
	list := make([]diagnosticJSON, len(ds))
	for i, d := range ds {
		list[i] = diagnosticJSON{File: d.File, Line: d.Line, Column: d.Column, Rule: d.Rule, Message: d.Message, Fix: d.Fix}
		for _, r := range d.Related {
			list[i].Related = append(list[i].Related, relatedJSON{r.File, r.Line, r.Column, r.Message})
		}
		for _, e := range d.Edits {
			line, column := contract.Position(s.text(e.File), e.Start)
			list[i].Edits = append(list[i].Edits, editJSON{e.File, e.Start, e.End, line, column, e.Text})
		}
	}
	return list
}
