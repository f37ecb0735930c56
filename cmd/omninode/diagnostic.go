package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/omninode-ai/omninode/contract"
)

// printDiagnostics prints each mistake with the line it is on and a caret below its column.
func (a *app) printDiagnostics(w io.Writer, ds contract.Diagnostics) {
	sources := map[string][]string{}
	for _, d := range ds {
		fmt.Fprintf(w, "%s:%d:%d: %s: %s\n", d.File, d.Line, d.Column, a.paint(w, red, d.Rule), d.Message)
		if line, ok := sourceLine(sources, d.Pos); ok {
			gutter := fmt.Sprintf("%5d | ", d.Line)
			fmt.Fprintf(w, "%s%s\n%s%s\n", gutter, line, strings.Repeat(" ", len(gutter)), a.paint(w, red, caret(line, d.Column)))
		}
		fmt.Fprintf(w, "      fix: %s\n\n", d.Fix)
	}
}

// sourceLine returns the line of a position; files are read once.
func sourceLine(sources map[string][]string, p contract.Pos) (string, bool) {
	lines, ok := sources[p.File]
	if !ok {
		if src, err := os.ReadFile(p.File); err == nil {
			lines = strings.Split(string(src), "\n")
		}
		sources[p.File] = lines
	}
	if p.Line < 1 || p.Line > len(lines) {
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
		annotate(w, "error", d.Pos, d.Rule, d.Message+"; "+d.Fix)
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
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Rule    string `json:"rule"`
	Message string `json:"message"`
	Fix     string `json:"fix"`
}

func diagnosticsJSON(checked int, ds contract.Diagnostics) any {
	list := make([]diagnosticJSON, len(ds))
	for i, d := range ds {
		list[i] = diagnosticJSON{d.File, d.Line, d.Column, d.Rule, d.Message, d.Fix}
	}
	return struct {
		Contracts   int              `json:"contracts"`
		Diagnostics []diagnosticJSON `json:"diagnostics"`
	}{checked, list}
}
