// Package drawing draws a fleet's graph, a state machine or a workflow: as text for a terminal, for
// Mermaid and Graphviz, as SVG with a layout of its own, and as a page that can be explored.
//
// A Picture is made from contracts (Fleet, Node) and knows nothing of formats; the formats know
// nothing of contracts. The same picture gives the same bytes everywhere. All text of contracts is
// escaped by the rules of the format.
package drawing

import (
	"slices"
	"strings"

	"github.com/omninode-ai/omninode/catalogue"
	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/onex/event"
)

// Picture is a drawing of one or several parts, which are not connected.
type Picture struct {
	Title string
	Parts []Part
}

// Part is a connected drawing with a title.
type Part struct {
	Title    string
	Down     bool // flows from top to bottom, otherwise from left to right
	Boxes    []Box
	Channels []Channel
}

// Box is a node of the fleet, a state, a step, or something outside.
type Box struct {
	ID    string // unique in its part
	Kind  string // Compute … Orchestrator, or one of the constants
	Title string
	Lines []string // small text below the title
	Note  string   // shown when asked for
}

// Kinds of boxes besides those of nodes.
const (
	KindOutside = "outside"
	KindInitial = "initial" // state a key begins with; start of a workflow
	KindState   = "state"
	KindFinal   = "final" // state without exit; end of a workflow that succeeded
	KindStep    = "step"
	KindFailed  = "failed" // end of a workflow that failed
)

// Channel connects boxes by one or several messages that have the same ends.
type Channel struct {
	Class  string // one of the constants
	Labels []string
	Refs   []string // of messages, in a fleet
	From   []string // ids of boxes; none of a version that was replaced
	To     []string // none of what nobody waits for; From and To are not both empty
}

// Classes of channels.
const (
	ClassCommand = "command"
	ClassEvent   = "event"
	ClassFailure = "failure" // of a step
)

// Fleet draws the nodes of a fleet and the messages between them.
func Fleet(f *contract.Fleet) Picture {
	return Picture{Title: "Event graph of the fleet", Parts: []Part{graph("", f, func(string) bool { return true })}}
}

// Node draws a node with its neighbours, and its state machine or workflow.
func Node(f *contract.Fleet, c *contract.Contract) Picture {
	p := Picture{Title: c.Node, Parts: []Part{neighbours(f, c)}}
	if c.Machine != nil {
		p.Parts = append(p.Parts, Machine(c))
	}
	if c.Workflow != nil {
		p.Parts = append(p.Parts, Workflow(c))
	}
	return p
}

func neighbours(f *contract.Fleet, c *contract.Contract) Part {
	return graph("Messages of "+c.Node, f, func(node string) bool { return node == c.Node })
}

// graph draws the flows that one of the chosen nodes sends or consumes.
func graph(title string, f *contract.Fleet, chosen func(node string) bool) Part {
	g := grapher{part: Part{Title: title}, channels: map[string]int{}, boxes: map[string]int{}}
	for _, c := range f.Contracts {
		if chosen(c.Node) {
			g.box(c)
		}
	}
	for _, flow := range catalogue.Flows(f) {
		ends := slices.Concat(flow.Producers, flow.Consumers)
		if !slices.ContainsFunc(ends, chosen) {
			continue
		}
		for _, node := range ends {
			if c := f.Contract(node); c != nil {
				g.box(c)
			}
		}
		g.flow(flow)
	}
	return g.part
}

// grapher collects a part; its maps hold indexes into it.
type grapher struct {
	part            Part
	boxes, channels map[string]int
}

func (g *grapher) box(c *contract.Contract) {
	if _, drawn := g.boxes[c.Node]; drawn {
		return
	}
	g.add(Box{ID: c.Node, Kind: string(c.Kind), Title: c.Node, Lines: []string{string(c.Kind) + " " + c.Version}, Note: c.Description})
}

func (g *grapher) add(b Box) {
	if _, drawn := g.boxes[b.ID]; !drawn {
		g.boxes[b.ID] = len(g.part.Boxes)
		g.part.Boxes = append(g.part.Boxes, b)
	}
}

// flow draws a message. What a node sends to itself is a line in its box.
func (g *grapher) flow(f catalogue.Flow) {
	m := f.Message
	from := g.ends(f.Producers, "in:"+m.Ref.Node)
	to := g.ends(f.Consumers, "out:"+m.Ref.Node)
	if slices.Contains(from, m.Ref.Node) && slices.Contains(to, m.Ref.Node) {
		b := &g.part.Boxes[g.boxes[m.Ref.Node]]
		b.Lines = append(b.Lines, "↻ "+m.Ref.Local())
		if from = without(from, m.Ref.Node); len(from) == 0 {
			return
		}
	}
	g.channel(Channel{Class: class(m), Labels: []string{m.Ref.Local()}, Refs: []string{m.Ref.String()}, From: from, To: to})
}

// ends returns the ids of the boxes for names; the outside is a box of its own for each node, so that
// it does not tie together what has nothing to do with each other.
func (g *grapher) ends(names []string, outside string) []string {
	ids := make([]string, 0, len(names))
	for _, n := range names {
		if n == catalogue.Outside {
			n = outside
			g.add(Box{ID: outside, Kind: KindOutside, Title: "outside"})
		}
		ids = append(ids, n)
	}
	return ids
}

// channel adds to the channel with the same ends, if there is one.
func (g *grapher) channel(ch Channel) {
	key := strings.Join([]string{ch.Class, strings.Join(ch.From, " "), strings.Join(ch.To, " ")}, "|")
	i, known := g.channels[key]
	if !known {
		g.channels[key] = len(g.part.Channels)
		g.part.Channels = append(g.part.Channels, ch)
		return
	}
	old := &g.part.Channels[i]
	old.Labels, old.Refs = append(old.Labels, ch.Labels...), append(old.Refs, ch.Refs...)
}

func class(m *contract.Message) string {
	if m.Class == event.Command {
		return ClassCommand
	}
	return ClassEvent
}

func without(list []string, s string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(e string) bool { return e == s })
}
