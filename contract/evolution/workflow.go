package evolution

import (
	"slices"
	"strings"

	"github.com/omninode-ai/omninode/contract"
)

// workflow compares what an orchestrator does. An instance outlives the program that started it: one
// that is half-way goes on under the new contract, so that what it waits for must stay.
func (c *comparer) workflow(top place, before, now *contract.Workflow) {
	if before == nil || now == nil {
		return // the kind changed
	}
	p := top.in("workflow").as("workflow")
	ends := always(breaks("who waits for the old one to learn how the workflow ended waits in vain", "keep it"))
	fields(c, p, before, now, []field[*contract.Workflow]{
		{"start", func(w *contract.Workflow) string { return ref(w.Start) }, always(breaks(
			"the old one starts nothing any more", "keep it, or declare another orchestrator"))},
		{"completed", func(w *contract.Workflow) string { return ref(w.Completed) }, ends},
		{"failed", func(w *contract.Workflow) string { return ref(w.Failed) }, ends},
	})
	compareNamed(c, p.in("steps"), "step", before.Steps, now.Steps, named[*contract.Step]{
		name:    func(s *contract.Step) string { return s.Name },
		at:      func(s *contract.Step) contract.Pos { return s.Pos },
		added:   verdictOf[*contract.Step](extends("instances that begin from now on take the step")),
		removed: func(s *contract.Step) verdict { return gone(s, now.Steps) },
		both:    c.step,
	})
}

// gone judges a step that is not there any more. One that takes its part sends another command, so that
// the answers to the old one must still be read and its undo still be sent.
func gone(s *contract.Step, now []*contract.Step) verdict {
	i := slices.IndexFunc(now, func(n *contract.Step) bool { return slices.Contains(n.Replaces, s.Name) })
	if i < 0 {
		return breaks("instances that wait in it never end, and what it did is not undone",
			"keep it until no instance is in it, or let the step that takes its part say replaces: ["+s.Name+"]")
	}
	if s.Undo != nil && now[i].Undo == nil {
		return breaks("what it did is not undone when a later step fails", "let step "+now[i].Name+" have an undo")
	}
	for _, m := range slices.Concat(s.Success, s.Failure) {
		if !slices.ContainsFunc(now, func(n *contract.Step) bool { return slices.Contains(refs(slices.Concat(n.Success, n.Failure)), ref(m)) }) {
			return breaks("instances that wait in it never get "+ref(m), "let step "+now[i].Name+" wait for it too")
		}
	}
	return extends("instances that have yet to come to it take step " + now[i].Name)
}

func (c *comparer) step(p place, before, now *contract.Step) {
	fields(c, p, before, now, []field[*contract.Step]{
		{"after", func(s *contract.Step) string { return strings.Join(s.After, ", ") }, always(
			extends("the step comes at another time in instances that begin from now on"))},
		{"send", func(s *contract.Step) string { return ref(s.Send) }, sent(now)},
		{"undo", func(s *contract.Step) string { return ref(s.Undo) }, presence(
			extends("the step is undone when a later one fails"),
			breaks("what the step did stays when a later one fails", "keep it"),
			breaks("what the step did before is undone by a command that may not fit it", "keep it, and let the receiver tell the cases apart"))},
		{"timeout", func(s *contract.Step) string { return span(s.Timeout) }, presence(
			extends("the step fails when no answer comes in time"),
			extends("the step waits without bound"),
			adjusts("the step waits for another time"))},
		{"delay", func(s *contract.Step) string { return span(s.Delay) }, presence(
			extends("the step waits for time instead of an answer"),
			breaks("instances that wait in it wait for an answer nobody was asked for", "add a step for the answer"),
			adjusts("the step waits for another time; instances that wait in it already keep theirs"))},
	})
	answer := func(what string) (added, removed func(string) verdict) {
		return verdictOf[string](extends("it " + what + " the step")),
			verdictOf[string](breaks("instances that get it as their answer wait on", "keep it"))
	}
	added, removed := answer("completes")
	c.set(p.in("success"), refs(before.Success), refs(now.Success), added, removed)
	added, removed = answer("fails")
	c.set(p.in("failure"), refs(before.Failure), refs(now.Failure), added, removed)
	c.set(p.in("replaces"), before.Replaces, now.Replaces,
		verdictOf[string](extends("instances that have yet to come to that step take this one")),
		verdictOf[string](breaks("instances that have yet to come to that step cannot go on", "keep it until no instance of that version runs")))
}

// sent judges another command of a step.
func sent(now *contract.Step) func(old, new string) verdict {
	if slices.Contains(now.Replaces, now.Name) {
		return always(extends("instances that have yet to come to the step send the new one, and those that wait in it keep the old one"))
	}
	return always(breaks("instances that wait in the step have sent the old one and get its answers",
		"add a step for the new command, or let this one say replaces: ["+now.Name+"]"))
}

func ref(m *contract.Message) string {
	if m == nil {
		return ""
	}
	return m.Ref.String()
}
