package onextest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
	"github.com/omninode-ai/omninode/onex/workflow"
)

// bench delivers records to a node through the delivery core and keeps what is committed in memory.
type bench struct {
	c      Case
	core   *engine.Core
	now    time.Time
	key    string // the partition key all records have
	inbox  map[string]bool
	states map[string]engine.Stored
	timers map[string]engine.TimerWrite // by name
	offset int64
	calls  int

	forced *engine.Transition // is taken whatever the guards say; nil: they decide
	taken  *engine.Choice     // by the last call; nil if it does not say, because it panicked
}

func (c Case) bench() (*bench, error) {
	cfg := engine.Config{
		Node: c.Node.Name, Inputs: c.Node.Inputs, Machine: c.Node.Machine,
		Pure: c.Node.Kind == onex.Compute, Random: func() float64 { return 0 },
	}
	if c.Node.Workflow != nil {
		cfg.Workflow = c.Node.Workflow.Start
		for _, o := range c.Node.Outputs {
			cfg.Outputs = append(cfg.Outputs, o.Type)
		}
	}
	core, err := engine.New(cfg)
	if err != nil {
		return nil, err
	}
	return &bench{
		c: c, core: core, now: time.Date(2026, 1, 31, 8, 0, 0, 0, time.UTC),
		inbox: map[string]bool{}, states: map[string]engine.Stored{}, timers: map[string]engine.TimerWrite{},
	}, nil
}

// fork returns a bench with the same past and a future of its own.
func (b *bench) fork() *bench {
	f := *b
	f.inbox, f.states, f.timers = maps.Clone(b.inbox), maps.Clone(b.states), maps.Clone(b.timers)
	return &f
}

// record is an input on its way to the node.
type record struct {
	class event.Class
	event event.Envelope
}

// example returns the example of an input as a record with an id of its own. All examples of a
// bench have the key of the first.
func (b *bench) example(in event.Ref) (record, error) {
	r := record{class: b.class(in)}
	prop := b.c.Keys[in]
	data := b.c.Examples[in]
	key, err := keyOf(data, prop)
	if err != nil {
		return r, fmt.Errorf("example of %s: %w", in, err)
	}
	if b.key == "" {
		b.key = key
	}
	id := event.DeriveID("onextest", b.c.Node.Name, in, int(b.offset))
	r.event = event.Envelope{
		ID: id, Source: event.Source(in.Node), Type: in, Time: b.now,
		DataContentType: "application/json", DataSchema: event.DataSchema(in),
		CorrelationID: id, CausationID: id, PartitionKey: b.key, Data: data,
	}
	if key == b.key {
		return r, nil
	}
	return r.with(prop, []byte(strconv.Quote(b.key)))
}

func (b *bench) class(in event.Ref) event.Class {
	for _, i := range b.c.Node.Inputs {
		if i.Type == in {
			return i.Class
		}
	}
	return event.Event
}

// keyOf returns the partition key in a payload.
func keyOf(data []byte, prop string) (string, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil {
		return "", err
	}
	var text string
	if err := json.Unmarshal(object[prop], &text); err == nil {
		return text, nil
	}
	var n json.Number
	if err := json.Unmarshal(object[prop], &n); err != nil {
		return "", fmt.Errorf("key %q: %w", prop, err)
	}
	return n.String(), nil
}

// with returns r with one field of its payload set.
func (r record) with(field string, value json.RawMessage) (record, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(r.event.Data, &object); err != nil {
		return r, err
	}
	object[field] = value
	data, err := json.Marshal(object)
	r.event.Data = data
	return r, err
}

// delivered is what became of a record.
type delivered struct {
	result engine.Result
	class  engine.Class
	err    error
	sent   []event.Envelope
	to     string // the machine's state afterwards
}

func (d delivered) duplicate() bool { return d.result == engine.Duplicate }

func (d delivered) String() string {
	s := string(d.result)
	if d.class != "" {
		s += " (" + string(d.class) + ")"
	}
	if d.err != nil {
		s += ": " + d.err.Error()
	}
	return s
}

// deliver takes r through the core and commits the result. The error is a breach of the contract by
// the handler.
func (b *bench) deliver(r record) (delivered, error) {
	b.offset++
	return b.settle(b.core.Open(r.raw(b.offset)))
}

// raw returns r as it stands on its topic.
func (r record) raw(offset int64) engine.Record {
	topic := event.Topic{Class: r.class, Ref: r.event.Type}
	return engine.Record{
		Topic: topic.String(), Offset: offset, Key: r.event.PartitionKey, Headers: r.event.Headers(), Value: r.event.Data,
	}
}

func (b *bench) settle(it engine.Item) (delivered, error) {
	view := engine.View{State: b.states[it.StateKey]}
	view.Seen = it.Timer == nil && b.inbox[inboxKey(it)]
	d := b.core.Admit(it, view, b.now)
	var out engine.Outcome
	if d.Verdict == engine.Handle {
		b.force(&d.Call)
		var err error
		if out, err = b.call(it.Input.Type, d.Call); err != nil {
			return delivered{}, err
		}
	}
	commit := b.core.Settle(it, view, d, out, b.now)
	if err := b.keys(it, commit); err != nil {
		return delivered{}, err
	}
	return b.commit(commit)
}

func inboxKey(it engine.Item) string { return it.Input.Type.String() + " " + it.IdempotencyKey }

// force leaves a call the choice of the forced transition, without its guard.
func (b *bench) force(c *engine.Call) {
	if b.forced == nil {
		return
	}
	for _, choice := range c.Choices {
		if choice.Guard == b.forced.Guard && choice.To == b.forced.To {
			choice.Guard = ""
			c.Choices = []engine.Choice{choice}
			return
		}
	}
}

// commit remembers what a store would.
func (b *bench) commit(c engine.Commit) (delivered, error) {
	d := delivered{result: c.Result, class: c.Class, err: c.Err}
	if c.Inbox {
		b.inbox[inboxKey(c.Item)] = true
	}
	if s := c.State; s != nil {
		b.states[s.Key] = engine.Stored{Version: s.Expect + 1, Machine: s.Machine, Data: s.Data}
		d.to = s.Machine
	}
	if c.Timers != nil {
		clear(b.timers)
		for _, t := range *c.Timers {
			b.timers[t.Name] = t
		}
	}
	if c.Result == engine.DeadLettered {
		return d, nil
	}
	for _, o := range c.Outbox {
		e, err := event.Decode(o.Headers, o.Value)
		if err != nil {
			return d, fmt.Errorf("emission on %s: %w", o.Topic, err)
		}
		d.sent = append(d.sent, e)
	}
	return d, nil
}

// call calls the handler twice and demands the same outcome.
func (b *bench) call(in event.Ref, c engine.Call) (engine.Outcome, error) {
	b.calls++
	first, err := b.guarded(in, c)
	b.note(first, c)
	if err != nil {
		return first, err
	}
	second, err := b.guarded(in, c)
	if err != nil {
		return first, fmt.Errorf("second call with the same idempotency key: %w", err)
	}
	if a, b := fingerprint(first), fingerprint(second); !bytes.Equal(a, b) {
		return first, fmt.Errorf("handler of %s is not deterministic: the same input had the outcome\n%s\nand then\n%s", in, a, b)
	}
	return first, nil
}

// note remembers which transition a call took; none if its guards refused.
func (b *bench) note(out engine.Outcome, c engine.Call) {
	b.taken = nil
	if _, refused := errors.AsType[*onex.GuardError](out.Err); refused {
		b.taken = &engine.Choice{}
		return
	}
	for _, choice := range c.Choices {
		if choice.ID == out.Choice {
			b.taken = &choice
		}
	}
}

// guarded calls the handler once; an error or panic of a valid input is a breach.
func (b *bench) guarded(in event.Ref, c engine.Call) (out engine.Outcome, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("handler of %s panicked: %v", in, p)
		}
	}()
	c.State, c.Event.Data, c.Rest = bytes.Clone(c.State), bytes.Clone(c.Event.Data), slices.Clone(c.Rest)
	for i := range c.Rest {
		c.Rest[i].Event.Data = bytes.Clone(c.Rest[i].Event.Data)
	}
	out = b.c.Routes[in](context.Background(), c)
	if _, ok := errors.AsType[*onex.InvalidInputError](out.Err); ok {
		return out, nil
	}
	if _, ok := errors.AsType[*onex.GuardError](out.Err); ok {
		return out, nil
	}
	if invalid(out.Err) {
		return out, fmt.Errorf("handler of %s broke a schema: %w", in, out.Err)
	}
	if out.Err != nil {
		return out, fmt.Errorf("handler of %s failed on a valid input: %w", in, out.Err)
	}
	return out, b.stuck(in, out.State)
}

// stuck says whether an instance of a workflow waits because a message could not be built.
func (b *bench) stuck(in event.Ref, state []byte) error {
	if b.c.Node.Workflow == nil || state == nil {
		return nil
	}
	i, err := workflow.Read(state)
	if err != nil {
		return err
	}
	switch {
	case i.Stuck == nil:
		return nil
	case i.Stuck.Invalid:
		return fmt.Errorf("handler of %s broke a schema: %s", in, i.Stuck.Error)
	}
	return fmt.Errorf("handler of %s failed on a valid input: %s", in, i.Stuck.Error)
}

func invalid(err error) bool {
	_, output := errors.AsType[*onex.InvalidOutputError](err)
	_, state := errors.AsType[*onex.InvalidStateError](err)
	return output || state
}

// fingerprint returns all of an outcome that is committed.
func fingerprint(o engine.Outcome) []byte {
	b := fmt.Appendf(nil, "state %s timers %v transition %d", o.State, o.Timers, o.Choice)
	if refused, ok := errors.AsType[*onex.GuardError](o.Err); ok {
		return fmt.Append(b, " ", refused)
	}
	for _, e := range o.Emissions {
		b = fmt.Appendf(b, "\n%s key %q %s", e.Type, e.Key, e.Data)
		if e.Position != nil {
			b = fmt.Appendf(b, " %v", *e.Position)
		}
	}
	for _, rest := range o.Rest {
		b = fmt.Appendf(b, "\nand %s", fingerprint(rest))
	}
	return b
}

// keys demands the input's key of every emission that has the same key property.
func (b *bench) keys(it engine.Item, c engine.Commit) error {
	if c.Result != engine.Handled {
		return nil
	}
	cause := b.c.Keys[it.Input.Type]
	for _, o := range c.Outbox {
		e, err := event.Decode(o.Headers, o.Value)
		if err != nil {
			return fmt.Errorf("emission on %s: %w", o.Topic, err)
		}
		if b.c.Keys[e.Type] == cause && e.PartitionKey != it.Event.PartitionKey {
			return fmt.Errorf("handler of %s emitted %s with another key: %s is %q, want %q as in the input",
				it.Input.Type, e.Type, cause, e.PartitionKey, it.Event.PartitionKey)
		}
	}
	return nil
}

// handle delivers r and demands that it is handled.
func (b *bench) handle(r record) error {
	_, err := b.emitted(r)
	return err
}

// emitted is handle; it returns type, key and payload of what was emitted.
func (b *bench) emitted(r record) ([]string, error) {
	d, err := b.deliver(r)
	if err != nil {
		return nil, err
	}
	if d.result != engine.Handled {
		return nil, fmt.Errorf("valid input %s was not handled but %s", r.event.Type, d)
	}
	var out []string
	for _, e := range d.sent {
		out = append(out, fmt.Sprintf("%s key %s %s", e.Type, e.PartitionKey, e.Data))
	}
	return out, nil
}

// expect delivers r and demands what fits checks.
func (b *bench) expect(r record, what string, fits func(delivered) bool) error {
	d, err := b.deliver(r)
	if err != nil {
		return err
	}
	if !fits(d) {
		return fmt.Errorf("%s: want %s, got %s", r.event.Type, what, d)
	}
	return nil
}
