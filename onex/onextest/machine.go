package onextest

import (
	"fmt"
	"slices"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// machineScenarios tries every transition from every state it starts in, and every input in a state
// that does not take it.
func (c Case) machineScenarios() []scenario {
	var list []scenario
	m := c.Node.Machine
	for _, t := range m.Transitions {
		for _, from := range t.From {
			name := fmt.Sprintf("%s/%s", t.Input, from)
			prepare := func(b *bench) error { return b.walk(from) }
			list = append(list, c.inputScenarios(name, t.Input, prepare)...)
			list = append(list, scenario{name + "/state", func() error { return c.arrives(t, from) }})
		}
	}
	for _, in := range c.Node.Inputs {
		for _, state := range states(m) {
			if !takes(m, in.Type, state) {
				name := fmt.Sprintf("%s/%s/refused", in.Type, state)
				list = append(list, scenario{name, func() error { return c.refuses(in.Type, state) }})
			}
		}
	}
	return list
}

// arrives demands that a transition ends in its state.
func (c Case) arrives(t engine.Transition, from string) error {
	b, err := c.bench()
	if err != nil {
		return err
	}
	if err := b.walk(from); err != nil {
		return err
	}
	r, err := b.example(t.Input)
	if err != nil {
		return err
	}
	return b.expect(r, "state "+t.To, func(d delivered) bool { return d.result == engine.Handled && d.to == t.To })
}

// refuses demands that an input is parked or dead-lettered without a call of the handler.
func (c Case) refuses(in event.Ref, state string) error {
	b, err := c.bench()
	if err != nil {
		return err
	}
	if err := b.walk(state); err != nil {
		return err
	}
	r, err := b.example(in)
	if err != nil {
		return err
	}
	calls := b.calls
	return b.expect(r, "a refusal in state "+state, func(d delivered) bool {
		refused := d.result == engine.DeadLettered && d.class == engine.IllegalTransition
		return (refused || d.result == engine.Waiting) && b.calls == calls
	})
}

// walk brings the machine from its initial state to state by the shortest way.
func (b *bench) walk(state string) error {
	way, ok := route(b.c.Node.Machine, state)
	if !ok {
		return fmt.Errorf("state %s cannot be reached", state)
	}
	for _, in := range way {
		r, err := b.example(in)
		if err == nil {
			err = b.handle(r)
		}
		if err != nil {
			return fmt.Errorf("on the way to state %s: %w", state, err)
		}
	}
	return nil
}

// route returns the inputs that lead from the initial state to state.
func route(m *engine.Machine, state string) ([]event.Ref, bool) {
	ways := map[string][]event.Ref{m.Initial: nil}
	for todo := []string{m.Initial}; len(todo) > 0; todo = todo[1:] {
		at := todo[0]
		for _, t := range m.Transitions {
			if _, seen := ways[t.To]; seen || !slices.Contains(t.From, at) {
				continue
			}
			ways[t.To] = append(slices.Clone(ways[at]), t.Input)
			todo = append(todo, t.To)
		}
	}
	way, ok := ways[state]
	return way, ok
}

func states(m *engine.Machine) []string {
	list := []string{m.Initial}
	for _, t := range m.Transitions {
		for _, s := range append(slices.Clone(t.From), t.To) {
			if !slices.Contains(list, s) {
				list = append(list, s)
			}
		}
	}
	return list
}

func takes(m *engine.Machine, in event.Ref, state string) bool {
	return slices.ContainsFunc(m.Transitions, func(t engine.Transition) bool {
		return t.Input == in && slices.Contains(t.From, state)
	})
}

// reach prepares b so that in would be handled.
func (c Case) reach(b *bench, in event.Ref) error {
	if c.Node.Machine != nil {
		for _, t := range c.Node.Machine.Transitions {
			if t.Input == in {
				return b.walk(t.From[0])
			}
		}
	}
	if c.Node.Workflow != nil && in != c.Node.Workflow.Start {
		for _, s := range c.Node.Workflow.Steps {
			if slices.Contains(s.Success, in) || slices.Contains(s.Failure, in) {
				_, err := b.run(s.Name)
				return err
			}
		}
	}
	return nil
}
