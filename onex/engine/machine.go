package engine

import (
	"slices"
	"time"

	"github.com/omninode-ai/omninode/onex/event"
)

// machine answers what Machine declares: which transition an input takes, and whether one may
// become possible later.
type machine struct {
	initial     string
	transitions map[event.Ref][]Transition
	reachable   map[string]map[string]bool // from each state, itself included
}

func newMachine(m *Machine) *machine {
	c := &machine{initial: m.Initial, transitions: map[event.Ref][]Transition{}, reachable: map[string]map[string]bool{}}
	next := map[string][]string{m.Initial: nil}
	for _, t := range m.Transitions {
		c.transitions[t.Input] = append(c.transitions[t.Input], t)
		for _, from := range t.From {
			next[from] = append(next[from], t.To)
		}
		next[t.To] = slices.Clip(next[t.To])
	}
	for state := range next {
		c.reachable[state] = reach(next, state)
	}
	return c
}

func reach(next map[string][]string, from string) map[string]bool {
	seen := map[string]bool{from: true}
	for todo := []string{from}; len(todo) > 0; {
		state := todo[0]
		todo = todo[1:]
		for _, to := range next[state] {
			if !seen[to] {
				seen[to] = true
				todo = append(todo, to)
			}
		}
	}
	return seen
}

// state returns the machine's state of a key.
func (m *machine) state(s Stored) string {
	if s.Version == 0 {
		return m.initial
	}
	return s.Machine
}

// from returns the transitions an input may take from a state: all with a guard up to the first
// without one.
func (m *machine) from(state string, input event.Ref) []Transition {
	var list []Transition
	for _, t := range m.transitions[input] {
		if !slices.Contains(t.From, state) {
			continue
		}
		list = append(list, t)
		if t.Guard == "" {
			break
		}
	}
	return list
}

// early returns how long an input may wait for a transition that is reachable from state.
func (m *machine) early(input event.Ref, state string) time.Duration {
	var wait time.Duration
	for _, t := range m.transitions[input] {
		for _, from := range t.From {
			if m.reachable[state][from] {
				wait = max(wait, t.Early)
			}
		}
	}
	return wait
}
