package omnibase

import (
	"slices"

	"github.com/omninode-ai/omninode/contract"
)

// machine is the machine of a reducer in the making.
type machine struct {
	initial     string
	final       []string
	notes       map[string]string // by state
	transitions []*transition
}

// transition is one line of a machine.
type transition struct {
	at    *value // nil: the source does not say it
	input *port
	from  []string
	to    string
	guard string
	emits []*port
}

func (d *draft) machineSource() *value { return d.at.first("state_machine", "fsm") }

func (d *draft) hasMachine() bool {
	return d.kind == contract.Reducer && len(d.machineSource().get("transitions").items()) > 0
}

// readMachine reads the machine of a reducer. A reducer without one stays in a single state.
func (d *draft) readMachine() {
	v := d.machineSource()
	if d.kind != contract.Reducer {
		v.refuse("make the node a reducer, or let its handler keep the state", "only a reducer has a machine, this node is of kind %s", d.kind)
		return
	}
	if d.state == nil {
		d.state = d.record(d.name + "-state")
	}
	d.machine = &machine{notes: map[string]string{}}
	if d.hasMachine() {
		d.readStates(v)
		for _, e := range v.get("transitions").items() {
			d.readTransition(e)
		}
		d.machine.repair()
		d.machine.order()
	}
	if len(d.machine.transitions) == 0 {
		d.machine.initial, d.machine.final = "live", nil
		d.src.assume("%s: one state, because the source declares no machine that can run", d.name)
	}
	d.keepInputs()
	d.spreadEmissions()
}

func (d *draft) readStates(v *value) {
	m := d.machine
	initial := v.first("initial_state", "initial")
	m.initial = snake(initial.text(), "initial")
	initial.carry("machine.initial")
	for _, s := range v.get("states").items() {
		name := or(s.first("state_name", "name"), s)
		if name.scalar() {
			m.notes[snake(name.text(), "state")] = line(s.get("description").text())
			name.follow(nil, "the states of a machine are those its transitions name")
		}
		if t := s.get("is_terminal"); t.isFalse() {
			t.follow(nil, "a state is final if machine.final names it")
		}
		if t := s.get("is_terminal"); t.isTrue() && name.scalar() {
			m.addFinal(t, snake(name.text(), "state"))
		}
	}
	for _, t := range v.first("terminal_states", "final_states").items() {
		m.addFinal(t, snake(t.text(), "state"))
	}
	if p := v.get("persistence_enabled"); p.isTrue() {
		p.follow(nil, "the state of a reducer is kept")
	}
}

func (m *machine) addFinal(at *value, state string) {
	if slices.Contains(m.final, state) {
		at.follow(nil, "the state is final already")
		return
	}
	m.final = append(m.final, state)
	at.carry("machine.final")
}

// readTransition reads a transition. Its trigger is a topic of the node, or a command of its own.
func (d *draft) readTransition(e *value) {
	from, to, trigger := e.first("from_state", "from", "source"), e.first("to_state", "to", "target"), e.first("trigger", "event", "on_event")
	states := d.fromStates(from)
	if len(states) == 0 || !to.scalar() || !trigger.scalar() || len(words(trigger.text())) == 0 || len(words(to.text())) == 0 {
		e.refuse("write from_state, to_state and trigger", "the transition is not complete")
		return
	}
	t := &transition{at: e, input: d.trigger(trigger), from: states, to: snake(to.text(), "state"), guard: d.guard(e)}
	for i, s := range t.from {
		if d.machine.taken(s, t) {
			t.from = slices.Delete(slices.Clone(t.from), i, i+1)
			break
		}
	}
	if len(t.from) == 0 {
		e.refuse("give one of them a trigger of its own", "another transition leaves %s by the same trigger", from.text())
		return
	}
	d.machine.transitions = append(d.machine.transitions, t)
	from.carry("machine.transitions")
	to.carry("machine.transitions")
	trigger.carry("machine.transitions")
}

// fromStates reads the states a transition leaves; * stands for all that are not final.
func (d *draft) fromStates(from *value) []string {
	var states []string
	add := func(name string) {
		if s := snake(name, "state"); len(words(name)) > 0 && !slices.Contains(states, s) {
			states = append(states, s)
		}
	}
	if from.text() == "*" {
		for _, s := range d.machineSource().get("states").items() {
			if name := or(s.first("state_name", "name"), s).text(); !slices.Contains(d.machine.final, snake(name, "state")) {
				add(name)
			}
		}
		return states
	}
	add(from.text())
	for _, s := range from.items() {
		add(s.text())
	}
	return states
}

// taken tells whether a state is left by the same input and guard already.
func (m *machine) taken(state string, t *transition) bool {
	return slices.ContainsFunc(m.transitions, func(o *transition) bool {
		return o.input == t.input && o.guard == t.guard && slices.Contains(o.from, state)
	})
}

// guard names the conditions of a transition: the handler decides whether they hold.
func (d *draft) guard(e *value) string {
	var all []string
	conditions := e.first("conditions", "guard", "guards", "condition")
	for _, c := range append(conditions.items(), conditions) {
		expression := or(c.first("expression", "condition", "name"), c)
		if w := words(expression.text()); len(w) > 0 {
			all = append(all, w...)
			expression.carry("machine.transitions.guard")
		}
		if r := c.get("required"); r.isTrue() {
			r.follow(expression, "a transition is taken only if its guard says so")
		}
	}
	if len(all) == 0 {
		return ""
	}
	return joined(all, "_", "guard", 44)
}

// trigger returns the input that a trigger stands for.
func (d *draft) trigger(v *value) *port {
	t := topic{"trigger", d.name, kebab(v.text(), "trigger"), 1}
	for _, p := range d.inputs {
		if p.topic == t || p.trigger == t.name {
			return p
		}
	}
	for _, p := range d.inputs {
		if p.topic.class != "trigger" && p.trigger == "" && alike(v.text(), p.topic.name) >= 0.5 {
			p.trigger = t.name
			return p
		}
	}
	p := &port{node: d, raw: v.text(), topic: t, at: v}
	d.inputs = append(d.inputs, p)
	return p
}

// order puts guarded transitions before the others: what is left when no guard holds comes last.
func (m *machine) order() {
	slices.SortStableFunc(m.transitions, func(a, b *transition) int {
		switch {
		case (a.guard == "") == (b.guard == ""):
			return 0
		case a.guard == "":
			return 1
		}
		return -1
	})
}

// repair removes what a machine may not have: states that cannot be reached or left for good.
func (m *machine) repair() {
	for changed := true; changed; {
		changed = m.dropUnreachable() || m.openFinals() || m.dropTraps()
	}
}

func (m *machine) reached(reverse bool, starts ...string) map[string]bool {
	seen := map[string]bool{}
	for _, s := range starts {
		seen[s] = true
	}
	for grown := true; grown; {
		grown = false
		for _, t := range m.transitions {
			for _, from := range t.from {
				a, b := from, t.to
				if reverse {
					a, b = b, a
				}
				if seen[a] && !seen[b] {
					seen[b], grown = true, true
				}
			}
		}
	}
	return seen
}

// drop removes transitions and says why.
func (m *machine) drop(which func(t *transition) bool, fix, why string) bool {
	before := len(m.transitions)
	m.transitions = slices.DeleteFunc(m.transitions, func(t *transition) bool {
		if !which(t) {
			return false
		}
		t.at.again()
		t.at.refuse(fix, "%s", why)
		return true
	})
	return len(m.transitions) < before
}

func (m *machine) dropUnreachable() bool {
	seen := m.reached(false, m.initial)
	cut := false
	for _, t := range m.transitions {
		before := len(t.from)
		t.from = slices.DeleteFunc(t.from, func(s string) bool { return !seen[s] })
		cut = cut || len(t.from) < before && len(t.from) > 0
	}
	return m.drop(func(t *transition) bool { return len(t.from) == 0 }, "add a transition that leads there", "its state cannot be reached from the initial one") || cut
}

// openFinals keeps final and the transitions in step: a final state has no exit, and a state without
// exit is final.
func (m *machine) openFinals() bool {
	before := len(m.final)
	exits, seen := map[string]bool{}, m.reached(false, m.initial)
	for _, t := range m.transitions {
		for _, s := range t.from {
			exits[s] = true
		}
	}
	m.final = slices.DeleteFunc(m.final, func(s string) bool { return exits[s] || !seen[s] })
	changed := len(m.final) != before
	for _, t := range m.transitions {
		if !exits[t.to] && !slices.Contains(m.final, t.to) {
			m.final, changed = append(m.final, t.to), true
		}
	}
	return changed
}

// dropTraps removes the ways into states from which no final state can be reached.
func (m *machine) dropTraps() bool {
	if len(m.final) == 0 {
		return false
	}
	ends := m.reached(true, m.final...)
	return m.drop(func(t *transition) bool { return !ends[t.to] }, "add a transition towards a final state", "no final state can be reached from where it leads")
}

// keepInputs lets inputs that no transition names stay in the state they find.
func (d *draft) keepInputs() {
	m := d.machine
	d.inputs = slices.DeleteFunc(d.inputs, func(p *port) bool { return p.topic.class == "trigger" && !m.uses(p) })
	d.needInput()
	states := m.open()
	for _, p := range d.inputs {
		if m.uses(p) {
			continue
		}
		for _, s := range states {
			m.transitions = append(m.transitions, &transition{input: p, from: []string{s}, to: s})
		}
		if len(states) > 1 {
			d.src.assume("%s: %s leaves the state as it is, because no transition names it", d.name, p.raw)
		}
	}
}

func (m *machine) uses(p *port) bool {
	return slices.ContainsFunc(m.transitions, func(t *transition) bool { return t.input == p })
}

// open returns the states that are not final, in the order of the file.
func (m *machine) open() []string {
	states := []string{m.initial}
	for _, t := range m.transitions {
		for _, s := range t.from {
			if !slices.Contains(states, s) {
				states = append(states, s)
			}
		}
	}
	return states
}

// spreadEmissions lets transitions emit the events whose names are like theirs, and all of them the
// rest.
func (d *draft) spreadEmissions() {
	for _, o := range d.outputs {
		var own []*transition
		for _, t := range d.machine.transitions {
			if t.at != nil && (alike(o.topic.name, t.input.topic.name) >= 0.5 || alike(o.topic.name, t.to) >= 0.5) {
				own = append(own, t)
			}
		}
		if len(own) == 0 {
			own = d.machine.transitions
		}
		for _, t := range own {
			t.emits = append(t.emits, o)
		}
	}
}
