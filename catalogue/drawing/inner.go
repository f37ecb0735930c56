package drawing

import (
	"slices"
	"strings"

	"github.com/omninode-ai/omninode/catalogue"
	"github.com/omninode-ai/omninode/contract"
)

// Machine draws the states of a reducer's keys.
func Machine(c *contract.Contract) Part {
	m := c.Machine
	g := grapher{part: Part{Title: "State machine of " + c.Node}, channels: map[string]int{}, boxes: map[string]int{}}
	for _, s := range m.States {
		kind := KindState
		switch {
		case s == m.Initial:
			kind = KindInitial
		case slices.Contains(m.Final, s):
			kind = KindFinal
		}
		g.add(Box{ID: s, Kind: kind, Title: s})
	}
	for _, t := range m.Transitions {
		for _, from := range t.From {
			g.transition(c.Node, t, from)
		}
	}
	return g.part
}

// transition draws the transition of one state; one that stays is a line in the state's box.
func (g *grapher) transition(node string, t *contract.Transition, from string) {
	labels := transitionLabels(node, t)
	if from == t.To {
		b := &g.part.Boxes[g.boxes[from]]
		b.Lines = append(b.Lines, "↻ "+strings.Join(labels, " "))
		return
	}
	g.channel(Channel{Class: class(t.Input), Labels: labels, From: []string{from}, To: []string{t.To}})
}

func transitionLabels(node string, t *contract.Transition) []string {
	labels := []string{local(node, t.Input)}
	if t.Guard != "" {
		labels[0] += " [" + t.Guard + "]"
	}
	for _, e := range t.Emits {
		labels = append(labels, "▸ "+local(node, e))
	}
	return labels
}

// local names a message the way the node's own contract does.
func local(node string, m *contract.Message) string {
	if m.Ref.Node == node {
		return m.Ref.Local()
	}
	return m.Ref.String()
}

// Ids of the ends of a workflow; no step can be called so.
const (
	startID     = "(start)"
	completedID = "(completed)"
	failedID    = "(failed)"
)

// Workflow draws the steps of an orchestrator.
func Workflow(c *contract.Contract) Part {
	w := c.Workflow
	p := Part{Title: "Workflow of " + c.Node, Down: true, Boxes: []Box{{ID: startID, Kind: KindInitial, Title: local(c.Node, w.Start), Lines: []string{"starts"}}}}
	fails := false
	for _, s := range w.Steps {
		p.Boxes = append(p.Boxes, Box{ID: s.Name, Kind: KindStep, Title: s.Name, Lines: stepLines(s)})
		p.Channels = append(p.Channels, Channel{
			Class: ClassEvent, Labels: localAll(c.Node, s.Success), From: []string{s.Name}, To: next(w, s.Name),
		})
		if why := failures(c.Node, s); len(why) > 0 {
			fails = true
			p.Channels = append(p.Channels, Channel{Class: ClassFailure, Labels: why, From: []string{s.Name}, To: []string{failedID}})
		}
	}
	p.Channels = append(p.Channels, Channel{Class: ClassCommand, From: []string{startID}, To: next(w, "")})
	p.Boxes = append(p.Boxes, Box{ID: completedID, Kind: KindFinal, Title: local(c.Node, w.Completed), Lines: []string{"all steps succeeded"}})
	if fails {
		p.Boxes = append(p.Boxes, Box{ID: failedID, Kind: KindFailed, Title: local(c.Node, w.Failed), Lines: []string{"after every undo"}})
	}
	return p
}

func localAll(node string, messages []*contract.Message) []string {
	names := make([]string, 0, len(messages))
	for _, m := range messages {
		names = append(names, local(node, m))
	}
	return names
}

func stepLines(s *contract.Step) []string {
	var lines []string
	if s.Send != nil {
		lines = append(lines, "send "+s.Send.Ref.String())
	}
	if s.Undo != nil {
		lines = append(lines, "undo "+s.Undo.Ref.String())
	}
	switch {
	case s.Delay > 0:
		lines = append(lines, "wait "+catalogue.Duration(s.Delay))
	case len(lines) == 0:
		lines = append(lines, "wait")
	}
	return lines
}

func failures(node string, s *contract.Step) []string {
	why := localAll(node, s.Failure)
	if s.Timeout > 0 {
		why = append(why, "no answer in "+catalogue.Duration(s.Timeout))
	}
	return why
}

// next returns the steps that wait for a step, else the end; "" is the start.
func next(w *contract.Workflow, step string) []string {
	var ids []string
	for _, s := range w.Steps {
		if slices.Contains(s.After, step) || step == "" && len(s.After) == 0 {
			ids = append(ids, s.Name)
		}
	}
	if len(ids) == 0 {
		return []string{completedID}
	}
	return ids
}
