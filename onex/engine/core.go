package engine

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/omninode-ai/omninode/onex/event"
	"github.com/omninode-ai/omninode/onex/payload"
)

// Config describes a node to its delivery core.
type Config struct {
	Node    string
	Version string // of the node, which snapshots say
	Inputs  []Input
	Machine *Machine // reducer

	// Instance of the node, for its dead letters.
	Instance string

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
	replays string            // topic
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
	c := &Core{cfg: cfg, sources: make(map[string]source, len(cfg.Inputs)), replays: event.ReplayTopic(cfg.Node).String()}
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

// Topics returns the topics the node consumes, that of its replays included, sorted.
func (c *Core) Topics() []string {
	topics := make([]string, 0, len(c.sources)+1)
	if len(c.sources) > 0 {
		topics = append(topics, c.replays)
	}
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
	if r.Topic == c.replays {
		return c.openReplay(r)
	}
	r.Headers = plain(r.Headers)
	return c.decode(r)
}

// decode reads a record of one of the node's inputs.
func (c *Core) decode(r Record) Item {
	it := Item{Record: r, Attempt: 1}
	src, ok := c.sources[r.Topic]
	if !ok {
		it.fault = faultf(WrongType, "node %s handles nothing on topic %s", c.cfg.Node, r.Topic)
		return it
	}
	it.Input = src.input
	e, err := event.Decode(plain(r.Headers), r.Value)
	it.Event, it.decoded = e, err == nil
	switch {
	case len(r.Value) == 0:
		it.fault = faultf(Tombstone, "record has no payload")
	case err != nil:
		it.fault = &fault{flaw(err), err}
	case e.Type != src.typ:
		it.fault = faultf(misplaced(e.Type, src.typ), "topic %s carries %s, but the record is a %s", r.Topic, src.typ, e.Type)
	case r.Key != e.PartitionKey:
		it.fault = faultf(Malformed, "record has key %q, but its partitionkey is %q", r.Key, e.PartitionKey)
	case !payload.Valid(e.Data):
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
	it := c.decode(p.Record)
	if headerOf(p.Record.Headers, ReplayTopic) != "" {
		it.Replay, _, _ = unwrap(p.Record) // it was read before it was parked
	}
	it.Parked, it.Attempt = &p, p.Attempts+1
	return it
}

// TimerID returns the id of the event that a timer of a node is when it fires: the cause of what it leads
// to. No topic holds it.
func TimerID(node, name, cause string) string {
	return event.DeriveID(cause, node+"#"+name, event.Ref{}, 0)
}

// Fire returns the item of a timer that is due.
func (c *Core) Fire(f Fired) Item {
	id := TimerID(c.cfg.Node, f.Name, f.Cause.ID)
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
