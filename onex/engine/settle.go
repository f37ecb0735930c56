package engine

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/omninode-ai/omninode/onex/event"
	"github.com/omninode-ai/omninode/onex/payload"
)

// Settle decides what to commit. out is the handler's outcome if the verdict was Handle, else it is
// ignored.
func (c *Core) Settle(it Item, v View, d Decision, out Outcome, now time.Time) Commit {
	switch d.Verdict {
	case Skip:
		return Commit{Item: it, Result: Duplicate}
	case Follow:
		return Commit{Item: it, Result: Waiting, Park: &Park{Reason: Behind, Since: now}}
	case Move:
		return Commit{Item: it, Result: Waiting, Park: &Park{Reason: Retry, Since: now, Next: now}}
	case Wait:
		p := &Park{Reason: Early, Since: earlySince(it, now), Attempts: it.Attempt - 1, Next: d.next}
		return Commit{Item: it, Result: Waiting, Park: p}
	case Refuse:
		return c.bury(it, d.fault, it.Attempt-1, now)
	case Handle:
	}
	to, err := d.taken(out.Choice)
	if out.Err == nil {
		out.Err = err
	}
	if out.Err == nil {
		out.Err = c.checkEmissions(to.Emits, out.Emissions)
	}
	if out.Err == nil && c.machine != nil && len(out.State) > event.MaxDataBytes {
		out.Err = Permanent(fmt.Errorf("state of key %q has %d bytes, at most %d are allowed", it.StateKey, len(out.State), event.MaxDataBytes))
	}
	if out.Err == nil && c.cfg.Pure && len(out.Joins) > 0 {
		out.Err = Permanent(ErrPureJoin)
	}
	if out.Err != nil {
		return c.fail(it, to.HaltKey, out.Err, now)
	}
	return c.succeed(it, v, to, out, now)
}

// taken returns the transition a handler chose; of a node without a machine, one that does what the
// input declares. A handler that failed before it chose halts its key if any of the choices would.
func (d Decision) taken(choice int) (Transition, error) {
	switch {
	case len(d.transitions) == 0:
		return Transition{Emits: d.emits, HaltKey: d.halt}, nil
	case choice == 0 && d.transitions[0].Guard == "":
		return d.transitions[0], nil
	case choice < 1 || choice > len(d.transitions):
		halt := slices.ContainsFunc(d.transitions, func(t Transition) bool { return t.HaltKey })
		return Transition{HaltKey: halt}, Permanent(fmt.Errorf("handler chose transition %d of %d", choice, len(d.transitions)))
	}
	return d.transitions[choice-1], nil
}

func (c *Core) checkEmissions(declared []event.Ref, emissions []Emission) error {
	for _, em := range emissions {
		switch {
		case !slices.Contains(declared, em.Type):
			return Permanent(fmt.Errorf("emission %s is not declared for this input", em.Type))
		case em.Key == "":
			return Permanent(fmt.Errorf("emission %s has an empty key", em.Type))
		case len(em.Key) > event.MaxAttribute:
			return Permanent(fmt.Errorf("emission %s has a key of %d bytes, at most %d are allowed", em.Type, len(em.Key), event.MaxAttribute))
		case len(em.Data) > event.MaxDataBytes:
			return Permanent(fmt.Errorf("emission %s has %d bytes, at most %d are allowed", em.Type, len(em.Data), event.MaxDataBytes))
		case !em.Encoded && !payload.Valid(em.Data):
			return Permanent(fmt.Errorf("emission %s is not JSON", em.Type))
		}
	}
	return nil
}

func (c *Core) succeed(it Item, v View, to Transition, out Outcome, now time.Time) Commit {
	commit := Commit{Item: it, Result: Handled, Inbox: it.Timer == nil, Joins: out.Joins, halt: to.HaltKey}
	if out.State != nil || c.machine != nil {
		commit.State = &StateWrite{Key: it.StateKey, Expect: v.State.Version, Machine: to.To, Data: out.State}
		commit.Timers, commit.Instance = timers(it.Event, out.Timers, now), out.Instance
	}
	if c.machine != nil {
		commit.State.Snapshot = c.snapshot(it, *commit.State)
	}
	for i, em := range out.Emissions {
		commit.Outbox = append(commit.Outbox, c.message(it.Event, em, i, now))
	}
	return commit
}

func (c *Core) message(cause event.Envelope, em Emission, ordinal int, now time.Time) Outgoing {
	e := cause.Effect(c.cfg.Node, em.Type, ordinal, em.Key, em.Data, now)
	if em.Position != nil {
		e.WorkflowID, e.StepID = em.Position.WorkflowID, em.Position.StepID
	}
	topic := event.Topic{Class: em.Class, Ref: em.Type}
	return Outgoing{Topic: topic.String(), Key: em.Key, Headers: e.Headers(), Value: em.Data}
}

func timers(cause event.Envelope, set []Timer, now time.Time) *[]TimerWrite {
	writes := make([]TimerWrite, 0, len(set))
	for _, t := range set {
		writes = append(writes, TimerWrite{Name: t.Name, Due: now.Add(t.After), Cause: TimerCause{
			ID: cause.ID, CorrelationID: cause.CorrelationID, WorkflowID: cause.WorkflowID, StepID: cause.StepID,
			TraceParent: cause.TraceParent, TraceState: cause.TraceState,
		}})
	}
	return &writes
}

// fail settles a handler's error: another attempt, a dead letter, or a halted key.
func (c *Core) fail(it Item, halt bool, err error, now time.Time) Commit {
	policy := it.Input.Retry
	class, final := classOf(err)
	switch {
	case it.Timer != nil: // has no topic to be dead-lettered to: it fires until it succeeds
		return Commit{Item: it, Result: Retried, Err: err, Again: now.Add(policy.Delay(it.Attempt, c.cfg.Random()))}
	case !final && c.cfg.Pure:
		class, final = PermanentFailure, true
	case !final && it.Attempt >= max(policy.Attempts, 1):
		class, final = Exhausted, true
	}
	if final && halt && (class == Exhausted || class == PermanentFailure) {
		p := &Park{Reason: Halted, Attempts: it.Attempt, Since: failedSince(it, now)}
		return Commit{Item: it, Result: KeyHalted, Class: class, Err: err, Park: p}
	}
	if final {
		return c.bury(it, &fault{class, err}, it.Attempt, now)
	}
	delay := policy.Delay(it.Attempt, c.cfg.Random())
	if after, ok := errors.AsType[*retryAfterError](err); ok {
		delay = after.after
	}
	p := &Park{Reason: Retry, Attempts: it.Attempt, Since: failedSince(it, now), Next: now.Add(delay)}
	return Commit{Item: it, Result: Retried, Err: err, Park: p}
}
