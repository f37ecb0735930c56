package onextest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/omninode-ai/omninode/onex"
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
			list = append(list, c.transitionScenarios(t, from)...)
		}
	}
	for _, in := range c.Node.Inputs {
		for _, state := range states(m) {
			name := fmt.Sprintf("%s/%s/", in.Type, state)
			switch {
			case !takes(m, in.Type, state):
				list = append(list, scenario{name + "refused", func() error { return c.refuses(in.Type, state) }})
			case guarded(m, in.Type, state):
				list = append(list, scenario{name + "asked", func() error { return c.asked(in.Type, state) }})
			}
		}
	}
	return list
}

// transitionScenarios tries a transition from one of its states. Where guards decide, each transition
// is tried as if they wanted it.
func (c Case) transitionScenarios(t engine.Transition, from string) []scenario {
	name := fmt.Sprintf("%s/%s", t.Input, from)
	prepare := func(b *bench) error { return b.walk(from) }
	arrives := func(b *bench) error { return b.arrives(t) }
	if !guarded(c.Node.Machine, t.Input, from) {
		return append(c.inputScenarios(name, t.Input, prepare), scenario{name + "/state", c.with(prepare, arrives)})
	}
	name += "/" + cmp.Or(t.Guard, "otherwise")
	take := func(b *bench) error {
		err := b.walk(from)
		b.forced = &t
		return err
	}
	list := append(c.inputScenarios(name, t.Input, take), scenario{name + "/state", c.with(take, arrives)})
	for i := range list {
		list[i].run = c.excused(list[i].run, t, from)
	}
	return list
}

// guarded tells whether guards decide what an input does in a state.
func guarded(m *engine.Machine, in event.Ref, state string) bool {
	return slices.ContainsFunc(m.Transitions, func(t engine.Transition) bool {
		return t.Input == in && t.Guard != "" && slices.Contains(t.From, state)
	})
}

// errUnreached says that the examples do not lead there: the node's own tests must.
var errUnreached = errors.New("the guards refuse the minimal examples here; try it in the node's own tests")

// excused runs a scenario of a transition whose guard was not asked. If it would have refused the
// example, the handler owes nothing.
func (c Case) excused(run func() error, t engine.Transition, from string) func() error {
	return func() error {
		err := run()
		if err == nil || c.holds(t, from) {
			return err
		}
		return errUnreached
	}
}

// holds tells whether the example of a transition's input takes it from a state by itself.
func (c Case) holds(t engine.Transition, from string) bool {
	b, err := c.bench()
	if err != nil || b.walk(from) != nil {
		return false
	}
	r, err := b.example(t.Input)
	if err != nil {
		return false
	}
	_, _ = b.deliver(r) // only which transition was taken matters
	return b.taken == nil || b.taken.Guard == t.Guard && b.taken.To == t.To
}

// asked lets the guards decide: one of the transitions is taken, or the input is refused.
func (c Case) asked(in event.Ref, from string) error {
	open := slices.ContainsFunc(c.Node.Machine.Transitions, func(t engine.Transition) bool {
		return t.Input == in && t.Guard == "" && slices.Contains(t.From, from)
	})
	b, err := c.bench()
	if err != nil {
		return err
	}
	if err := b.walk(from); err != nil {
		return err
	}
	r, err := b.example(in)
	if err != nil {
		return err
	}
	return b.expect(r, "a transition or a refusal by its guards", func(d delivered) bool {
		refused := d.result == engine.DeadLettered && d.class == engine.IllegalTransition
		return d.result == engine.Handled || refused && !open
	})
}

// arrives demands that a transition ends in its state.
func (b *bench) arrives(t engine.Transition) error {
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
	for _, t := range way {
		b.forced = &t
		r, err := b.example(t.Input)
		if err == nil {
			err = b.handle(r)
		}
		b.forced = nil
		switch {
		case err != nil && slices.ContainsFunc(t.From, func(from string) bool { return guarded(b.c.Node.Machine, t.Input, from) }):
			return errUnreached
		case err != nil:
			return fmt.Errorf("on the way to state %s: %w", state, err)
		}
	}
	return nil
}

// route returns the transitions that lead from the initial state to state.
func route(m *engine.Machine, state string) ([]engine.Transition, bool) {
	ways := map[string][]engine.Transition{m.Initial: nil}
	for todo := []string{m.Initial}; len(todo) > 0; todo = todo[1:] {
		at := todo[0]
		for _, t := range m.Transitions {
			if _, seen := ways[t.To]; seen || !slices.Contains(t.From, at) {
				continue
			}
			ways[t.To] = append(slices.Clone(ways[at]), t)
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
		_, err := b.run(c.waiting(in).Name)
		return err
	}
	return nil
}

// waiting returns the step of the workflow that waits for an answer.
func (c Case) waiting(in event.Ref) onex.Step {
	steps := c.Node.Workflow.Steps
	return steps[slices.IndexFunc(steps, func(s onex.Step) bool {
		return slices.Contains(s.Success, in) || slices.Contains(s.Failure, in)
	})]
}
