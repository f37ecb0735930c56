package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/catalogue/drawing"
	"github.com/omninode-ai/omninode/catalogue/explorer"
	"github.com/omninode-ai/omninode/contract"
)

// formatHTML is a page to explore.
const formatHTML = "html"

// graphing says what to draw, how and where to.
type graphing struct{ format, node, out string }

func newGraphCommand(a *app) *cobra.Command {
	var g graphing
	c := &cobra.Command{
		Use:   "graph",
		Short: "draw the event graph of the fleet, a state machine or a workflow",
		Long: "graph draws the nodes and the messages between them. With --node it draws a node with its neighbours,\n" +
			"and its state machine or workflow. As html it is a page to explore, which needs no network.",
		Example: "  omninode graph\n" +
			"  omninode graph --node checkout\n" +
			"  omninode graph -o fleet.html\n" +
			"  omninode graph --format mermaid",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if g.format == "" {
				g.format = formatOfFile(g.out)
			}
			if !slices.Contains(graphFormats(), g.format) {
				return usage(c, fmt.Errorf("unknown format %q; %s are known", g.format, strings.Join(graphFormats(), ", ")))
			}
			return a.graph(g)
		},
	}
	c.Flags().StringVar(&g.format, "format", "", "text, mermaid, dot, svg or html; otherwise by the ending of -o, else text")
	c.Flags().StringVar(&g.node, "node", "", "draw this node only, with what is inside it")
	c.Flags().StringVarP(&g.out, "out", "o", "", "write to this file instead of standard output")
	return c
}

func graphFormats() []string { return []string{formatText, "mermaid", "dot", "svg", formatHTML} }

// formatOfFile returns the format that the ending of a file stands for.
func formatOfFile(name string) string {
	switch ext := filepath.Ext(name); ext {
	case ".svg", ".dot":
		return ext[1:]
	case ".html", ".htm":
		return formatHTML
	case ".gv":
		return "dot"
	case ".mmd", ".mermaid":
		return "mermaid"
	}
	return formatText
}

func (a *app) graph(g graphing) error {
	f, c, err := a.subject(g.node)
	if err != nil {
		return err
	}
	if g.format == formatHTML {
		page, err := explorer.Page(f, c)
		if err != nil {
			return err
		}
		return a.writeOut(g.out, page)
	}
	return a.writeOut(g.out, a.draw(f, c, g))
}

// draw draws the fleet, or a node of it.
func (a *app) draw(f *contract.Fleet, c *contract.Contract, g graphing) []byte {
	p := drawing.Fleet(f)
	if c != nil {
		p = drawing.Node(f, c)
	}
	switch g.format {
	case "mermaid":
		return drawing.Mermaid(p)
	case "dot":
		return drawing.DOT(p)
	case "svg":
		return drawing.SVG(p)
	}
	return drawing.Text(p, a.graphPaint(g.out != ""))
}

// graphPaint colours what a terminal shows; a file stays plain.
func (a *app) graphPaint(plain bool) drawing.Paint {
	styles := map[string]style{
		string(contract.Orchestrator): magenta, string(contract.Reducer): green, string(contract.Effect): yellow, string(contract.Compute): blue,
		drawing.KindInitial: blue, drawing.KindFinal: green, drawing.KindFailed: red,
		drawing.ClassEvent: cyan, drawing.ClassFailure: red,
	}
	return func(what, text string) string {
		s, known := styles[what]
		switch {
		case plain || what == drawing.ClassCommand:
			return text
		case !known:
			s = bold
		}
		return a.paint(a.stdout, s, text)
	}
}
