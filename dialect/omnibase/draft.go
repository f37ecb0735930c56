package omnibase

import (
	"cmp"
	"slices"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/onex/event"
)

// draft is a contract in the making.
type draft struct {
	src         *source
	at          *value // what declares it: the root of its source, or a step of a workflow
	name        string
	version     string
	kind        contract.Kind
	description string
	key         string // property that orders the records of all its messages

	capabilities []string
	inputs       []*port // what it handles
	outputs      []*port // what it emits
	records      []*record
	byName       map[string]*record // by the name the model asks for
	config       []entry
	secrets      []entry
	requires     []entry
	health       []entry
	flags        []entry
	policy       policy
	machine      *machine
	state        *record
	workflow     *workflow

	messages scope // names of its messages
	types    scope // Go types
	keys     scope // settings and secrets
	in, out  *record
}

func newDraft(src *source, at *value) *draft {
	return &draft{
		src: src, at: at, version: "0.0.0", key: "correlation_id",
		byName: map[string]*record{}, messages: scope{}, keys: scope{}.reserve("database_url"),
		types: scope{}.reserve("Config", "Handler", "Requirements", "Node", "Workflow"),
	}
}

// port is one version of a message where it enters or leaves a node.
type port struct {
	node        *draft
	raw         string // as the source writes its topic
	topic       topic
	at          *value // what declares it
	description string
	name        string // of the message, if the node owns it
	record      *record
	emits       []*port // of an input: what handling it may emit; nil is every output
	limited     bool    // emits is known, not assumed
	policy      policy
	trigger     string  // of an input of a reducer: the trigger it stands for
	links       []*port // of an input: the events of other nodes it stands for
	wanted      bool    // of an output: somebody in the fleet handles it
	sent        bool    // of an input: a workflow sends it
	partitions  string
	retention   string
	claims      []claim // values that stand in the contract only if the node owns the message
}

// claim is a value whose verdict depends on what becomes of what it describes.
type claim struct {
	at     *value
	target string // below the key of what it describes
}

// entry is a line of config, secrets, requires, health or flags.
type entry struct {
	key   string
	pairs []pair // of a mapping
	text  string // of a scalar
	note  string
}

// pair is a key and its value as it stands in the file.
type pair struct{ key, text string }

// policy says how an input is tried.
type policy struct {
	retry, breaker []pair
	timeout        string
	idempotencyKey string
	keyAt          *value
}

// owns tells whether the message of an input is a command of the node itself.
func (p *port) owns() bool { return len(p.links) == 0 }

// ref returns how a node refers to the message of p.
func (p *port) ref(from *draft) string {
	r := event.Ref{Node: p.node.name, Name: p.name, Version: p.topic.version}
	if from == p.node {
		return r.Local()
	}
	return r.String()
}

// allOutputs returns what handling an input may emit: what the source says, or all that no input
// emits in particular.
func (p *port) allOutputs() []*port {
	everyLimited := !slices.ContainsFunc(p.node.inputs, func(i *port) bool { return !i.limited })
	switch {
	case p.limited && everyLimited:
		return append(slices.Clone(p.emits), p.node.spare()...)
	case p.limited:
		return p.emits
	}
	return p.node.spare()
}

// spare returns the outputs that no input emits in particular.
func (d *draft) spare() []*port {
	var list []*port
	for _, o := range d.outputs {
		taken := slices.ContainsFunc(d.inputs, func(i *port) bool { return i.limited && slices.Contains(i.emits, o) })
		if !taken {
			list = append(list, o)
		}
	}
	return list
}

// record is a payload type in the making.
type record struct {
	name        string
	model       string // class of the dialect
	description string
	fields      []*field
	claims      []claim
	used        bool
	read, open  bool            // its definition is read; is being read
	untyped     map[string]bool // properties that a contract cannot say
}

// forget notes a property that a contract cannot say.
func (r *record) forget(name string) {
	if r.untyped == nil {
		r.untyped = map[string]bool{}
	}
	r.untyped[name] = true
}

// field is a property of a record.
type field struct {
	name, note  string
	description string
	at          *value // what declares it; nil: the language asks for it
	required    bool
	schema      []pair  // of itself or its items, without $ref
	ref         *record // likewise
	list        bool
	claims      []claim
}

func (r *record) field(name string) *field {
	for _, f := range r.fields {
		if f.name == name {
			return f
		}
	}
	return nil
}

func (r *record) claim(v *value, target string) {
	if v != nil {
		r.claims = append(r.claims, claim{v, target})
	}
}

// record returns the type of a model of the dialect, made if it is new.
func (d *draft) record(model string) *record {
	name := typeName(model)
	if r := d.byName[name]; r != nil {
		return r
	}
	r := &record{model: model, name: d.types.take(name, "")}
	d.byName[name] = r
	d.records = append(d.records, r)
	return r
}

// withKey makes a property the key of a record: required text that cannot be empty.
func (d *draft) withKey(r *record) {
	f := r.field(d.key)
	if f == nil {
		f = &field{name: d.key, note: "the source does not say what orders these records"}
		r.fields = append(r.fields, f)
		d.src.assume("%s: type %s has the key property %s", d.name, r.name, d.key)
	}
	f.required = true
	if !keyable(f) {
		if f.schema != nil && !slices.Equal(f.schema, text()) {
			d.src.assume("%s: property %s of type %s is text, because it is the key", d.name, d.key, r.name)
		}
		f.schema, f.ref, f.list = append(text(), pair{"minLength", "1"}), nil, false
	}
}

func text() []pair { return []pair{{"type", "string"}} }

// keyable tells whether a property is text that cannot be empty.
func keyable(f *field) bool {
	isText, full := false, false
	for _, p := range f.schema {
		isText = isText || p == pair{"type", "string"}
		full = full || p.key == "enum" || p.key == "minLength" || p == pair{"format", "uuid"}
	}
	return isText && full && !f.list && f.ref == nil
}

// sortPorts puts messages in the order of a contract.
func sortPorts(list []*port) []*port {
	return slices.SortedFunc(slices.Values(list), func(a, b *port) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.topic.version, b.topic.version))
	})
}
