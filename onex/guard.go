package onex

import (
	"fmt"
	"slices"
	"strings"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// Guard says whether an input of a reducer takes the transitions that name it. Holds is pure: it sees
// the input, with From and To of the transition it is asked about, and the state of the key.
type Guard[T any, S Payload] struct {
	Name  string
	Holds func(in Input[T], state S) bool
}

// choose returns the first transition whose guard holds. A call without choices comes from a test that
// knows no machine: it takes what the call says.
func choose[T any, S Payload](c engine.Call, in Input[T], state S, guards []Guard[T, S]) (engine.Choice, error) {
	var refused []string
	for _, choice := range c.Choices {
		if choice.Guard == "" {
			return choice, nil
		}
		i := slices.IndexFunc(guards, func(g Guard[T, S]) bool { return g.Name == choice.Guard })
		if i < 0 {
			return choice, engine.Permanent(fmt.Errorf("input %s has no guard %s", c.Event.Type, choice.Guard))
		}
		in.To = choice.To
		if guards[i].Holds(in, state) {
			return choice, nil
		}
		refused = append(refused, choice.Guard)
	}
	if len(refused) > 0 {
		return engine.Choice{}, &GuardError{Input: c.Event.Type, Key: c.Event.PartitionKey, State: c.From, Guards: refused}
	}
	return engine.Choice{To: c.To}, nil
}

// GuardError says that no guard let an input pass. It is permanent: a guard is pure, so it would
// refuse again.
type GuardError struct {
	Input  event.Ref
	Key    string
	State  string
	Guards []string // in the order in which they were asked
}

func (e *GuardError) Error() string {
	return fmt.Sprintf("%s is not allowed in state %q of key %q: refused by %s", e.Input, e.State, e.Key, strings.Join(e.Guards, ", "))
}

// DeadLetterClass implements engine.Classified.
func (e *GuardError) DeadLetterClass() engine.Class { return engine.IllegalTransition }
