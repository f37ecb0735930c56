package drawing

import (
	"fmt"
	"strconv"
	"strings"
)

// DOT returns the picture in the language of Graphviz.
func DOT(p Picture) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %s {\n", dotText(p.Title))
	b.WriteString("  rankdir=LR\n  node [fontname=\"Helvetica\", fontsize=11, shape=box, style=\"rounded,filled\"]\n")
	b.WriteString("  edge [fontname=\"Helvetica\", fontsize=10]\n")
	for i, part := range p.Parts {
		if len(p.Parts) > 1 {
			fmt.Fprintf(&b, "  subgraph cluster_%d {\n  label=%s\n", i, dotText(part.Title))
		}
		dotPart(&b, "p"+strconv.Itoa(i), part)
		if len(p.Parts) > 1 {
			b.WriteString("  }\n")
		}
	}
	b.WriteString("}\n")
	return []byte(b.String())
}

func dotPart(b *strings.Builder, prefix string, part Part) {
	ids := map[string]string{}
	for i, box := range part.Boxes {
		id := prefix + "b" + strconv.Itoa(i)
		ids[box.ID] = id
		k := kindOf(box.Kind)
		fmt.Fprintf(b, "  %s [label=%s, fillcolor=%q, color=%q]\n", id, dotText(append([]string{box.Title}, box.Lines...)...), k.fill, k.stroke)
	}
	for i, ch := range part.Channels {
		dotChannel(b, prefix+"c"+strconv.Itoa(i), ids, ch)
	}
}

// dotChannel draws a line with a label between two boxes, else the label as a box of its own.
func dotChannel(b *strings.Builder, id string, ids map[string]string, ch Channel) {
	style := "solid"
	if ch.Class != ClassCommand {
		style = "dashed"
	}
	if len(ch.From) == 1 && len(ch.To) == 1 || len(ch.Labels) == 0 {
		for _, to := range ch.To {
			fmt.Fprintf(b, "  %s -> %s [label=%s, style=%s]\n", ids[ch.From[0]], ids[to], dotText(ch.Labels...), style)
		}
		return
	}
	fmt.Fprintf(b, "  %s [label=%s, shape=plaintext, style=\"\"]\n", id, dotText(ch.Labels...))
	for _, from := range ch.From {
		fmt.Fprintf(b, "  %s -> %s [style=%s, dir=none]\n", ids[from], id, style)
	}
	for _, to := range ch.To {
		fmt.Fprintf(b, "  %s -> %s [style=%s]\n", id, ids[to], style)
	}
}

// dotText quotes lines of text: a quoted string of DOT in which quotes and backslashes are escaped.
func dotText(lines ...string) string {
	escaped := make([]string, len(lines))
	for i, line := range lines {
		escaped[i] = strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(printable(line))
	}
	return `"` + strings.Join(escaped, `\n`) + `"`
}
