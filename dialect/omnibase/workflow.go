package omnibase

import (
	"slices"
	"strconv"
	"strings"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/onex/event"
)

// workflow is the workflow of an orchestrator in the making.
type workflow struct {
	start, completed, failed *port
	steps                    []*step
	timeout                  string // of each step
	retries                  int    // of each step
	rollback                 bool
}

// step is a node of an execution graph.
type step struct {
	at      *value
	name    string
	kind    contract.Kind
	note    string
	after   []string
	answer  *port // topic it waits for; nil: the source names none
	send    *port
	success []*port
	undo    *port
}

// graph returns the nodes of an execution graph.
func (d *draft) graph() []*value {
	def := d.at.get("workflow_coordination", "workflow_definition")
	for _, v := range []*value{def.get("execution_graph", "nodes"), def.get("steps"), def.get("nodes"), d.at.get("workflow", "steps"), d.at.get("workflow_coordination", "steps")} {
		if v.isList() {
			return v.items()
		}
	}
	return nil
}

// fits tells whether an orchestrator is a workflow of this language: one command starts it, its steps
// answer the rest, and it ends in one of two ways.
func (d *draft) fits() bool {
	commands := 0
	for _, p := range d.inputs {
		if p.topic.class == "cmd" {
			commands++
		}
	}
	n := len(d.graph())
	return n > 0 && n <= 100 && commands <= 1 && len(d.outputs) <= 2 && len(d.inputs) <= n+1
}

// readWorkflow reads the workflow of an orchestrator.
func (d *draft) readWorkflow() {
	w := &workflow{}
	d.workflow = w
	names := scope{}.reserve("completed", "failed")
	byID := map[string]*step{}
	for _, e := range d.graph() {
		id := e.first("node_id", "step_id", "name", "id")
		if !id.scalar() || len(words(id.text())) == 0 {
			e.refuse("give the step a node_id", "the step has no name")
			continue
		}
		s := &step{at: e, name: names.take(snake(id.text(), "step"), "_"), note: line(e.get("description").text())}
		s.kind, _ = kindOf(e.get("node_type").text())
		byID[id.text()] = s
		w.steps = append(w.steps, s)
		id.carry("workflow.steps." + s.name)
	}
	for _, s := range w.steps {
		w.readAfter(s, byID)
	}
	d.readRules(d.at.get("workflow_coordination", "workflow_definition", "coordination_rules"))
	d.readEnds()
	d.readAnswers()
}

// readAfter reads what a step waits for; what would make steps wait for each other is refused.
func (w *workflow) readAfter(s *step, byID map[string]*step) {
	deps := s.at.first("depends_on", "dependencies", "after")
	for _, v := range deps.items() {
		other := byID[v.text()]
		switch {
		case other == nil:
			v.refuse("name a step of the graph", "there is no step of that name")
		case slices.Contains(s.after, other.name):
			v.follow(nil, "the step is named already")
		case other == s || w.waits(other, s):
			v.refuse("remove one of them", "the steps would wait for each other")
		default:
			s.after = append(s.after, other.name)
			v.carry("workflow.steps." + s.name + ".after")
		}
	}
}

// waits tells whether a step waits for another, over any number of steps.
func (w *workflow) waits(s, other *step) bool {
	return slices.ContainsFunc(s.after, func(name string) bool {
		i := slices.IndexFunc(w.steps, func(t *step) bool { return t.name == name })
		return w.steps[i] == other || w.waits(w.steps[i], other)
	})
}

// readRules reads what holds for all steps.
func (d *draft) readRules(v *value) {
	w := d.workflow
	if ms := v.get("timeout_ms"); duration(ms.text(), millisecond) != "" {
		w.timeout = duration(ms.text(), millisecond)
		ms.carry("workflow.steps.*.timeout")
	}
	d.readMode(v.get("execution_mode"))
	for _, key := range []string{"parallel_execution_allowed", "max_parallel_branches"} {
		v.get(key).follow(nil, "steps run side by side unless one waits for the other")
	}
	for _, key := range []string{"checkpoint_enabled", "state_persistence_enabled", "recovery_enabled"} {
		if e := v.get(key); e.isTrue() {
			e.follow(nil, "an instance of a workflow outlives any process")
		}
	}
	effects := slices.ContainsFunc(w.steps, func(s *step) bool { return s.kind == contract.Effect })
	retries := v.get("max_retries")
	if n, err := strconv.Atoi(retries.text()); err == nil && n >= 0 && n < 100 {
		w.retries = n
		if n > 0 && effects {
			retries.carry("handles.*.retry of the steps' nodes")
		} else {
			retries.follow(nil, "a step is tried once unless its node says otherwise")
		}
	}
	if s := v.get("failure_recovery_strategy"); slices.Contains([]string{"fail_fast", "retry"}, s.text()) {
		s.follow(nil, "a step that fails ends the workflow, after the attempts of its node")
	}
	w.rollback = v.get("rollback_enabled").isTrue() && effects
	if r := v.get("rollback_enabled"); w.rollback {
		r.follow(nil, "a step that acts on the world is undone when another fails")
	}
}

// readMode lets each step of a sequence wait for the one before it.
func (d *draft) readMode(mode *value) {
	changed := false
	for i, s := range d.workflow.steps {
		if mode.text() == "sequential" && i > 0 && len(s.after) == 0 && !d.workflow.waits(d.workflow.steps[i-1], s) {
			s.after = []string{d.workflow.steps[i-1].name}
			changed = true
		}
	}
	if changed {
		mode.carry("workflow.steps.*.after")
		return
	}
	mode.follow(nil, "steps run in the order that after gives")
}

// readEnds tells the event that says a workflow failed from the one that says it succeeded.
func (d *draft) readEnds() {
	w := d.workflow
	for _, o := range d.outputs {
		failed := slices.ContainsFunc(words(o.topic.name), func(s string) bool {
			return slices.Contains([]string{"failed", "fail", "failure", "error", "rejected", "aborted", "halted"}, s)
		})
		switch {
		case failed && w.failed == nil, w.completed != nil:
			w.failed = o
		default:
			w.completed = o
		}
	}
	w.completed = d.end(w.completed, "completed", d.out)
	w.failed = d.end(w.failed, "failed", nil)
	d.outputs = []*port{w.completed, w.failed}
}

func (d *draft) end(o *port, what string, r *record) *port {
	if o == nil {
		name := strings.TrimSuffix(d.name, "-orchestrator") + "-" + what
		o = &port{node: d, raw: name, topic: topic{"evt", d.name, kebab(name, what), 1}, at: nil, record: r}
		d.src.assume("%s: the workflow ends with event %s", d.name, o.topic.name)
	}
	return o
}

// readAnswers finds the command that starts the workflow and the step each other input answers.
func (d *draft) readAnswers() {
	w := d.workflow
	for _, p := range d.inputs {
		if p.topic.class == "cmd" {
			w.start = p
		}
	}
	if w.start == nil && len(d.inputs) > len(w.steps) {
		w.start = d.inputs[0]
	}
	if w.start == nil {
		name := strings.TrimSuffix(d.name, "-orchestrator")
		w.start = &port{node: d, raw: "start-" + name, topic: topic{"cmd", d.name, kebab("start-"+name, "start"), 1}, record: d.in}
		d.src.assume("%s: the workflow starts with command %s", d.name, w.start.topic.name)
	}
	var rest []*port
	for _, p := range d.inputs {
		if p != w.start {
			rest = append(rest, p)
		}
	}
	d.inputs = []*port{w.start}
	for _, s := range w.steps {
		if i := slices.IndexFunc(rest, func(p *port) bool { return alike(p.topic.name, s.name) >= 0.5 }); i >= 0 {
			s.answer, rest = rest[i], slices.Delete(slices.Clone(rest), i, i+1)
		}
	}
	for _, s := range w.steps {
		if s.answer == nil && len(rest) > 0 {
			s.answer, rest = rest[0], rest[1:]
		}
	}
	d.readStarts()
}

// readStarts reads the models of what arrives.
func (d *draft) readStarts() {
	arrivals := slices.Clone(d.inputs)
	for _, s := range d.workflow.steps {
		if s.answer != nil {
			arrivals = append(arrivals, s.answer)
		}
	}
	for _, e := range d.at.get("handler_routing", "handlers").items() {
		model, kind := e.get("event_model"), e.get("event_type")
		for _, p := range arrivals {
			if kebab(kind.text(), "") != p.topic.domain+"-"+p.topic.name && alike(model.get("name").text(), p.topic.name) < 1 {
				continue
			}
			kind.follow(p.at, "the topic is named already")
			if v := e.get("message_category"); v != nil && strings.EqualFold(v.text(), classOf(p.topic)) {
				v.follow(p.at, "the topic says so")
			}
			if r := d.readModel(model); r != nil && p.record == nil {
				p.record = r
			}
			break
		}
	}
}

// lead connects the steps of a workflow: with the event of a node that is imported along, else with
// a node of its own that stands for the step.
func (f *fleet) lead(d *draft) {
	for i, s := range d.workflow.steps {
		if s.answer != nil {
			for _, o := range f.published[s.answer.topic] {
				if o.node != d && o.node.key == d.key && !slices.ContainsFunc(d.workflow.steps[:i], func(t *step) bool { return slices.Contains(t.success, o) }) {
					s.success = append(s.success, o)
				}
			}
		}
		if len(s.success) > 0 {
			s.at.get("node_type").follow(s.answer.at, "the node that emits the event has a kind of its own")
			continue
		}
		f.standIn(d, s)
	}
}

// standIn makes the node that carries out a step.
func (f *fleet) standIn(d *draft, s *step) *draft {
	n := newDraft(d.src, s.at)
	n.kind, n.key, n.version = s.kind, d.key, d.version
	if n.kind == "" || n.kind == contract.Orchestrator {
		n.kind = contract.Effect
	}
	s.at.get("node_type").carry("kind of " + s.name)
	n.name = f.nodes.take(joined(append(words(d.name), words(s.name)...), "-", "step", event.MaxNameLength-4), "-")
	n.description = s.note
	if n.description != "" {
		s.at.get("description").carry("description of " + n.name)
	}
	name := kebab(s.name, "step")
	s.send = n.command(name)
	result := name + "-done"
	var r *record
	if s.answer != nil {
		result = s.answer.topic.name
		if r = s.answer.record; r != nil {
			r = n.adopt(r)
		}
	}
	done := &port{node: n, topic: topic{"evt", n.name, result, 1}, record: r}
	if s.answer != nil {
		done.at, done.raw, done.topic.version = s.answer.at, s.answer.raw, s.answer.topic.version
	}
	n.outputs = []*port{done}
	s.send.limited, s.send.emits = true, []*port{done}
	s.success = []*port{done}
	if n.kind == contract.Effect {
		n.standFor(d.workflow, s, name)
	}
	if n.kind == contract.Reducer {
		n.state = n.record(n.name + "-state")
		n.machine = &machine{initial: "waiting", final: []string{"done"}, transitions: []*transition{{input: s.send, from: []string{"waiting"}, to: "done", emits: n.outputs}}}
	}
	f.drafts = append(f.drafts, n)
	d.src.report.Nodes = append(d.src.report.Nodes, n.name)
	d.src.assume("%s: node %s carries out step %s; replace it by the real one", d.name, n.name, s.name)
	return n
}

func (d *draft) command(name string) *port {
	p := &port{node: d, raw: name, topic: topic{"cmd", d.name, name, 1}, sent: true}
	d.inputs = append(d.inputs, p)
	return p
}

// adopt copies a type of another draft.
func (d *draft) adopt(r *record) *record {
	own := d.record(r.model)
	own.description, own.claims = r.description, r.claims
	return own
}

// standFor gives a node that touches the world its attempts, and what takes its step back.
func (d *draft) standFor(w *workflow, s *step, name string) {
	if w.retries > 0 {
		d.policy.retry = []pair{{"attempts", strconv.Itoa(w.retries + 1)}, {"first", "200ms"}, {"max", "30s"}, {"then", "dead_letter"}}
	}
	last := slices.ContainsFunc(w.steps, func(t *step) bool { return t != s && !w.waits(s, t) })
	if !w.rollback && (w.timeout == "" || !last) {
		return
	}
	s.undo = d.command("undo-" + name)
	undone := &port{node: d, topic: topic{"evt", d.name, name + "-undone", 1}}
	d.outputs = append(d.outputs, undone)
	s.undo.limited, s.undo.emits = true, []*port{undone}
}
