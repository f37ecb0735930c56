package cause

import (
	"fmt"
	"strings"

	"github.com/omninode-ai/omninode/internal/painted"
)

// SVG draws a tree as a picture that fits light and dark pages.
func (t *Tree) SVG() []byte { return painted.SVG("why "+painted.Printable(t.Asked), t.Lines()) }

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
	return strings.NewReplacer(`"`, "#quot;", "<", "#lt;", ">", "#gt;", "`", "'").Replace(painted.Printable(text))
}
