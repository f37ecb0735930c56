package engine

import (
	"time"

	"github.com/omninode-ai/omninode/onex/event"
)

// Verdict says what to do with an item.
type Verdict int

// The verdicts.
const (
	Skip   Verdict = iota + 1 // a duplicate
	Follow                    // park behind an earlier record of its key
	Wait                      // park until the machine's state takes it
	Refuse                    // dead letter
	Handle                    // call the handler with Decision.Call
	Move                      // a replay: park in the partition it first came from, due at once
)

// Decision is Admit's answer.
type Decision struct {
	Verdict Verdict
	Call    Call // for Handle

	fault       *fault
	emits       []event.Ref  // what the input may emit, unless that depends on its transition
	transitions []Transition // by ID of the call's choices
	next        time.Time    // for Wait
	halt        bool         // what a final failure does to the key, unless that depends on its transition
}

// Admit decides what to do with an item, given what the store knows about it.
func (c *Core) Admit(it Item, v View, now time.Time) Decision {
	switch {
	case it.fault != nil:
		return Decision{Verdict: Refuse, fault: it.fault}
	case v.Seen:
		return Decision{Verdict: Skip}
	case it.Parked == nil && it.Event.Time.Sub(now) > MaxAhead:
		return Decision{Verdict: Refuse, fault: faultf(Future, "%s says it is of %s, more than %s ahead of %s",
			it.Event.Type, stamp(it.Event.Time), MaxAhead, stamp(now))}
	case v.Behind && it.Parked == nil && it.Timer == nil:
		return Decision{Verdict: Follow}
	case it.moves() && !c.cfg.Pure:
		return Decision{Verdict: Move}
	}
	d := Decision{Verdict: Handle, emits: it.Input.Emits, halt: it.Input.Retry.HaltKey, Call: Call{
		Event: it.Event, IdempotencyKey: it.IdempotencyKey, Attempt: it.Attempt, State: v.State.Data, Now: now,
	}}
	if it.Timer != nil {
		d.Call.Timer, d.Call.Note = it.Timer.Name, it.Timer.Note
	}
	if c.machine == nil {
		return d
	}
	return c.move(it, v, now, d)
}

// move applies the machine: the transition to take, a wait for one, or a refusal.
func (c *Core) move(it Item, v View, now time.Time, d Decision) Decision {
	state := c.machine.state(v.State)
	if d.transitions = c.machine.from(state, it.Event.Type); len(d.transitions) > 0 {
		d.Call.From = state
		if t := d.transitions[0]; t.Guard == "" {
			d.Call.To = t.To
		}
		for i, t := range d.transitions {
			d.Call.Choices = append(d.Call.Choices, Choice{ID: i + 1, Guard: t.Guard, To: t.To})
		}
		return d
	}
	wait := c.machine.early(it.Event.Type, state)
	if wait == 0 {
		return Decision{Verdict: Refuse, fault: faultf(IllegalTransition,
			"%s is not allowed in state %q of key %q", it.Event.Type, state, it.StateKey)}
	}
	waited := now.Sub(earlySince(it, now))
	if waited >= wait {
		return Decision{Verdict: Refuse, fault: faultf(Timeout,
			"%s came early: key %q was still in state %q after %s", it.Event.Type, it.StateKey, state, wait)}
	}
	return Decision{Verdict: Wait, next: now.Add(min(recheck(waited), wait-waited))}
}

// recheck returns when to look at an early record again if nothing wakes it: a commit of its key
// does, but not one that overlapped its parking.
func recheck(waited time.Duration) time.Duration {
	return min(max(waited, 100*time.Millisecond), 2*time.Second)
}

// earlySince returns when an early record began to wait; time behind another record does not count.
func earlySince(it Item, now time.Time) time.Time {
	if it.Parked != nil && it.Parked.Reason == Early {
		return it.Parked.Since
	}
	return now
}

// failedSince returns when the first attempt at an item failed, if this is not it.
func failedSince(it Item, now time.Time) time.Time {
	if it.Parked != nil && it.Parked.Reason == Retry {
		return it.Parked.Since
	}
	return now
}
