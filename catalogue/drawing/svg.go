package drawing

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strconv"
	"strings"
)

const (
	margin     = 24.0
	titleRoom  = 34.0 // above a part with a title
	legendRoom = 40.0
)

// SVG returns the picture as a drawing that follows the colours of its surroundings, light or dark.
func SVG(p Picture) []byte {
	var plans []plan
	width, height := 0.0, margin
	for _, part := range p.Parts {
		a := arrange(part)
		plans = append(plans, a)
		width, height = max(width, a.width), height+a.height+room(part)+partGap
	}
	legend := legendItems(plans)
	width = math.Ceil(max(width, legendWidth(legend)) + 2*margin)
	height = math.Ceil(height - partGap + legendRoom + margin)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]s %[2]s" width="%[1]s" height="%[2]s" role="img" aria-label="%[3]s">`+"\n",
		num(width), num(height), attr(p.Title))
	fmt.Fprintf(&b, "<style>\n%s</style>\n%s", standaloneStyle(), Markers())
	fmt.Fprintf(&b, `<rect class="page" width="%s" height="%s" rx="10"/>`+"\n", num(width), num(height))
	y := margin
	for i, a := range plans {
		if title := p.Parts[i].Title; title != "" {
			fmt.Fprintf(&b, `<text class="part" x="%s" y="%s">%s</text>`+"\n", num(margin), num(y+16), content(title))
		}
		y += room(p.Parts[i])
		fmt.Fprintf(&b, `<g transform="translate(%s %s)">`+"\n", num((width-a.width)/2), num(y))
		a.draw(&b)
		b.WriteString("</g>\n")
		y += a.height + partGap
	}
	drawLegend(&b, legend, height-margin)
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

// Fragment is a part drawn for a page that has Style and Markers.
type Fragment struct {
	Width, Height float64
	SVG           string // what stands inside of an svg element
}

// Draw returns a part as a fragment.
func Draw(part Part) Fragment {
	var b strings.Builder
	a := arrange(part)
	a.draw(&b)
	return Fragment{Width: a.width, Height: a.height, SVG: b.String()}
}

func room(part Part) float64 {
	if part.Title == "" {
		return 0
	}
	return titleRoom
}

// draw writes lines first, so that boxes and labels cover their ends.
func (p plan) draw(b *strings.Builder) {
	for _, l := range p.lines {
		ch := p.part.Channels[p.labels[l.label].channel]
		fmt.Fprintf(b, `<path class="line %s" data-label="%d" data-%s="%s" d="%s"`, ch.Class, l.label, l.end(), attr(p.part.Boxes[l.box].ID), path(l.points, p.part.Down))
		if l.to {
			fmt.Fprintf(b, ` marker-end="url(#arrow-%s)"`, ch.Class)
		}
		b.WriteString("/>\n")
	}
	for i, l := range p.labels {
		p.drawLabel(b, i, l)
	}
	for i, at := range p.boxes {
		drawBox(b, p.part.Boxes[i], at)
	}
}

func (p plan) drawLabel(b *strings.Builder, i int, l label) {
	ch := p.part.Channels[l.channel]
	if l.w == 0 {
		return
	}
	fmt.Fprintf(b, `<g class="label %s" data-label="%d" data-refs="%s"><rect x="%s" y="%s" width="%s" height="%s" rx="6"/>`,
		ch.Class, i, attr(strings.Join(ch.Refs, " ")), num(l.x), num(l.y), num(l.w), num(l.h))
	for i, text := range ch.Labels {
		fmt.Fprintf(b, `<text x="%s" y="%s">%s</text>`, num(l.x+l.w/2), num(l.y+14+float64(labelStep*float64(i))), content(text))
	}
	b.WriteString("</g>\n")
}

func drawBox(b *strings.Builder, box Box, at place) {
	fmt.Fprintf(b, `<g class="box %s" data-id="%s">`, box.Kind, attr(box.ID))
	if box.Note != "" {
		fmt.Fprintf(b, "<title>%s</title>", content(box.Note))
	}
	fmt.Fprintf(b, `<rect x="%s" y="%s" width="%s" height="%s" rx="%s"/>`, num(at.x), num(at.y), num(at.w), num(at.h), num(corner(box.Kind, at.h)))
	y := at.middle() - float64(lineStep*float64(len(box.Lines)))/2 + 5
	fmt.Fprintf(b, `<text class="title" x="%s" y="%s">%s</text>`, num(at.x+at.w/2), num(y), content(box.Title))
	for i, line := range box.Lines {
		fmt.Fprintf(b, `<text class="small" x="%s" y="%s">%s</text>`, num(at.x+at.w/2), num(y+float64(lineStep*float64(i+1))+1), content(line))
	}
	b.WriteString("</g>\n")
}

func corner(kind string, height float64) float64 {
	if slices.Contains([]string{KindOutside, KindInitial, KindFinal, KindFailed}, kind) {
		return min(height/2, 20)
	}
	return 8
}

// path draws curves between ranks and straight lines through them.
func path(points []point, down bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "M%s %s", num(points[0].x), num(points[0].y))
	for i, p := range points[1:] {
		from := points[i]
		if i%2 == 1 {
			fmt.Fprintf(&b, "L%s %s", num(p.x), num(p.y))
			continue
		}
		one, two := point{(from.x + p.x) / 2, from.y}, point{(from.x + p.x) / 2, p.y}
		if down {
			one, two = point{from.x, (from.y + p.y) / 2}, point{p.x, (from.y + p.y) / 2}
		}
		fmt.Fprintf(&b, "C%s %s %s %s %s %s", num(one.x), num(one.y), num(two.x), num(two.y), num(p.x), num(p.y))
	}
	return b.String()
}

// Markers returns the heads of the arrows, which lines refer to.
func Markers() string {
	var b strings.Builder
	b.WriteString("<defs>")
	for _, class := range []string{ClassCommand, ClassEvent, ClassFailure} {
		fmt.Fprintf(&b, `<marker id="arrow-%[1]s" class="%[1]s" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 10 5 0 10z"/></marker>`, class)
	}
	b.WriteString("</defs>\n")
	return b.String()
}

// legendItems lists the kinds and classes that occur, in the order of their definition.
func legendItems(plans []plan) []string {
	var names []string
	for _, k := range kinds() {
		if slices.ContainsFunc(plans, func(p plan) bool { return p.has(k.name) }) {
			names = append(names, k.name)
		}
	}
	return names
}

func (p plan) has(name string) bool {
	return slices.ContainsFunc(p.part.Boxes, func(b Box) bool { return b.Kind == name }) ||
		slices.ContainsFunc(p.part.Channels, func(c Channel) bool { return c.Class == name })
}

const legendGap = 44.0 // mark and space of an item

func legendWidth(names []string) float64 {
	width := 0.0
	for _, n := range names {
		width += legendGap + textWidth(n, lineSize)
	}
	return width
}

func drawLegend(b *strings.Builder, names []string, y float64) {
	b.WriteString("<g class=\"legend\">\n")
	x := margin
	for _, n := range names {
		if n == ClassCommand || n == ClassEvent || n == ClassFailure {
			fmt.Fprintf(b, `<path class="line %s" d="M%s %sh22"/>`, n, num(x), num(y-4))
		} else {
			fmt.Fprintf(b, `<g class="box %s"><rect x="%s" y="%s" width="22" height="12" rx="4"/></g>`, n, num(x), num(y-10))
		}
		fmt.Fprintf(b, `<text x="%s" y="%s">%s</text>`+"\n", num(x+28), num(y), content(n))
		x += legendGap + textWidth(n, lineSize)
	}
	b.WriteString("</g>\n")
}

// num writes a length with at most one decimal.
func num(v float64) string {
	return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
}

// content escapes text between tags, attr that of an attribute.
func content(s string) string { return html.EscapeString(printable(s)) }
func attr(s string) string    { return html.EscapeString(printable(s)) }
