package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/omninode-ai/omninode/onex/event"
)

// Config describes a node to its delivery core.
type Config struct {
	Node    string
	Inputs  []Input
	Machine *Machine // reducer

	// Pure says that a failed input is dead-lettered without another attempt (compute).
	Pure bool
	// Workflow is the command that starts an instance (orchestrator). A key's state then belongs to
	// the workflow an event names, and timers call the route of this command.
	Workflow event.Ref
	// Outputs is what a timer may emit (orchestrator).
	Outputs []event.Ref
	// Random returns a number in [0, 1) for jitter; default math/rand.
	Random func() float64
}

// Core makes a node's delivery decisions. It is immutable and safe for concurrent use.
type Core struct {
	cfg     Config
	sources map[string]source // by topic
	machine *machine
}

// source is a topic the node consumes.
type source struct {
	input Input
	typ   event.Ref // of its records
	older *Older    // set if they are of a version that the input replaced
}

// New returns the core of a node.
func New(cfg Config) (*Core, error) {
	c := &Core{cfg: cfg, sources: make(map[string]source, len(cfg.Inputs))}
	if cfg.Random == nil {
		c.cfg.Random = rand.Float64
	}
	for _, in := range cfg.Inputs {
		if err := c.add(source{input: in, typ: in.Type}); err != nil {
			return nil, err
		}
		for _, o := range in.Older {
			if err := c.add(source{input: in, typ: o.Type, older: &o}); err != nil {
				return nil, err
			}
		}
	}
	if cfg.Machine != nil {
		c.machine = newMachine(cfg.Machine)
	}
	return c, nil
}

func (c *Core) add(s source) error {
	topic := event.Topic{Class: s.input.Class, Ref: s.typ}.String()
	if _, dup := c.sources[topic]; dup {
		return fmt.Errorf("node %s: input %s is declared twice", c.cfg.Node, s.typ)
	}
	c.sources[topic] = s
	return nil
}

// Topics returns the topics the node consumes, sorted.
func (c *Core) Topics() []string {
	topics := make([]string, 0, len(c.sources))
	for t := range c.sources {
		topics = append(topics, t)
	}
	slices.Sort(topics)
	return topics
}

// Batch returns how many records of a topic are handled at once.
func (c *Core) Batch(topic string) Batch { return c.sources[topic].input.Batch }

// Waits reports whether a change of state may wake parked records.
func (c *Core) Waits() bool {
	return c.cfg.Machine != nil && slices.ContainsFunc(c.cfg.Machine.Transitions, func(t Transition) bool { return t.Early > 0 })
}

// Open decodes a fetched record. A record that cannot be decoded yields an item that Admit turns
// into a dead letter.
func (c *Core) Open(r Record) Item {
	it := Item{Record: r, Attempt: 1}
	src, ok := c.sources[r.Topic]
	if !ok {
		it.fault = faultf(WrongType, "node %s handles nothing on topic %s", c.cfg.Node, r.Topic)
		return it
	}
	it.Input = src.input
	e, err := event.Decode(r.Headers, r.Value)
	it.Event = e
	switch {
	case err != nil:
		it.fault = &fault{Malformed, err}
	case e.Type != src.typ:
		it.fault = faultf(WrongType, "topic %s carries %s, but the record is a %s", r.Topic, src.typ, e.Type)
	case r.Key != e.PartitionKey:
		it.fault = faultf(Malformed, "record has key %q, but its partitionkey is %q", r.Key, e.PartitionKey)
	case !json.Valid(e.Data):
		it.fault = faultf(Malformed, "payload of %s is not JSON", e.Type)
	default:
		c.identify(&it, src)
	}
	return it
}

// identify turns an older version into its input, and finds what the store knows the item by.
func (c *Core) identify(it *Item, src source) {
	if src.older != nil {
		data, err := src.older.Upcast(it.Event.Data)
		if err != nil {
			it.fault = faultf(Invalid, "payload of %s does not become one of %s: %w", src.typ, src.input.Type, err)
			return
		}
		it.Event.Type, it.Event.Data = src.input.Type, data
	}
	it.IdempotencyKey, it.fault = idempotencyKey(src.input, it.Event)
	it.StateKey = c.stateKey(it.Event)
}

// Reopen decodes a parked record for its next attempt.
func (c *Core) Reopen(p Parked) Item {
	it := c.Open(p.Record)
	it.Parked, it.Attempt = &p, p.Attempts+1
	return it
}

// Fire returns the item of a timer that is due.
func (c *Core) Fire(f Fired) Item {
	id := event.DeriveID(f.Cause.ID, c.cfg.Node+"#"+f.Name, event.Ref{}, 0)
	e := event.Envelope{
		ID: id, Source: event.Source(c.cfg.Node), Type: c.cfg.Workflow, Subject: f.Name,
		CorrelationID: f.Cause.CorrelationID, CausationID: f.Cause.ID, PartitionKey: f.Key,
		WorkflowID: f.Cause.WorkflowID, StepID: f.Cause.StepID,
		TraceParent: f.Cause.TraceParent, TraceState: f.Cause.TraceState,
	}
	in := Input{Type: c.cfg.Workflow, Emits: c.cfg.Outputs}
	return Item{Timer: &f, Event: e, Input: in, IdempotencyKey: id, StateKey: f.Key, Attempt: f.Attempts + 1}
}

// stateKey returns the key of the state an event belongs to: its partition key, or the instance its
// workflow id names if that is one of this node.
func (c *Core) stateKey(e event.Envelope) string {
	switch {
	case c.machine != nil:
		return e.PartitionKey
	case c.cfg.Workflow.IsZero():
		return ""
	case e.Type == c.cfg.Workflow:
		return e.PartitionKey
	}
	if key, mine := strings.CutPrefix(e.WorkflowID, c.cfg.Node+":"); mine {
		return key
	}
	return e.PartitionKey
}

func idempotencyKey(in Input, e event.Envelope) (string, *fault) {
	if in.IdempotencyKey == "" {
		return e.ID, nil
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(e.Data, &object); err != nil {
		return "", faultf(Invalid, "payload of %s is not an object", e.Type)
	}
	raw := object[in.IdempotencyKey]
	var text string
	if err := json.Unmarshal(raw, &text); err == nil && text != "" {
		return text, checkKey(in, text)
	}
	var number json.Number
	if err := json.Unmarshal(raw, &number); err == nil && number != "" {
		return number.String(), nil
	}
	return "", faultf(Invalid, "payload of %s: idempotency key %q is missing", e.Type, in.IdempotencyKey)
}

// checkKey refuses a key that a database could not store or index.
func checkKey(in Input, key string) *fault {
	if len(key) > event.MaxAttribute || strings.ContainsRune(key, 0) {
		return faultf(Invalid, "payload of %s: idempotency key %q is too long or not text", in.Type, in.IdempotencyKey)
	}
	return nil
}

// Verdict says what to do with an item.
type Verdict int

// The verdicts.
const (
	Skip   Verdict = iota + 1 // a duplicate
	Follow                    // park behind an earlier record of its key
	Wait                      // park until the machine's state takes it
	Refuse                    // dead letter
	Handle                    // call the handler with Decision.Call
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
	case v.Behind && it.Parked == nil && it.Timer == nil:
		return Decision{Verdict: Follow}
	}
	d := Decision{Verdict: Handle, emits: it.Input.Emits, halt: it.Input.Retry.HaltKey, Call: Call{
		Event: it.Event, IdempotencyKey: it.IdempotencyKey, Attempt: it.Attempt, State: v.State.Data,
	}}
	if it.Timer != nil {
		d.Call.Timer = it.Timer.Name
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

func since(it Item, now time.Time) time.Time {
	if it.Parked != nil {
		return it.Parked.Since
	}
	return now
}

// Settle decides what to commit. out is the handler's outcome if the verdict was Handle, else it is
// ignored.
func (c *Core) Settle(it Item, v View, d Decision, out Outcome, now time.Time) Commit {
	switch d.Verdict {
	case Skip:
		return Commit{Item: it, Result: Duplicate}
	case Follow:
		return Commit{Item: it, Result: Waiting, Park: &Park{Reason: Behind, Since: now}}
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
		case !json.Valid(em.Data):
			return Permanent(fmt.Errorf("emission %s is not JSON", em.Type))
		}
	}
	return nil
}

func (c *Core) succeed(it Item, v View, to Transition, out Outcome, now time.Time) Commit {
	commit := Commit{Item: it, Result: Handled, Inbox: it.Timer == nil}
	if out.State != nil || c.machine != nil {
		commit.State = &StateWrite{Key: it.StateKey, Expect: v.State.Version, Machine: to.To, Data: out.State}
		commit.Timers = timers(it.Event, out.Timers, now)
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
		p := &Park{Reason: Halted, Attempts: it.Attempt, Since: since(it, now)}
		return Commit{Item: it, Result: KeyHalted, Class: class, Err: err, Park: p}
	}
	if final {
		return c.bury(it, &fault{class, err}, it.Attempt, now)
	}
	delay := policy.Delay(it.Attempt, c.cfg.Random())
	if after, ok := errors.AsType[*retryAfterError](err); ok {
		delay = after.after
	}
	p := &Park{Reason: Retry, Attempts: it.Attempt, Since: since(it, now), Next: now.Add(delay)}
	return Commit{Item: it, Result: Retried, Err: err, Park: p}
}
