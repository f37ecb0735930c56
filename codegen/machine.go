package codegen

import (
	"maps"
	"slices"
	"strings"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/onex/event"
)

// reducer is the state machine of a reducer.
type reducer struct {
	State, Decode  string
	Initial, Final string
	Transitions    []transition
}

type transition struct {
	Input, From, To, Guard, Emits, Early string
	HaltKey                              bool
}

func (m *modeler) reducer() {
	if m.c.Machine == nil || m.c.State == nil {
		return
	}
	state := m.types.root(m.c.State.Data)
	final := make([]string, 0, len(m.c.Machine.Final))
	for _, f := range m.c.Machine.Final {
		final = append(final, quote(f))
	}
	m.n.Reducer = &reducer{
		State: state, Decode: "decode" + state,
		Initial: quote(m.c.Machine.Initial), Final: strings.Join(final, ", "),
	}
	byInput := map[event.Ref][]*contract.Transition{}
	for _, t := range m.c.Machine.Transitions {
		byInput[t.Input.Ref] = append(byInput[t.Input.Ref], t)
		m.n.Reducer.Transitions = append(m.n.Reducer.Transitions, m.transition(t))
	}
	for _, r := range slices.SortedFunc(maps.Keys(byInput), event.Ref.Compare) {
		var emits []*contract.Message
		for _, t := range byInput[r] {
			emits = appendNew(emits, t.Emits...)
		}
		in := m.reducerInput(byInput[r][0].Input, emits)
		in.Guards = m.guards(byInput[r])
		m.add(in)
	}
}

// guard is a Handler method that says whether an input takes a transition.
type guard struct{ Name, Literal, Doc string }

// guards lists the guards of an input in the order in which they stand first.
func (m *modeler) guards(transitions []*contract.Transition) []guard {
	var list []guard
	for _, t := range transitions {
		g := guard{Name: contract.GuardMethod(m.c.Node, t), Literal: quote(t.Guard)}
		g.Doc = sentence(g.Name+" says whether "+t.Guard+" holds for "+t.Input.Ref.String(), "")
		if t.Guard != "" && !slices.Contains(list, g) {
			list = append(list, g)
		}
	}
	return list
}

func (m *modeler) reducerInput(msg *contract.Message, emits []*contract.Message) input {
	in := m.input(msg, emits)
	set := map[string]string{}
	if p := property(msg.Data, m.c.State.Key); p != nil && p.Required {
		set[m.c.State.Key] = "in.Data." + contract.GoName(p.Name)
	}
	in.ScaffoldState = m.literal(m.c.State.Data, set)
	return in
}

func (m *modeler) transition(t *contract.Transition) transition {
	out := transition{
		Input: m.ref(t.Input), From: quoteList(t.From), To: quote(t.To),
		Emits: m.refList(t.Emits), Early: duration(t.Early),
		HaltKey: t.Then == "halt_key",
	}
	if t.Guard != "" {
		out.Guard = quote(t.Guard)
	}
	return out
}
