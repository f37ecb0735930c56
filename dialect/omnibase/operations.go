package omnibase

import (
	"slices"
	"strings"

	"github.com/omninode-ai/omninode/contract"
)

// operation is something a node does: an entry of handler_routing, io_operations, operations or
// actions. Entries of the same name are one operation.
type operation struct {
	name   string
	at     *value // what names it
	event  string // domain and name of the topic it handles, if it says so
	intent bool   // its name is that of an intent, which other nodes may emit
	input  *port
	parts  []*value // the entries
}

// readOperations finds the operations of a node and binds each to the topic it handles. What has no
// topic becomes a command of the node.
func (d *draft) readOperations() {
	var ops []*operation
	for _, v := range []*value{d.at.get("handler_routing", "handlers"), d.at.get("io_operations"), d.at.get("operations"), d.at.get("actions")} {
		for _, e := range v.items() {
			ops = addOperation(ops, e)
		}
	}
	d.bind(ops)
	for _, op := range ops {
		d.readOperation(op)
	}
}

func addOperation(ops []*operation, e *value) []*operation {
	at := e.first("operation", "operation_name", "payload_type", "routing_key", "name", "event_type")
	if e.get("event_type") != nil && e.get("operation") == nil {
		at = e.get("event_type")
	}
	if at == nil {
		at = e.get("event_model", "name")
	}
	if !at.scalar() || len(words(at.text())) == 0 {
		return ops
	}
	for _, op := range ops {
		if op.name == at.text() {
			at.follow(op.at, "the operation is named already")
			op.parts = append(op.parts, e)
			return ops
		}
	}
	op := &operation{name: at.text(), at: at, intent: at.name == "payload_type", parts: []*value{e}}
	op.event = e.get("event_type").text()
	return append(ops, op)
}

// bind finds the topic of each operation: the one it names, else the one most alike, else the only
// one left for the only operation left.
func (d *draft) bind(ops []*operation) {
	free := slices.Clone(d.inputs)
	use := func(op *operation, p *port) {
		op.input = p
		free = slices.DeleteFunc(free, func(q *port) bool { return q == p })
		op.at.follow(p.at, "the operation that handles %s", p.raw)
	}
	for _, op := range ops {
		for _, p := range free {
			if op.event != "" && (kebab(op.event, "") == p.topic.domain+"-"+p.topic.name || kebab(op.event, "") == p.topic.name) {
				use(op, p)
				break
			}
		}
	}
	for _, op := range ops {
		if p := nearest(op, free); op.input == nil && p != nil {
			use(op, p)
		}
	}
	open := slices.DeleteFunc(slices.Clone(ops), func(op *operation) bool { return op.input != nil })
	if len(open) == 1 && len(free) == 1 {
		use(open[0], free[0])
	}
}

// nearest returns the topic whose name is most like that of an operation or of its model.
func nearest(op *operation, free []*port) *port {
	var best *port
	score := 0.5
	for _, p := range free {
		for _, name := range []string{op.name, op.parts[0].get("event_model", "name").text()} {
			if s := alike(name, p.topic.name); s > score || s == score && best == nil {
				best, score = p, s
			}
		}
	}
	return best
}

// readOperation reads what the entries of an operation say about its input and its outputs.
func (d *draft) readOperation(op *operation) {
	if op.input == nil {
		if d.kind == contract.Reducer && d.hasMachine() {
			op.at.refuse("add a transition for it, if it changes the state", "the inputs of a reducer are the triggers of its machine")
			return
		}
		d.addCommand(op)
	}
	for _, e := range op.parts {
		d.readInput(op.input, e)
		d.readOutput(op.input, e)
	}
}

func (d *draft) addCommand(op *operation) {
	t := topic{"operation", d.name, kebab(op.name, "operation"), 1}
	if op.intent {
		t = parseTopic(op.name)
	}
	op.input = &port{node: d, raw: op.name, topic: t, at: op.at}
	d.inputs = append(d.inputs, op.input)
}

func (d *draft) readInput(p *port, e *value) {
	switch v := e.get("description"); {
	case line(v.text()) == "":
	case p.description == "":
		p.description = line(v.text())
		p.claims = append(p.claims, claim{v, "description"})
	default:
		v.refuse("add it to that description", "message %s has a description already", p.topic.name)
	}
	for _, key := range []string{"event_model", "input_model"} {
		if v := e.get(key); v != nil {
			if r := d.readModel(v); r != nil && p.record == nil {
				p.record = r
			}
		}
	}
	if fields := e.first("input_fields", "inputs"); len(fields.children()) > 0 {
		d.readFields(d.inputRecord(p), fields)
	}
	if v := e.get("timeout_seconds"); duration(v.text(), second) != "" && d.kind == contract.Effect {
		p.policy.timeout = duration(v.text(), second)
		v.carry("handles." + p.raw + ".timeout")
	}
	if v := e.get("message_category"); v != nil && strings.EqualFold(v.text(), classOf(p.topic)) {
		v.follow(p.at, "the topic says so")
	}
	for _, v := range e.get("supported_operations").items() {
		if v.text() == e.get("operation").text() {
			v.follow(e.get("operation"), "the operation itself")
		}
	}
	if v := e.get("idempotent"); v.isTrue() {
		v.follow(nil, "an input that comes twice is handled once")
	}
}

func classOf(t topic) string {
	switch t.class {
	case "evt":
		return "event"
	case "cmd":
		return "command"
	}
	return t.class
}

// inputRecord returns the payload of an input, made if nothing has named it.
func (d *draft) inputRecord(p *port) *record {
	if p.record == nil {
		p.record = d.in
	}
	if p.record == nil {
		p.record = d.record(p.topic.name)
	}
	return p.record
}

// readOutput reads which events an operation emits and what they carry.
func (d *draft) readOutput(p *port, e *value) {
	for _, v := range e.get("output_events").items() {
		if o := d.outputLike(v.text()); o != nil {
			p.limited = true
			p.emits = append(p.emits, o)
			v.carry("handles." + p.raw + ".emits")
		}
	}
	if v := e.get("output_events"); v.isList() && len(v.items()) == 0 {
		p.limited = true
		v.carry("handles." + p.raw)
	}
	if v := e.get("output_model"); v != nil {
		d.addResult(p, v)
	}
	fields := e.first("output_fields", "outputs")
	if len(fields.children()) > 0 {
		d.readFields(d.result(p), fields)
	}
}

// outputLike returns the event whose name is that of a model: ModelOrderPaid is order-paid.
func (d *draft) outputLike(model string) *port {
	want := kebab(strings.TrimPrefix(modelName(model), "Model"), "")
	for _, o := range d.outputs {
		if o.topic.name == want || o.topic.name+"-event" == want || o.record != nil && o.record.model == model {
			return o
		}
	}
	return nil
}

// addResult adds the event that an operation with a model of its own emits.
func (d *draft) addResult(p *port, v *value) {
	r := d.readModel(v)
	if r == nil || r == d.out {
		return
	}
	o := d.outputLike(r.model)
	if o == nil {
		o = d.addOutput(r, or(v.get("name"), v))
	}
	if !slices.Contains(p.emits, o) {
		p.limited, p.emits = true, append(p.emits, o)
	}
}

func (d *draft) addOutput(r *record, at *value) *port {
	name := kebab(strings.TrimPrefix(r.model, "Model"), "result")
	o := &port{node: d, raw: r.model, topic: topic{"operation", d.name, name, 1}, at: at, record: r}
	d.outputs = append(d.outputs, o)
	return o
}

// result returns the payload of what an operation emits, made if nothing has named it.
func (d *draft) result(p *port) *record {
	if len(p.emits) == 1 && p.emits[0].record != nil {
		return p.emits[0].record
	}
	if d.out == nil {
		d.out = d.record(d.name + "-output")
	}
	return d.out
}
