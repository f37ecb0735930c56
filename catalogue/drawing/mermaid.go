package drawing

import (
	"fmt"
	"strconv"
	"strings"
)

// Mermaid returns the picture as a flowchart of Mermaid.
func Mermaid(p Picture) []byte {
	var b strings.Builder
	b.WriteString("flowchart " + direction(p.Parts[0]) + "\n")
	for i, part := range p.Parts {
		indent := "  "
		if len(p.Parts) > 1 {
			fmt.Fprintf(&b, "  subgraph p%d[%s]\n", i, mermaidText(part.Title))
			fmt.Fprintf(&b, "    direction %s\n", direction(part))
			indent = "    "
		}
		mermaidPart(&b, indent, "p"+strconv.Itoa(i), part)
		if len(p.Parts) > 1 {
			b.WriteString("  end\n")
		}
	}
	for _, k := range kinds() {
		if !strings.Contains(b.String(), ":::"+k.name+"\n") {
			continue
		}
		fmt.Fprintf(&b, "  classDef %s fill:%s,stroke:%s,color:#1f2328\n", k.name, k.fill, k.stroke)
	}
	return []byte(b.String())
}

func direction(part Part) string {
	if part.Down {
		return "TB"
	}
	return "LR"
}

func mermaidPart(b *strings.Builder, indent, prefix string, part Part) {
	ids := map[string]string{}
	for i, box := range part.Boxes {
		id := prefix + "b" + strconv.Itoa(i)
		ids[box.ID] = id
		open, shut := mermaidShape(box.Kind)
		fmt.Fprintf(b, "%s%s%s%s%s:::%s\n", indent, id, open, mermaidText(append([]string{box.Title}, box.Lines...)...), shut, box.Kind)
	}
	for i, ch := range part.Channels {
		mermaidChannel(b, indent, prefix+"c"+strconv.Itoa(i), ids, ch)
	}
}

// mermaidChannel draws a line with a label between two boxes, else the label as a box of its own.
func mermaidChannel(b *strings.Builder, indent, id string, ids map[string]string, ch Channel) {
	line, plain := "-->", "---"
	if ch.Class != ClassCommand {
		line, plain = "-.->", "-.-"
	}
	text := mermaidText(ch.Labels...)
	if len(ch.From) == 1 && len(ch.To) == 1 {
		label := ""
		if len(ch.Labels) > 0 {
			label = "|" + text + "|"
		}
		fmt.Fprintf(b, "%s%s %s%s %s\n", indent, ids[ch.From[0]], line, label, ids[ch.To[0]])
		return
	}
	if len(ch.Labels) == 0 {
		for _, to := range ch.To {
			fmt.Fprintf(b, "%s%s %s %s\n", indent, ids[ch.From[0]], line, ids[to])
		}
		return
	}
	fmt.Fprintf(b, "%s%s([%s]):::%s\n", indent, id, text, ch.Class)
	for _, from := range ch.From {
		fmt.Fprintf(b, "%s%s %s %s\n", indent, ids[from], plain, id)
	}
	for _, to := range ch.To {
		fmt.Fprintf(b, "%s%s %s %s\n", indent, id, line, ids[to])
	}
}

func mermaidShape(kind string) (open, shut string) {
	switch kind {
	case KindOutside, KindInitial, KindFinal, KindFailed:
		return "([", "])"
	case KindState, KindStep:
		return "(", ")"
	}
	return "[", "]"
}

// mermaidText quotes lines of text. What Mermaid would read as markup, as one of its own marks or as
// the beginning of a comment is written as the number of its character.
func mermaidText(lines ...string) string {
	escaped := make([]string, len(lines))
	for i, line := range lines {
		escaped[i] = mermaidEscaper().Replace(printable(line))
	}
	return `"` + strings.Join(escaped, "<br/>") + `"`
}

func mermaidEscaper() *strings.Replacer {
	return strings.NewReplacer("&", "#38;", "<", "#60;", ">", "#62;", `"`, "#34;", "'", "#39;", "`", "#96;",
		"#", "#35;", ";", "#59;", "%", "#37;", `\`, "#92;", "$", "#36;", "@", "#64;")
}
