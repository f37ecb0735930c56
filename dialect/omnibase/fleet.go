package omnibase

import (
	"errors"
	"path"
	"slices"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/onex/event"
)

// fleet is all sources that are imported together.
type fleet struct {
	sources   []*source
	drafts    []*draft
	nodes     scope
	published map[topic][]*port
	bare      bool // write what contracts say and nothing for readers; check nothing
}

// add reads a source.
func (f *fleet) add(src *source) {
	if f.nodes == nil {
		f.nodes, f.published = scope{}, map[topic][]*port{}
	}
	f.sources = append(f.sources, src)
	d := newDraft(src, src.root)
	if ds := d.readHead(); len(ds) > 0 {
		f.reject(src, ds)
		return
	}
	if name := f.nodes.take(d.name, "-"); name != d.name {
		src.assume("%s: the name %s is taken by another file", name, d.name)
		d.name = name
	}
	src.report.Nodes = []string{d.name}
	d.read()
	f.drafts = append(f.drafts, d)
}

// reject gives up a source.
func (f *fleet) reject(src *source, ds contract.Diagnostics) {
	src.report.Problems = ds
	for _, l := range src.report.Leaves {
		l.Verdict, l.Target, l.Origin = Refused, "", ""
		l.Why, l.Fix = "the file was not imported", "correct what is wrong with the file, then import it again"
	}
}

// read reads what a source says about its node.
func (d *draft) read() {
	d.readKey()
	d.readModels()
	d.readBus()
	if d.kind == contract.Orchestrator {
		if d.fits() {
			d.readWorkflow()
			d.readSettings()
			return
		}
		d.kind = contract.Effect
		d.src.assume("%s: an effect, because what the orchestrator subscribes to and publishes is no workflow of one start, its answers and two ends", d.name)
	}
	d.readOperations()
	d.readPolicy()
	d.readSettings()
	d.complete()
	d.readKeyed()
	d.readMachine()
}

// readKey finds the property that orders the records of a node.
func (d *draft) readKey() {
	v := d.at.get("event_bus").first("partition_key_field", "partition_key")
	if len(words(v.text())) > 0 {
		d.key = property(v.text())
		v.carry("commands.*.key")
	}
}

// complete adds what a node needs to have: something that arrives, and what follows from its model.
func (d *draft) complete() {
	if !d.hasMachine() {
		d.needInput()
	}
	carried := slices.ContainsFunc(d.outputs, func(o *port) bool { return o.record == nil || o.record == d.out })
	if d.out != nil && !carried {
		at := or(d.at.get("output_model"), d.at.get("handler", "output_model"))
		d.addOutput(d.out, or(at.get("name"), at))
	}
}

// needInput adds a command if nothing else arrives at the node.
func (d *draft) needInput() {
	if len(d.inputs) > 0 {
		return
	}
	name, at := d.name, d.at.first("name", "node_name", "contract_name")
	if d.in != nil {
		name = d.in.model
	}
	d.inputs = []*port{{node: d, raw: name, topic: topic{"operation", d.name, commandName(name), 1}, at: at, record: d.in}}
	d.src.assume("%s: command %s, because the source names no input", d.name, d.inputs[0].topic.name)
}

// readKeyed gives inputs the property that makes them recognisable, if nothing is known of them.
func (d *draft) readKeyed() {
	key := d.policy.idempotencyKey
	if key == "" {
		return
	}
	found := false
	for _, p := range d.inputs {
		r := d.inputRecord(p)
		if !r.read && r.field(key) == nil {
			r.fields = append(r.fields, &field{name: key, required: true, schema: append(text(), pair{"minLength", "1"}), note: "it makes the input recognisable"})
		}
		found = found || p.canKey(key)
	}
	if found {
		d.policy.keyAt.carry("handles.*.idempotency_key")
		return
	}
	d.policy.keyAt.refuse("name a property of every input that is required text", "no input has a required text %s that cannot be empty", key)
}

// commandName makes the name of a command from that of its model.
func commandName(model string) string {
	w := words(model)
	for len(w) > 1 && w[0] == "model" {
		w = w[1:]
	}
	for len(w) > 1 && slices.Contains([]string{"input", "request", "command"}, w[len(w)-1]) {
		w = w[:len(w)-1]
	}
	return joined(w, "-", "run", 44)
}

// settle connects the drafts and writes them as contracts.
func (f *fleet) settle(out map[string][]byte) {
	for _, d := range f.drafts {
		for _, o := range d.outputs {
			f.published[o.topic] = append(f.published[o.topic], o)
		}
	}
	for _, d := range slices.Clone(f.drafts) {
		if d.workflow != nil {
			f.lead(d)
		}
	}
	for _, d := range f.drafts {
		d.nameMessages()
		d.giveRecords()
	}
	f.link()
	f.markWanted()
	f.write(out)
	for !f.bare && f.prune(out) {
	}
	for _, d := range f.drafts {
		d.account()
	}
}

func (f *fleet) write(out map[string][]byte) {
	for _, d := range f.drafts {
		out[target(d.name)] = d.write(f.bare)
	}
}

// nameMessages gives each message a name of its own. Versions of a message share theirs.
func (d *draft) nameMessages() {
	type owned struct {
		event   bool
		name    string
		version int
	}
	names, taken := map[owned]string{}, map[owned]bool{}
	for i, p := range append(slices.Clone(d.outputs), d.inputs...) {
		id := owned{event: i < len(d.outputs), name: p.topic.name}
		version := id
		version.version = p.topic.version
		if _, known := names[id]; !known || taken[version] {
			names[id] = d.messageName(p, id.event)
		}
		taken[version] = true
		p.name = names[id]
	}
}

// messageName returns a free name. What a node both emits and subscribes to arrives as a command.
func (d *draft) messageName(p *port, isEvent bool) string {
	if !isEvent && d.messages[d.messages.id(p.topic.name)] {
		return d.messages.take(joined([]string{p.topic.name, "received"}, "-", "message", event.MaxNameLength-4), "-")
	}
	return d.messages.take(p.topic.name, "-")
}

// giveRecords gives each message a payload with a key.
func (d *draft) giveRecords() {
	for _, p := range d.inputs {
		if p.record == nil {
			p.record = or2(d.in, p)
		}
		d.withKey(p.record)
	}
	for _, p := range d.outputs {
		if p.record == nil {
			p.record = or2(d.out, p)
		}
		d.withKey(p.record)
	}
	if d.state != nil {
		d.withKey(d.state)
	}
}

func or2(r *record, p *port) *record {
	if r != nil {
		return r
	}
	return p.node.record(p.name)
}

// link lets nodes handle the events of those that publish what they subscribe to.
func (f *fleet) link() {
	g := graph{}
	for _, d := range f.drafts {
		for _, p := range d.inputs {
			g[p] = d.emissions(p)
		}
	}
	for _, d := range f.drafts {
		if d.workflow != nil {
			continue
		}
		for _, p := range d.inputs {
			f.linkPort(g, p)
		}
	}
}

func (f *fleet) linkPort(g graph, p *port) {
	for _, o := range f.published[p.topic] {
		switch {
		case o.node == p.node || p.sent:
		case o.node.key != p.node.key:
			p.node.src.assume("%s: %s is not connected with %s, because it is keyed by %s", p.node.name, p.raw, o.node.name, o.node.key)
		case g.reaches(p, o):
			p.node.src.assume("%s: %s is not connected with %s, because it would cause itself for ever", p.node.name, p.raw, o.node.name)
		default:
			g[o] = append(g[o], p)
			p.links = append(p.links, o)
		}
	}
}

// emissions returns what handling an input leads to, again and again. A transition that a key passes
// once ends there.
func (d *draft) emissions(p *port) []*port {
	if d.machine != nil {
		var list []*port
		for _, t := range d.machine.transitions {
			back := d.machine.reached(false, t.to)
			again := slices.ContainsFunc(t.from, func(s string) bool { return back[s] })
			if t.input == p && again {
				list = append(list, t.emits...)
			}
		}
		return list
	}
	return p.allOutputs()
}

// graph leads from each message to those it causes.
type graph map[*port][]*port

func (g graph) reaches(from, to *port) bool {
	seen := map[*port]bool{from: true}
	next := []*port{from}
	for len(next) > 0 {
		p := next[0]
		next = next[1:]
		if p == to {
			return true
		}
		for _, q := range g[p] {
			if !seen[q] {
				seen[q] = true
				next = append(next, q)
			}
		}
	}
	return false
}

// prune validates what was written and gives up the sources whose contracts are not valid, so that
// the rest is. It tells whether it did.
func (f *fleet) prune(out map[string][]byte) bool {
	if len(out) == 0 {
		return false
	}
	_, err := contract.ParseFleet(out)
	ds, ok := errors.AsType[contract.Diagnostics](err)
	if !ok {
		return false
	}
	bad := map[string]contract.Diagnostics{}
	for _, diag := range ds {
		node := path.Dir(diag.File)
		bad[node] = append(bad[node], diag)
	}
	guilty := map[*source]contract.Diagnostics{}
	for _, d := range f.drafts {
		if list := bad[d.name]; len(list) > 0 {
			guilty[d.src] = append(guilty[d.src], list...)
		}
	}
	f.drop(guilty, out)
	return len(guilty) > 0
}

// drop removes sources and everything that refers to them, and writes the rest again.
func (f *fleet) drop(guilty map[*source]contract.Diagnostics, out map[string][]byte) {
	clear(out)
	gone := func(p *port) bool { return guilty[p.node.src] != nil }
	f.drafts = slices.DeleteFunc(f.drafts, func(d *draft) bool { return guilty[d.src] != nil })
	for _, d := range slices.Clone(f.drafts) {
		for _, p := range d.inputs {
			p.links = slices.DeleteFunc(p.links, gone)
		}
		if d.workflow != nil {
			f.replace(d, gone)
		}
	}
	f.markWanted()
	f.write(out)
	for src, ds := range guilty {
		f.reject(src, ds)
	}
}

// replace lets nodes stand in for those that are gone.
func (f *fleet) replace(d *draft, gone func(p *port) bool) {
	for _, s := range d.workflow.steps {
		s.success = slices.DeleteFunc(s.success, gone)
		if len(s.success) == 0 {
			n := f.standIn(d, s)
			n.nameMessages()
			n.giveRecords()
		}
	}
}

// markWanted finds the events that somebody in the fleet waits for.
func (f *fleet) markWanted() {
	wanted := map[*port]bool{}
	mark := func(list []*port) {
		for _, o := range list {
			wanted[o] = true
		}
	}
	for _, d := range f.drafts {
		for _, p := range d.inputs {
			mark(p.links)
		}
		if d.workflow == nil {
			continue
		}
		for _, s := range d.workflow.steps {
			mark(s.success)
			if s.undo != nil {
				mark(s.undo.emits)
			}
		}
	}
	for _, d := range f.drafts {
		for _, o := range d.outputs {
			o.wanted = wanted[o]
		}
	}
}
