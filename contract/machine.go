package contract

import "slices"

// readState reads the keyed state of a reducer.
func (p *parser) readState(it *item) {
	if it == nil {
		return
	}
	s := p.section(it, "state")
	st := &State{Pos: it.at}
	key := s.get("key")
	p.noteKey(key)
	st.Data = p.typeOf(s.get("data"))
	st.Key = p.keyProperty(key, st.Data)
	s.done()
	p.contract.State = st
}

// machineReader reads a machine and remembers where its states are named.
type machineReader struct {
	*parser
	machine *Machine
	states  map[string]Pos // first place of each state
	taken   map[transitionID][]*Transition
	guards  map[guardID]bool // methods that are claimed
	early   map[*Transition]*item
	partial bool // some transition could not be read: the graph is unknown
}

type transitionID struct {
	from  string
	input *Message
}

type guardID struct {
	guard string
	input *Message
}

func (p *parser) readMachine(it *item) {
	s := p.section(it, "machine")
	if s.broken {
		return
	}
	r := machineReader{parser: p, machine: &Machine{}, states: map[string]Pos{}, taken: map[transitionID][]*Transition{}, guards: map[guardID]bool{}, early: map[*Transition]*item{}}
	initial := s.get("initial")
	r.machine.Initial, _ = r.state(initial)
	if r.machine.Initial != "" {
		r.machine.States = []string{r.machine.Initial}
	}
	final := r.list(s.get("final"))
	transitions := s.get("transitions")
	items := p.list(transitions)
	r.partial = len(items) == 0
	for _, e := range items {
		r.readTransition(e)
	}
	r.readFinal(final)
	s.done()
	p.contract.Machine = r.machine
	if !r.partial {
		r.check(initial)
	}
}

// state reads the name of a state.
func (p *parser) state(it *item) (string, bool) { return p.snake(it, "a state", "in_transit") }

// snake reads a name given as a value of the kind snake_case.
func (p *parser) snake(it *item, what, example string) (string, bool) {
	name, ok := p.text(it)
	if !ok {
		return "", false
	}
	if !validSnake(name) {
		p.badName(it, name, what, "lower-case words joined by underscores, at most 48 characters, e.g. "+example)
		return "", false
	}
	return name, true
}

func (r *machineReader) readTransition(it *item) {
	s := r.section(it, "a transition")
	t := &Transition{Pos: it.at}
	t.Input = r.message(s.get("input"), handles())
	t.From = r.readFrom(s.get("from"))
	to := s.get("to")
	t.To, _ = r.state(to)
	if t.To != "" {
		r.note(t.To, r.pos(to.node))
	}
	guard := s.get("guard")
	t.Guard, _ = r.snake(guard, "a guard", "in_stock")
	t.Emits = r.messageList(s.get("emits"), emits())
	early := s.get("early")
	t.Early, _ = r.duration(early)
	r.early[t] = early
	t.Then, _ = r.choice(s.get("then"))
	s.done()
	if t.Input == nil || t.To == "" || len(t.From) == 0 {
		r.partial = true
		return
	}
	r.machine.Transitions = append(r.machine.Transitions, t)
	switch {
	case guard == nil:
		r.checkAmbiguous(t)
	case t.Guard != "":
		r.claimGuard(t, guard.at)
		r.checkAmbiguous(t)
	}
	r.checkInputKey(s.index["input"], t.Input)
}

// readFrom reads one state or a list of states.
func (r *machineReader) readFrom(it *item) []string {
	if it == nil {
		return nil
	}
	items := []*item{it}
	if len(it.node.Content) > 0 {
		items = r.list(it)
	}
	var from []string
	for _, e := range items {
		name, ok := r.state(e)
		switch {
		case !ok:
		case slices.Contains(from, name):
			r.report(e.at, ruleDuplicate, "remove it", "state %q is named twice", name).edit(r.removeElement(e)...)
		default:
			from = append(from, name)
			r.note(name, r.pos(e.node))
		}
	}
	return from
}

// note remembers a state in the order of appearance.
func (r *machineReader) note(state string, at Pos) {
	if _, seen := r.states[state]; seen {
		return
	}
	r.states[state] = at
	if state != r.machine.Initial {
		r.machine.States = append(r.machine.States, state)
	}
}

func (r *machineReader) readFinal(items []*item) {
	wrong := false
	for _, e := range items {
		name, ok := r.state(e)
		switch {
		case !ok:
			wrong = true
		case slices.Contains(r.machine.Final, name):
			r.report(e.at, ruleDuplicate, "remove it", "state %q is named twice", name).edit(r.removeElement(e)...)
		case r.partial:
		case !r.known(name):
			wrong = true
			r.report(e.at, ruleUnknownState, r.orDeclare(name, r.machine.States, "add a transition that enters it"), "no transition enters state %q", name)
		default:
			r.machine.Final = append(r.machine.Final, name)
		}
	}
	r.partial = r.partial || wrong
}

func (r *machineReader) known(state string) bool {
	_, ok := r.states[state]
	return ok
}

func (r *machineReader) checkAmbiguous(t *Transition) {
	for _, from := range t.From {
		id := transitionID{from, t.Input}
		for _, first := range r.taken[id] {
			if r.excludes(first, t, from) {
				break
			}
		}
		r.taken[id] = append(r.taken[id], t)
	}
}

// excludes reports why a transition could never be taken from a state besides an earlier one.
func (r *machineReader) excludes(first, t *Transition, from string) bool {
	switch {
	case first.Guard == "" && t.Guard == "":
		r.report(t.Pos, ruleAmbiguous, "remove one of them, or give the first a guard",
			"line %d already says what %s does in state %q", first.Pos.Line, r.local(t.Input), from).see(first.Pos, "the other transition")
	case first.Guard == "":
		r.report(t.Pos, ruleContradiction, "move it above that line",
			"guard %q is never asked: line %d takes %s in state %q without one", t.Guard, first.Pos.Line, r.local(t.Input), from).
			see(first.Pos, "the transition without a guard")
	case first.Guard == t.Guard:
		r.report(t.Pos, ruleAmbiguous, "remove one of them, or name another guard",
			"line %d already asks guard %q about %s in state %q", first.Pos.Line, t.Guard, r.local(t.Input), from).see(first.Pos, "the other transition")
	default:
		return false
	}
	return true
}

// claimGuard takes the method that a guard becomes, once for each input.
func (r *machineReader) claimGuard(t *Transition, at Pos) {
	id := guardID{t.Guard, t.Input}
	if !r.guards[id] {
		r.guards[id] = true
		r.claim(scopeMethod, GuardMethod(r.contract.Node, t), "guard "+t.Guard+" of "+r.local(t.Input), at)
	}
}

// GuardMethod returns what a node's code calls the guard of a transition: the method of its input, and
// the guard.
func GuardMethod(node string, t *Transition) string {
	return MethodName(node, t.Input.Ref) + GoName(t.Guard)
}

// checkInputKey checks that an input arrives at the partition that holds its state.
func (r *machineReader) checkInputKey(it *item, m *Message) {
	st := r.contract.State
	if st == nil || st.Key == "" {
		return
	}
	at := r.pos(it.node)
	if m.Owner == nil {
		r.later(m, func(real *Message) { r.reportStateKey(real, st.Key, at) })
		return
	}
	r.reportStateKey(m, st.Key, at)
}

func (p *parser) reportStateKey(m *Message, stateKey string, at Pos) {
	if m.Key != "" && m.Key != stateKey {
		p.report(at, ruleKeyProperty, "key both by the same property", "%s is keyed by %q, the state by %q: it would meet another key's state",
			p.local(m), m.Key, stateKey).see(m.Pos, "%s is keyed here", m.Ref).see(p.contract.State.Pos, "the state is keyed here")
	}
}

// check checks the machine as a graph.
func (r *machineReader) check(initial *item) {
	m := r.machine
	var inputs, emitted []*Message
	for _, t := range m.Transitions {
		if !slices.Contains(inputs, t.Input) {
			inputs = append(inputs, t.Input)
			r.claimEmitter(t.Input, &item{key: r.local(t.Input), at: t.Pos})
		}
		emitted = append(emitted, t.Emits...)
	}
	r.checkBothDirections(inputs, emitted, "add a transition for it", "add it to the emits of a transition")
	if m.Initial == "" {
		return
	}
	if !r.known(m.Initial) {
		r.report(r.pos(initial.node), ruleUnknownState, r.orDeclare(m.Initial, m.States[1:], "add a transition that leaves it"),
			"no transition leaves state %q", m.Initial)
		return
	}
	r.checkExits()
	r.checkReachable()
	r.checkEarly()
}

// exits returns where each state can go.
func (m *Machine) exits() map[string][]string {
	exits := map[string][]string{}
	for _, t := range m.Transitions {
		for _, from := range t.From {
			exits[from] = append(exits[from], t.To)
		}
	}
	return exits
}

func (r *machineReader) checkExits() {
	exits := r.machine.exits()
	for _, t := range r.machine.Transitions {
		for _, from := range t.From {
			if slices.Contains(r.machine.Final, from) {
				r.report(t.Pos, ruleFinalExit, "remove the transition, or the state from final", "state %q is final, but this transition leaves it", from)
			}
		}
	}
	for _, state := range r.machine.States {
		if len(exits[state]) == 0 && !slices.Contains(r.machine.Final, state) {
			r.report(r.states[state], ruleDeadEnd, "add it to final, or a transition that leaves it", "state %q cannot be left and is not final", state)
		}
	}
}

func (r *machineReader) checkReachable() {
	reached := reach(r.machine.exits(), r.machine.Initial)
	for _, state := range r.machine.States {
		if !reached[state] {
			r.report(r.states[state], ruleUnreachable, "add a transition that enters it, or remove it", "state %q cannot be reached from %q", state, r.machine.Initial)
		}
	}
	if len(r.machine.Final) > 0 {
		r.checkEnds(reached)
	}
}

// checkEnds reports reachable states from which no final state can be reached any more.
func (r *machineReader) checkEnds(reached map[string]bool) {
	exits := r.machine.exits()
	ending := reach(reversed(exits), r.machine.Final...)
	for _, state := range r.machine.States {
		if reached[state] && !ending[state] && len(exits[state]) > 0 {
			r.report(r.states[state], ruleDeadEnd, "add a transition towards a final state", "no final state can be reached from state %q", state)
		}
	}
}

// checkEarly reports transitions whose input can never come too early: no state outside of From
// leads into it.
func (r *machineReader) checkEarly() {
	entered := reversed(r.machine.exits())
	for _, t := range r.machine.Transitions {
		later := slices.ContainsFunc(t.From, func(state string) bool {
			return slices.ContainsFunc(entered[state], func(from string) bool { return !slices.Contains(t.From, from) })
		})
		if t.Early > 0 && !later {
			r.report(t.Pos, ruleUselessEarly, "remove early", "a key starts in state %q, so %s never comes too early", t.From[0], r.local(t.Input)).
				edit(r.removeEntry(r.early[t])...)
		}
	}
}
