package drawing

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Paint colours text: what is a box's kind, a channel's class or "title".
type Paint func(what, text string) string

// Text returns the picture as an indented flow: each box with the channels that leave it, and those
// that come from outside.
func Text(p Picture, paint Paint) []byte {
	var b strings.Builder
	for i, part := range p.Parts {
		if i > 0 {
			b.WriteString("\n")
		}
		if part.Title != "" {
			fmt.Fprintf(&b, "%s\n\n", paint("title", part.Title))
		}
		writer := textPart{part: part, paint: paint, width: labelWidth(part)}
		for j, box := range inFlow(part) {
			if j > 0 {
				b.WriteString("\n")
			}
			writer.box(&b, box)
		}
	}
	return []byte(b.String())
}

// inFlow returns the boxes that are not outside, those first that others follow from.
func inFlow(part Part) []Box {
	list := make([]Box, 0, len(part.Boxes))
	for _, i := range sequence(part) {
		if part.Boxes[i].Kind != KindOutside {
			list = append(list, part.Boxes[i])
		}
	}
	return list
}

func labelWidth(part Part) int {
	width := 0
	for _, ch := range part.Channels {
		for _, label := range ch.Labels {
			width = max(width, utf8.RuneCountInString(label))
		}
	}
	return width
}

type textPart struct {
	part  Part
	paint Paint
	width int
}

func (t textPart) box(b *strings.Builder, box Box) {
	about := box.Lines
	if box.Kind == KindInitial || box.Kind == KindFinal || len(about) == 0 {
		about = append([]string{box.Kind}, about...)
	}
	fmt.Fprintf(b, "%s  %s\n", t.paint(box.Kind, printable(box.Title)), printable(strings.Join(about, ", ")))
	for _, ch := range t.part.Channels {
		if from, outside := t.ends(ch.From); slices.Contains(ch.To, box.ID) && (outside || len(ch.From) == 0) {
			t.channel(b, ch, "◀──", "from "+from)
		}
	}
	for _, ch := range t.part.Channels {
		if slices.Contains(ch.From, box.ID) {
			to, _ := t.ends(ch.To)
			t.channel(b, ch, "──▶", "to "+to)
		}
	}
}

// ends names boxes and tells whether one of them is outside.
func (t textPart) ends(ids []string) (names string, outside bool) {
	var titles []string
	for _, id := range ids {
		i := slices.IndexFunc(t.part.Boxes, func(b Box) bool { return b.ID == id })
		titles = append(titles, printable(t.part.Boxes[i].Title))
		outside = outside || t.part.Boxes[i].Kind == KindOutside
	}
	if len(titles) == 0 {
		return "nobody", false
	}
	return strings.Join(titles, ", "), outside
}

// channel writes a line per label; what follows from the first one stands below it.
func (t textPart) channel(b *strings.Builder, ch Channel, arrow, ends string) {
	labels := ch.Labels
	if len(labels) == 0 {
		labels = []string{""}
	}
	for _, label := range labels {
		pad := strings.Repeat(" ", t.width-utf8.RuneCountInString(label))
		fmt.Fprintf(b, "  %s %s%s  %s\n", arrow, t.paint(ch.Class, printable(label)), pad, ends)
	}
}
