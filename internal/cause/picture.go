package cause

import (
	"fmt"
	"html"
	"strings"
	"unicode/utf8"
)

// The measures of a picture.
const (
	pictureSize   = 12 // of the font
	pictureLine   = 18
	pictureGlyph  = 7.25
	pictureMargin = 16
)

const pictureStyle = `
.page{fill:#ffffff;stroke:#d0d7de}text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#1f2328;white-space:pre}
.faint{fill:#818b98}.title{fill:#0550ae;font-weight:600}.good{fill:#1a7f37}.bad{fill:#cf222e}.wait{fill:#9a6700}.mark{fill:#8250df;font-weight:600}
@media (prefers-color-scheme: dark){.page{fill:#0d1117;stroke:#3d444d}text{fill:#e6edf3}
.faint{fill:#7d8590}.title{fill:#79c0ff}.good{fill:#3fb950}.bad{fill:#f85149}.wait{fill:#d29922}.mark{fill:#d2a8ff}}`

// SVG draws a tree as a picture that fits light and dark pages.
func (t *Tree) SVG() []byte {
	lines := t.Lines()
	widest := 0
	for _, l := range lines {
		widest = max(widest, utf8.RuneCountInString(l.String()))
	}
	w, h := pictureMargin*2+int(pictureGlyph*float64(widest)), pictureMargin*2+pictureLine*len(lines)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%[1]d" height="%[2]d" role="img">`+"\n", w, h)
	fmt.Fprintf(&b, "<title>why %s</title>\n<style>%s</style>\n", html.EscapeString(printable(t.Asked)), pictureStyle)
	fmt.Fprintf(&b, `<rect class="page" x="0.5" y="0.5" width="%d" height="%d" rx="8"/>`+"\n", w-1, h-1)
	for i, l := range lines {
		fmt.Fprintf(&b, `<text x="%d" y="%d" xml:space="preserve">`, pictureMargin, pictureMargin+pictureLine*i+pictureSize)
		for _, s := range l {
			fmt.Fprintf(&b, `<tspan class="%s">%s</tspan>`, s.Tone, html.EscapeString(s.Text))
		}
		b.WriteString("</text>\n")
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

// Mermaid draws a tree as a flow chart.
func (t *Tree) Mermaid() []byte {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for _, e := range t.Entries {
		open, shut := `("`, `")`
		if e.Kind == Event || e.Kind == Command {
			open, shut = `["`, `"]`
		}
		fmt.Fprintf(&b, "  e%d%s%s%s:::%s\n", e.ID, open, e.label(), shut, e.Kind)
		if e.Parent > 0 {
			fmt.Fprintf(&b, "  e%d --> e%d\n", e.Parent, e.ID)
		}
	}
	b.WriteString("  classDef dead_letter stroke:#cf222e\n  classDef missing stroke:#cf222e,stroke-dasharray:4\n  classDef waiting stroke:#9a6700\n")
	return []byte(b.String())
}

// label describes an entry in a box: without what a chart would take for its own language.
func (e Entry) label() string {
	text := e.Type
	switch {
	case e.Kind == Missing:
		text = "missing " + e.EventID
	case e.Kind != Event && e.Kind != Command:
		text = e.Node + " " + e.what("")
	}
	return strings.NewReplacer(`"`, "#quot;", "<", "#lt;", ">", "#gt;", "`", "'").Replace(printable(text))
}
