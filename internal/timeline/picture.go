package timeline

import (
	"fmt"
	"html"
	"strings"

	"github.com/omninode-ai/omninode/internal/painted"
)

// The measures of a picture, in pixels.
const (
	margin  = 16
	line    = 24
	glyph   = 7.25
	chart   = 480 // the width of time
	barHigh = 12
)

// SVG draws the timeline as a picture that fits light and dark pages.
func (t *Timeline) SVG() []byte {
	label := int(glyph * float64(t.label()+2))
	says := 0
	for _, r := range t.Rows {
		says = max(says, len(t.says(r)))
	}
	head, foot := t.head(), t.foot()
	w := max(margin*2+label+chart+int(glyph*float64(says+2)), margin*2+int(glyph*float64(widest(head, foot))))
	h := margin*2 + line*(len(head)+len(t.Rows)+len(foot))
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%[1]d" height="%[2]d" role="img">`+"\n", w, h)
	fmt.Fprintf(&b, "<title>%s</title>\n<style>%s</style>\n", html.EscapeString(painted.Printable(t.Key)), painted.Style)
	fmt.Fprintf(&b, `<rect class="page" x="0.5" y="0.5" width="%d" height="%d" rx="8"/>`+"\n", w-1, h-1)
	y := margin
	for _, l := range head {
		text(&b, margin, y, l)
		y += line
	}
	for _, r := range t.Rows {
		t.row(&b, r, margin+label, y)
		y += line
	}
	for _, l := range foot {
		text(&b, margin, y, l)
		y += line
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

// row draws one step: its name, its bars from x on, and what it is doing.
func (t *Timeline) row(b *strings.Builder, r Row, x, y int) {
	text(b, margin, y, painted.Line{painted.Plain.Text(r.name())})
	for _, bar := range r.Bars {
		to, opacity := t.end(), "0.45"
		if bar.To != nil {
			to, opacity = *bar.To, "1"
		}
		from, wide := t.share(bar.From)*chart, max((t.share(to)-t.share(bar.From))*chart, 2)
		fmt.Fprintf(b, `<rect class="%s" x="%.1f" y="%d" width="%.1f" height="%d" rx="3" opacity="%s"/>`+"\n",
			tone(bar.State), float64(x)+from, y+2, wide, barHigh, opacity)
		if bar.Undone != nil {
			at := float64(x) + t.share(*bar.Undone)*chart
			fmt.Fprintf(b, `<path class="mark" d="M%.1f %d l7 -6 v12 z"/>`+"\n", at-7, y+2+barHigh/2)
		}
	}
	text(b, x+chart+margin, y, painted.Line{r.tone().Text(t.says(r))})
}

func text(b *strings.Builder, x, y int, l painted.Line) {
	if len(l) == 0 {
		return
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" xml:space="preserve">`, x, y+barHigh)
	for _, s := range l {
		fmt.Fprintf(b, `<tspan class="%s">%s</tspan>`, s.Tone, html.EscapeString(s.Text))
	}
	b.WriteString("</text>\n")
}

// widest returns the length of the longest line.
func widest(groups ...[]painted.Line) int {
	n := 0
	for _, g := range groups {
		for _, l := range g {
			n = max(n, len([]rune(l.String())))
		}
	}
	return n
}
