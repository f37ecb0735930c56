package export

import (
	"bytes"
	"encoding/json"
	"html"
	"strings"
	"unicode"

	"github.com/omninode-ai/omninode/catalogue/drawing"
)

// page collects the blocks of a page of Markdown.
type page struct{ b strings.Builder }

func (p *page) bytes() []byte { return []byte(p.b.String()) }

// line adds a block of one line; an empty one adds nothing.
func (p *page) line(s string) {
	if s == "" {
		return
	}
	if p.b.Len() > 0 {
		p.b.WriteString("\n")
	}
	p.b.WriteString(s + "\n")
}

// fence adds a block of code whose text cannot end it.
func (p *page) fence(language, body string) {
	mark := "```"
	for strings.Contains(body, mark) {
		mark += "`"
	}
	p.line(mark + language + "\n" + strings.TrimRight(body, "\n") + "\n" + mark)
}

func (p *page) mermaid(picture drawing.Picture) {
	p.fence("mermaid", string(drawing.Mermaid(picture)))
}

func (p *page) table(head []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	var b strings.Builder
	b.WriteString("| " + strings.Join(head, " | ") + " |\n|" + strings.Repeat("---|", len(head)))
	for _, row := range rows {
		b.WriteString("\n| " + strings.Join(row, " | ") + " |")
	}
	p.line(b.String())
}

// text escapes free text: what Markdown or HTML would read as markup stands as it is written.
func text(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case !unicode.IsGraphic(r) || r == unicode.ReplacementChar:
			b.WriteByte(' ')
		case strings.ContainsRune("<>&\"'", r):
			b.WriteString(html.EscapeString(string(r)))
		case strings.ContainsRune("\\`*_[]#|~$", r), strings.ContainsRune("-+=", r) && b.Len() == 0, strings.ContainsRune(".)", r) && digits(b.String()):
			b.WriteString(`\` + string(r))
		default:
			b.WriteRune(r)
		}
	}
	return strings.TrimSpace(b.String())
}

// digits tells whether s could be the number of an item of a list.
func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// code renders text as code. What a code span in a table cannot hold is plain text.
func code(s string) string {
	switch {
	case s == "":
		return ""
	case strings.ContainsAny(s, "`|\\") || strings.TrimSpace(s) != s || strings.ContainsFunc(s, unicode.IsControl):
		return text(s)
	}
	return "`" + s + "`"
}

func codes(list []string) string {
	rendered := make([]string, len(list))
	for i, s := range list {
		rendered[i] = code(s)
	}
	return strings.Join(rendered, ", ")
}

// pretty indents JSON.
func pretty(data []byte) string {
	var b bytes.Buffer
	if err := json.Indent(&b, data, "", "  "); err != nil {
		return string(data)
	}
	return b.String()
}
