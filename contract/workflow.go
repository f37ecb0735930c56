package contract

import (
	"slices"
	"strings"
)

// workflowReader reads a workflow and remembers what its steps refer to.
type workflowReader struct {
	*parser
	workflow *Workflow
	steps    map[string]*Step
	after    map[*Step][]*item   // references to steps, checked once all are known
	replaces map[*Step][]*item   // the same
	answers  map[*Message]string // step that waits for an event
}

func (p *parser) readWorkflow(it *item) {
	s := p.section(it, "workflow")
	if s.broken {
		return
	}
	r := workflowReader{p, &Workflow{}, map[string]*Step{}, map[*Step][]*item{}, map[*Step][]*item{}, map[*Message]string{}}
	p.reserve(scopeMethod, "generated code", "Completed", "Failed")
	r.workflow.Start = p.message(s.get("start"), startsWith())
	r.readSteps(s.get("steps"))
	r.workflow.Completed = p.message(s.get("completed"), endsWith())
	r.workflow.Failed = p.message(s.get("failed"), endsWith())
	s.done()
	p.contract.Workflow = r.workflow
	r.check(s)
}

func (r *workflowReader) readSteps(it *item) {
	s := r.section(it, "steps")
	r.nonEmpty(it, s)
	for _, e := range s.items {
		if r.snakeName(e, "a step") {
			r.claim(scopeMethod, GoName(e.key), "step "+e.key, e.at)
			step := &Step{Name: e.key, Pos: e.at}
			r.steps[e.key] = step
			r.workflow.Steps = append(r.workflow.Steps, step)
			r.homes[step] = e
			r.readStep(e, step)
		}
	}
	for _, step := range r.workflow.Steps {
		r.readAfter(step)
	}
	r.readReplaces()
	r.checkOrder()
}

func (r *workflowReader) readStep(it *item, step *Step) {
	s := r.section(it, "step "+step.Name)
	r.after[step] = r.list(s.get("after"))
	send := s.get("send")
	step.Send = r.message(send, sends())
	step.Success = r.messageList(s.get("success"), awaits())
	failure := s.get("failure")
	step.Failure = r.messageList(failure, awaits())
	undo := s.get("undo")
	step.Undo = r.message(undo, sends())
	step.Timeout, _ = r.duration(s.get("timeout"))
	step.Delay, _ = r.duration(s.get("delay"))
	r.replaces[step] = r.list(s.get("replaces"))
	if undo != nil {
		r.claim(scopeMethod, "Undo"+GoName(step.Name), "the undo of step "+step.Name, undo.at)
	}
	r.checkAnswers(s.index["success"], step, step.Success)
	r.checkAnswers(failure, step, step.Failure)
	s.done()
}

// checkAnswers checks that an event ends one step in one way, and that a command is answered by its
// owner.
func (r *workflowReader) checkAnswers(it *item, step *Step, answers []*Message) {
	for _, m := range answers {
		if other, taken := r.answers[m]; taken {
			r.report(it.at, ruleContradiction, "let one of them wait for another event",
				"%s answers both step %q and step %q: nobody could tell which", r.local(m), other, step.Name).see(r.steps[other].Pos, "step %s waits for it too", other)
			continue
		}
		r.answers[m] = step.Name
		if step.Send != nil && step.Send.Ref.Node != m.Ref.Node {
			r.report(it.at, ruleForeignAnswer, "wait for an event of "+step.Send.Ref.Node+", or for this one in a step without send",
				"step %q sends %s, but %s is an event of %s", step.Name, step.Send.Ref, m.Ref, m.Ref.Node)
		}
	}
}

func (r *workflowReader) readAfter(step *Step) {
	for _, e := range r.after[step] {
		name, ok := r.text(e)
		switch {
		case !ok:
		case r.steps[name] == nil:
			r.report(e.at, ruleUnknownStep, r.orDeclare(name, r.stepNames(), "declare it under steps"), "there is no step %q", name)
		case slices.Contains(step.After, name):
			r.report(e.at, ruleDuplicate, "remove it", "step %q is named twice", name).edit(r.removeElement(e)...)
		default:
			step.After = append(step.After, name)
		}
	}
}

// readReplaces reads which steps of earlier versions each one replaces.
func (r *workflowReader) readReplaces() {
	taken := map[string]*Step{}
	for _, step := range r.workflow.Steps {
		for _, e := range r.replaces[step] {
			name, ok := r.text(e)
			other := taken[name]
			switch {
			case !ok:
			case !validSnake(name):
				r.report(e.at, ruleBadName, "name a step of an earlier version", "%q cannot name a step", name)
			case other == step:
				r.report(e.at, ruleDuplicate, "remove it", "step %q is named twice", name).edit(r.removeElement(e)...)
			case other != nil:
				r.report(e.at, ruleContradiction, "let one of them replace it", "steps %q and %q both replace %q: an instance could not tell which to take",
					other.Name, step.Name, name).see(other.Pos, "step %s replaces it too", other.Name)
			case name != step.Name && r.steps[name] != nil:
				r.report(e.at, ruleContradiction, "remove step "+name+", or remove it from replaces", "step %q replaces %q, which is still a step", step.Name, name).see(
					r.steps[name].Pos, "step %s", name)
			default:
				taken[name] = step
				step.Replaces = append(step.Replaces, name)
			}
		}
	}
}

func (r *workflowReader) stepNames() []string {
	names := make([]string, 0, len(r.workflow.Steps))
	for _, s := range r.workflow.Steps {
		names = append(names, s.Name)
	}
	return names
}

// checkOrder reports steps that wait for each other in a circle.
func (r *workflowReader) checkOrder() {
	graph := map[string][]string{}
	for _, s := range r.workflow.Steps {
		graph[s.Name] = s.After
	}
	for _, cycle := range cycles(r.stepNames(), graph) {
		r.report(r.steps[cycle[0]].Pos, ruleStepCycle, "remove one of these from after", "steps wait for each other: %s",
			strings.Join(append(cycle, cycle[0]), " > "))
	}
}

// check checks that every own command and event is part of the workflow and its ends differ.
func (r *workflowReader) check(s *section) {
	w := r.workflow
	var inputs, emitted []*Message
	if w.Start != nil {
		inputs = append(inputs, w.Start)
	}
	for _, m := range []*Message{w.Completed, w.Failed} {
		if m != nil {
			emitted = append(emitted, m)
		}
	}
	r.checkBothDirections(inputs, emitted, "an orchestrator handles its start only: remove it", "an orchestrator emits completed and failed only: remove it")
	if w.Completed != nil && w.Completed == w.Failed {
		r.report(s.index["failed"].at, ruleContradiction, "end them with different events", "completed and failed are the same event: nobody could tell them apart")
	}
}
