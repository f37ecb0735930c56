package codegen

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/onex/event"
)

// node is everything the templates of one node show. All decisions were taken when it was built;
// strings are Go source ready to print. It is not changed afterwards.
type node struct {
	Name, Package, ImportPath string
	NameLiteral               string
	Version, Kind, SHA256     string // Go literals, Kind without its package
	Description               string // Go literal
	Doc                       string // package comment
	Capabilities              []string
	OwnSchema                 int64 // 0: no tables of its own

	Types    []goType
	Patterns []pattern
	Refs     []ref
	Inputs   []input
	Outputs  []output
	Settings []setting
	Flags    []flagField
	Requires []requirement
	Checks   []check
	Topics   []topic
	Examples []example
	Upcasts  []upcast
	Keys     []keyProperty

	Reducer *reducer
	Flow    *flow

	Schedules []tick
}

// ref is a package variable that holds the name of a message.
type ref struct{ Var, Literal string }

// input is one message type the node handles.
type input struct {
	Ref, Class, Emits string
	IdempotencyKey    string // "" or Go literal
	Timeout, Retry    string // "" or Go expressions
	Batch, Breaker    string // the same
	Name, Doc, Type   string
	Decode            string
	Emitter           string
	Emissions         []emission
	Commits           bool // its handler may take part in the transaction that commits it
	Guards            []guard
	Scaffold          []string // statements of the scaffolded handler
	ScaffoldState     string   // expression of the scaffolded next state
	Older             []older
	message           *contract.Message
	emits             []*contract.Message
}

// emission is one method of an emitter.
type emission struct{ Name, Ref, Class, Type, Key, Topic string }

type output struct{ Ref, Class string }

// example is a minimal payload of an input and its schema.
type example struct{ Ref, JSON, Schema string }

// keyProperty names the partition key in a message's payload.
type keyProperty struct{ Ref, Property string }

// modeler collects what newNode finds out, its mistakes included.
type modeler struct {
	c     *contract.Contract
	n     *node
	types *typeSet
	errs  []error
}

// newNode decides everything about the files of a contract.
func newNode(c *contract.Contract, opts Options) (*node, error) {
	m := &modeler{c: c, types: newTypeSet(c)}
	if err := checkNames(c); err != nil {
		return nil, err
	}
	pkg := contract.Package(c.Node)
	m.n = &node{
		Name: c.Node, NameLiteral: quote(c.Node), Package: pkg, ImportPath: opts.importPath(c.Node),
		Version: quote(c.Version), Kind: contract.GoName(string(c.Kind)), SHA256: quote(c.SHA256),
		Description: quote(c.Description), OwnSchema: opts.OwnSchemas[c.Node],
		Doc: sentence(fmt.Sprintf("Package %s is the %s node %s", pkg, c.Kind, c.Node), c.Description),
	}
	for _, s := range c.Capabilities {
		m.n.Capabilities = append(m.n.Capabilities, quote(s))
	}
	m.types.addOwn()
	m.settings()
	m.inputs()
	m.reducer()
	m.flow()
	m.schedules()
	m.outputs()
	m.refs()
	m.operation()
	m.n.Types, m.n.Patterns = m.types.sorted()
	m.errs = append(m.errs, m.types.errs...)
	m.errs = append(m.errs, collisions(m.n)...)
	if err := errors.Join(m.errs...); err != nil {
		return nil, fmt.Errorf("generate node %s: %w", c.Node, err)
	}
	return m.n, nil
}

func (m *modeler) name(msg *contract.Message) string { return contract.MethodName(m.c.Node, msg.Ref) }

func (m *modeler) ref(msg *contract.Message) string { return "ref" + m.name(msg) }

func (m *modeler) refList(msgs []*contract.Message) string {
	if len(msgs) == 0 {
		return ""
	}
	var names []string
	for _, msg := range msgs {
		names = append(names, m.ref(msg))
	}
	return "[]event.Ref{" + strings.Join(names, ", ") + "}"
}

func class(c event.Class) string {
	if c == event.Command {
		return "event.Command"
	}
	return "event.Event"
}

// key returns the expression of the partition key of a payload in variable v.
func (m *modeler) key(v string, msg *contract.Message) string {
	p := property(msg.Data, msg.Key)
	if p == nil || !p.Required || p.Schema.Type != "string" {
		m.errs = append(m.errs, fmt.Errorf("%s: key %q is not a required string of %s", msg.Ref, msg.Key, msg.Data.Name))
		return `""`
	}
	return v + "." + contract.GoName(p.Name)
}

func property(t *contract.Type, name string) *contract.Property {
	for _, p := range t.Schema.Properties {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// inputs models what compute and effect nodes handle.
func (m *modeler) inputs() {
	for _, h := range m.c.Handles {
		in := m.input(h.Input, h.Emits)
		if h.IdempotencyKey != "" {
			in.IdempotencyKey = quote(h.IdempotencyKey)
		}
		in.Timeout = duration(h.Timeout)
		in.Retry = retry(h.Retry)
		in.Breaker = breaker(h.Breaker)
		if h.Batch != nil {
			m.batched(&in, h.Batch)
		}
		m.add(in)
	}
}

func (m *modeler) input(msg *contract.Message, emits []*contract.Message) input {
	name := m.name(msg)
	goType := m.types.root(msg.Data)
	in := input{
		Ref: m.ref(msg), Class: class(msg.Class), Emits: m.refList(emits),
		Name: name, Doc: sentence(name+" handles "+msg.Ref.String(), msg.Description),
		Type: goType, Decode: "decode" + goType, Emitter: name + "Emitter",
		Commits: m.c.Kind == contract.Effect || m.c.Kind == contract.Reducer,
		message: msg, emits: emits,
	}
	for _, e := range emits {
		in.Emissions = append(in.Emissions, emission{
			Name: m.name(e), Ref: m.ref(e), Class: class(e.Class), Type: m.types.use(e.Data),
			Key: m.key("data", e), Topic: e.Ref.String(),
		})
	}
	if len(emits) > 0 {
		lit := m.payloadLiteral(emits[0], "in.Data", msg)
		in.Scaffold = []string{fmt.Sprintf("emit.%s(%s)", m.name(emits[0]), lit)}
	}
	return in
}

// batched makes an input one that the handler gets several of.
func (m *modeler) batched(in *input, b *contract.Batch) {
	in.Batch = batch(b)
	what := fmt.Sprintf("%s handles up to %d of %s at once", in.Name, b.Size, in.message.Ref)
	in.Doc = sentence(what, in.message.Description)
	if len(in.emits) > 0 {
		lit := m.payloadLiteral(in.emits[0], "one.Data", in.message)
		in.Scaffold = []string{"for _, one := range in {", fmt.Sprintf("emit.%s(one, %s)", m.name(in.emits[0]), lit), "}"}
	}
}

// payloadLiteral returns a minimal literal of msg's payload. If msg and from have the same
// key property, the key is taken from the variable v that holds from's payload.
func (m *modeler) payloadLiteral(msg *contract.Message, v string, from *contract.Message) string {
	set := map[string]string{}
	if from.Key == msg.Key {
		set[msg.Key] = v + "." + contract.GoName(msg.Key)
	}
	return m.literal(msg.Data, set)
}

func (m *modeler) literal(t *contract.Type, set map[string]string) string {
	lit, err := m.types.literal(t, set)
	if err != nil {
		m.errs = append(m.errs, err)
	}
	return lit
}

// add appends an input with the example of its payload.
func (m *modeler) add(in input) {
	m.n.Examples = append(m.n.Examples, m.example(in.message))
	in.Older = m.older(in.message)
	m.n.Inputs = append(m.n.Inputs, in)
}

func (m *modeler) example(msg *contract.Message) example {
	return example{Ref: m.ref(msg), JSON: quote(string(msg.Data.Example())), Schema: quote(string(msg.Data.Limits()))}
}

// outputs lists everything the node may send: what its inputs emit, and what its schedules send.
func (m *modeler) outputs() {
	var all []*contract.Message
	for _, in := range m.n.Inputs {
		all = appendNew(all, in.emits...)
	}
	if m.n.Flow != nil {
		m.n.Flow.Outputs = m.outputList(all)
	}
	for _, s := range m.c.Schedules {
		all = appendNew(all, s.Send)
	}
	m.n.Outputs = m.outputList(all)
}

func (m *modeler) outputList(messages []*contract.Message) []output {
	list := make([]output, 0, len(messages))
	for _, msg := range slices.SortedFunc(slices.Values(messages), func(a, b *contract.Message) int { return a.Ref.Compare(b.Ref) }) {
		list = append(list, output{Ref: m.ref(msg), Class: class(msg.Class)})
	}
	return list
}

// refs lists a variable for every message that code names.
func (m *modeler) refs() {
	var all []*contract.Message
	for _, in := range m.n.Inputs {
		all = appendNew(appendNew(all, in.emits...), in.message)
		all = appendNew(all, in.message.Older()...)
	}
	for _, msg := range m.c.Messages {
		if replacedEvent(msg) {
			all = appendNew(all, msg)
		}
	}
	slices.SortFunc(all, func(a, b *contract.Message) int { return a.Ref.Compare(b.Ref) })
	for _, msg := range all {
		m.n.Refs = append(m.n.Refs, ref{Var: m.ref(msg), Literal: quote(msg.Ref.String())})
		m.n.Keys = append(m.n.Keys, keyProperty{Ref: m.ref(msg), Property: quote(msg.Key)})
	}
}

// appendNew appends the messages that list does not have yet.
func appendNew(list []*contract.Message, msgs ...*contract.Message) []*contract.Message {
	for _, msg := range msgs {
		if msg != nil && !slices.ContainsFunc(list, func(o *contract.Message) bool { return o.Ref == msg.Ref }) {
			list = append(list, msg)
		}
	}
	return list
}

// duration returns d as Go source, "" if zero.
func duration(d time.Duration) string {
	if d == 0 {
		return ""
	}
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{time.Hour, "Hour"}, {time.Minute, "Minute"}, {time.Second, "Second"}, {time.Millisecond, "Millisecond"}} {
		switch {
		case d == u.unit:
			return "time." + u.name
		case d%u.unit == 0:
			return fmt.Sprintf("%d * time.%s", d/u.unit, u.name)
		}
	}
	return fmt.Sprintf("time.Duration(%d)", d)
}

// retry returns a policy as Go source, "" for the default of one attempt.
func retry(r *contract.Retry) string {
	if r == nil {
		return ""
	}
	fields := []string{fmt.Sprintf("Attempts: %d", r.Attempts)}
	if d := duration(r.First); d != "" {
		fields = append(fields, "First: "+d)
	}
	if d := duration(r.Max); d != "" {
		fields = append(fields, "Max: "+d)
	}
	if r.Then == "halt_key" {
		fields = append(fields, "HaltKey: true")
	}
	return "engine.RetryPolicy{" + strings.Join(fields, ", ") + "}"
}

// batch returns the bounds of a batch as Go source.
func batch(b *contract.Batch) string {
	fields := []string{fmt.Sprintf("Size: %d", b.Size)}
	if d := duration(b.Wait); d != "" {
		fields = append(fields, "Wait: "+d)
	}
	return "engine.Batch{" + strings.Join(fields, ", ") + "}"
}

// breaker returns a breaker as Go source, "" for none.
func breaker(b *contract.Breaker) string {
	if b == nil {
		return ""
	}
	return fmt.Sprintf("engine.Breaker{Failures: %d, Open: %s}", b.Failures, duration(b.Open))
}
