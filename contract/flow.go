package contract

import (
	"slices"
	"strings"

	"github.com/omninode-ai/omninode/onex/event"
)

// check checks the graph of messages, in which everything is resolved.
func (l *linker) check() {
	l.link()
	l.checkTypeNames()
	l.checkOrphans()
	for _, p := range l.parsers {
		if w := p.contract.Workflow; w != nil {
			for _, s := range w.Steps {
				l.checkStep(p, w, s)
			}
		}
	}
	l.checkCycles()
	l.checkAccess()
	l.checkScaling()
}

// checkTypeNames checks the names of the copies of other nodes' types: <Owner><Type>.
func (l *linker) checkTypeNames() {
	for _, p := range l.parsers {
		taken := map[*Type]bool{}
		for _, m := range p.contract.Foreign {
			for _, version := range append(m.Older(), m) {
				for _, t := range version.Data.all(nil) {
					if !taken[t] {
						taken[t] = true
						p.claim(scopeType, GoName(t.Owner.Node)+t.Name, "type "+t.Name+" of "+t.Owner.Node, p.useOf(m))
					}
				}
			}
		}
	}
}

// useOf returns where a contract first refers to a foreign message.
func (p *parser) useOf(m *Message) Pos {
	i := slices.IndexFunc(p.uses, func(u use) bool { return u.message.Ref == m.Ref })
	return p.uses[i].pos
}

// all appends t and the types it is made of to list, each once.
func (t *Type) all(list []*Type) []*Type {
	if slices.Contains(list, t) {
		return list
	}
	list = append(list, t)
	for _, prop := range t.Schema.Properties {
		s := prop.Schema
		if s.Items != nil {
			s = s.Items
		}
		if s.Ref != nil {
			list = s.Ref.all(list)
		}
	}
	return list
}

// checkOrphans reports events nobody consumes and commands nobody sends. The answer to an undo
// counts as consumed: it is the record of a compensation, which nothing has to follow.
func (l *linker) checkOrphans() {
	used := map[*Message]bool{}
	for _, p := range l.parsers {
		for _, m := range p.contract.Foreign {
			used[m] = true
		}
		for _, s := range p.contract.Schedules {
			used[s.Send] = true
		}
		if w := p.contract.Workflow; w != nil {
			for _, s := range w.Steps {
				l.markUndo(s, used)
			}
		}
	}
	for _, p := range l.parsers {
		for _, m := range p.contract.Messages {
			if !used[m] && !m.External && m.ReplacedBy == nil {
				p.reportOrphan(m)
			}
		}
	}
}

func (l *linker) markUndo(s *Step, used map[*Message]bool) {
	if s.Undo == nil {
		return
	}
	for _, m := range results(s.Undo) {
		used[m] = true
	}
}

func (p *parser) reportOrphan(m *Message) {
	what, done, fix := "handles event", "emitted", "remove it, let a node handle it, or say external: true if something outside of the fleet does"
	if m.Class == event.Command {
		what, done, fix = "sends command", "handled", "remove it, let a workflow send it, or say external: true if something outside of the fleet does"
	}
	p.report(m.Pos, ruleOrphan, fix, "no node of the fleet %s %s", what, m.Ref).see(causeOf(m), "%s is %s here", m.Ref, done).
		paste(p.insert(p.homes[m], "external: true"))
}

// handlerOf returns where a contract says what happens with an own command.
func handlerOf(command *Message) Pos {
	c := command.Owner
	for _, h := range c.Handles {
		if h.Input == command {
			return h.Pos
		}
	}
	if c.Machine != nil {
		for _, t := range c.Machine.Transitions {
			if t.Input == command {
				return t.Pos
			}
		}
	}
	return command.Pos
}

// causeOf returns where a contract handles an own command, or emits an own event.
func causeOf(m *Message) Pos {
	if m.Class == event.Command {
		return handlerOf(m)
	}
	for _, h := range m.Owner.Handles {
		if slices.Contains(h.Emits, m) {
			return h.Pos
		}
	}
	if m.Owner.Machine != nil {
		for _, t := range m.Owner.Machine.Transitions {
			if slices.Contains(t.Emits, m) {
				return t.Pos
			}
		}
	}
	return Pos{}
}

// results returns the events that handling a command can emit.
func results(command *Message) []*Message {
	c := command.Owner
	var out []*Message
	for _, h := range c.Handles {
		if h.Input == command {
			out = append(out, h.Emits...)
		}
	}
	if c.Machine != nil {
		for _, t := range c.Machine.Transitions {
			if t.Input == command {
				out = append(out, t.Emits...)
			}
		}
	}
	if w := c.Workflow; w != nil && w.Start == command {
		out = append(out, w.Completed, w.Failed)
	}
	return out
}

// checkStep compares what a step waits for with what its command can lead to.
func (l *linker) checkStep(p *parser, w *Workflow, s *Step) {
	if s.Send == nil {
		return
	}
	possible := results(s.Send)
	answers := slices.Concat(s.Success, s.Failure)
	for _, m := range answers {
		if !slices.Contains(possible, m) {
			p.report(p.useOf(m), ruleImpossible, answerFix(s.Send, possible), "step %q waits for %s, which handling %s never emits", s.Name, m.Ref, s.Send.Ref).
				see(handlerOf(s.Send), "%s is handled here", s.Send.Ref)
		}
	}
	for _, m := range possible {
		if s.Timeout == 0 && !slices.Contains(answers, m) && !awaited(w, m) {
			p.report(s.Pos, ruleSilentStep, "give the step a timeout, e.g. timeout: 30s, or add it to success or failure",
				"step %q may be answered with %s and would wait for ever", s.Name, m.Ref).see(handlerOf(s.Send), "%s may be emitted here", m.Ref).
				paste(p.insert(p.homes[s], "timeout: 30s"))
		}
	}
	if s.Send.Owner.Kind == Effect && s.Undo == nil && canFailAfter(w, s) {
		p.report(s.Pos, ruleMissingUndo, "add undo: with the command that takes it back", "step %q lets %s act on the world, but nothing undoes that when another step fails",
			s.Name, s.Send.Owner.Node).see(handlerOf(s.Send), "%s is handled here", s.Send.Ref)
	}
}

func answerFix(command *Message, possible []*Message) string {
	var refs []string
	for _, m := range possible {
		if !slices.Contains(refs, m.Ref.String()) {
			refs = append(refs, m.Ref.String())
		}
	}
	if len(refs) == 0 {
		return "let " + command.Owner.Node + " emit it when it handles the command"
	}
	return "wait for " + strings.Join(refs, " or ")
}

// awaited tells whether any step waits for an event.
func awaited(w *Workflow, m *Message) bool {
	return slices.ContainsFunc(w.Steps, func(s *Step) bool {
		return slices.Contains(s.Success, m) || slices.Contains(s.Failure, m)
	})
}

// canFailAfter tells whether another step can fail once s has succeeded: any step with a failure or
// timeout that s does not wait for.
func canFailAfter(w *Workflow, s *Step) bool {
	after := map[string][]string{}
	for _, other := range w.Steps {
		after[other.Name] = other.After
	}
	before := reach(after, s.Name)
	return slices.ContainsFunc(w.Steps, func(other *Step) bool {
		return !before[other.Name] && (len(other.Failure) > 0 || other.Timeout > 0)
	})
}

// checkCycles reports messages that cause themselves without bound. A workflow's answers do not
// count, because its steps are acyclic, nor do transitions a key passes only once.
func (l *linker) checkCycles() {
	causes := map[string][]string{}
	var refs []string
	at := map[string]*Message{}
	add := func(in *Message, out ...*Message) {
		for _, m := range out {
			causes[in.Ref.String()] = append(causes[in.Ref.String()], m.Ref.String())
		}
	}
	for _, p := range l.parsers {
		for _, m := range p.contract.Messages {
			refs = append(refs, m.Ref.String())
			at[m.Ref.String()] = m
		}
		p.contract.causes(add)
	}
	for _, cycle := range cycles(refs, causes) {
		m := at[cycle[0]]
		d := l.nodes[m.Ref.Node].report(m.Pos, ruleUnboundedCycle, "break it, e.g. by a reducer whose machine ends",
			"%s causes itself for ever: %s", m.Ref, strings.Join(append(slices.Clone(cycle), cycle[0]), " > "))
		for _, ref := range cycle[1:] {
			d.see(at[ref].Pos, "%s is a part of the circle", ref)
		}
	}
}

// causes tells which messages of a contract lead to which.
func (c *Contract) causes(add func(in *Message, out ...*Message)) {
	for _, h := range c.Handles {
		add(h.Input, h.Emits...)
	}
	if c.Machine != nil {
		exits := c.Machine.exits()
		for _, t := range c.Machine.Transitions {
			back := reach(exits, t.To)
			if slices.ContainsFunc(t.From, func(state string) bool { return back[state] }) {
				add(t.Input, t.Emits...)
			}
		}
	}
	if w := c.Workflow; w != nil {
		add(w.Start, w.Completed, w.Failed)
		for _, s := range w.Steps {
			for _, m := range []*Message{s.Send, s.Undo} {
				if m != nil {
					add(w.Start, m)
				}
			}
		}
	}
}
