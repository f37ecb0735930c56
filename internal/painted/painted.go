// Package painted is text in tones: lines that a terminal colours, and that a picture shows as they are.
package painted

import (
	"fmt"
	"html"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Tone says how a piece of a line looks.
type Tone string

// The tones.
const (
	Plain Tone = ""
	Faint Tone = "faint" // what stands between: lines, places, ids
	Title Tone = "title" // what it is about
	Good  Tone = "good"  // what worked
	Bad   Tone = "bad"   // what failed, or is missing
	Wait  Tone = "wait"  // what waits
	Mark  Tone = "mark"  // what was asked for
)

// Span is a piece of a line.
type Span struct {
	Tone Tone
	Text string
}

// Text returns text in the tone.
func (t Tone) Text(s string) Span { return Span{t, s} }

// maxText is how many characters of a text are shown.
const maxText = 200

// Printable shows what others wrote: on one line, without control characters, and not too much of it.
func Printable(s string) string {
	text := []rune(strings.ToValidUTF8(s, "?"))
	cut := len(text) > maxText
	text = text[:min(len(text), maxText)]
	for i, r := range text {
		if !unicode.IsPrint(r) {
			text[i] = ' '
		}
	}
	if cut {
		return string(text) + "…"
	}
	return string(text)
}

// Line is one line of text.
type Line []Span

// String returns a line without its looks.
func (l Line) String() string {
	var b strings.Builder
	for _, s := range l {
		b.WriteString(s.Text)
	}
	return b.String()
}

// The measures of a picture.
const (
	pictureSize   = 12 // of the font
	pictureLine   = 18
	pictureGlyph  = 7.25
	pictureMargin = 16
)

// Style is the style sheet of pictures: a class for each tone, and page for what is behind them.
const Style = `
.page{fill:#ffffff;stroke:#d0d7de}text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#1f2328;white-space:pre}
.faint{fill:#818b98}.title{fill:#0550ae;font-weight:600}.good{fill:#1a7f37}.bad{fill:#cf222e}.wait{fill:#9a6700}.mark{fill:#8250df;font-weight:600}
@media (prefers-color-scheme: dark){.page{fill:#0d1117;stroke:#3d444d}text{fill:#e6edf3}
.faint{fill:#7d8590}.title{fill:#79c0ff}.good{fill:#3fb950}.bad{fill:#f85149}.wait{fill:#d29922}.mark{fill:#d2a8ff}}`

// SVG draws lines as a picture that fits light and dark pages.
func SVG(title string, lines []Line) []byte {
	widest := 0
	for _, l := range lines {
		widest = max(widest, utf8.RuneCountInString(l.String()))
	}
	w, h := pictureMargin*2+int(pictureGlyph*float64(widest)), pictureMargin*2+pictureLine*len(lines)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%[1]d" height="%[2]d" role="img">`+"\n", w, h)
	fmt.Fprintf(&b, "<title>%s</title>\n<style>%s</style>\n", html.EscapeString(title), Style)
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
