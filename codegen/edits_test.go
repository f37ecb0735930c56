package codegen_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// spec is a contract small enough to be edited at random and rendered again.
type spec struct {
	kind     string
	inputs   []message // own commands
	events   []message
	emits    map[string][]string // by input
	settings []property
	requires []string
	payload  []property // of Order, beside its key
	typeName string
	steps    []string // orchestrator
}

type message struct {
	name    string
	version int
}

func (m message) String() string { return fmt.Sprintf("%s.v%d", m.name, m.version) }

type property struct {
	name, schema string
	optional     bool
}

func words() []string {
	return []string{"open", "close", "price", "send", "book", "move", "count", "weigh", "scan", "pack"}
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// newSpec returns a contract of a random kind.
func newSpec(r *rand.Rand) *spec {
	s := &spec{
		kind: pick(r, []string{"compute", "effect", "reducer", "orchestrator"}), typeName: "Order", emits: map[string][]string{},
		payload: []property{{"amount", "type: integer", false}, {"note", "type: string", true}},
	}
	for range 1 + r.IntN(3) {
		s.addInput(r)
	}
	for range r.IntN(3) {
		s.addEvent(r)
	}
	s.settings = []property{{name: "limit", schema: "type: integer, default: 3"}}
	s.requires = []string{"gateway"}
	s.steps = []string{"first"}
	return s
}

func (s *spec) addInput(r *rand.Rand) {
	m := message{pick(r, words()) + "-order", 1 + r.IntN(3)}
	if !s.has(m) {
		s.inputs = append(s.inputs, m)
	}
}

func (s *spec) addEvent(r *rand.Rand) {
	m := message{pick(r, words()) + "-done", 1 + r.IntN(3)}
	if s.has(m) {
		return
	}
	s.events = append(s.events, m)
	in := pick(r, s.inputs).String()
	s.emits[in] = append(s.emits[in], m.String())
}

func (s *spec) has(m message) bool {
	return slices.Contains(s.inputs, m) || slices.Contains(s.events, m)
}

// clone returns a copy that edits do not share with s.
func (s *spec) clone() *spec {
	c := *s
	c.inputs, c.events = slices.Clone(s.inputs), slices.Clone(s.events)
	c.settings, c.requires = slices.Clone(s.settings), slices.Clone(s.requires)
	c.payload, c.steps = slices.Clone(s.payload), slices.Clone(s.steps)
	c.emits = map[string][]string{}
	for k, v := range s.emits {
		c.emits[k] = slices.Clone(v)
	}
	return &c
}

// edit changes the contract in one random way and says how.
func (s *spec) edit(r *rand.Rand) string {
	list := []struct {
		name string
		do   func(*rand.Rand)
	}{
		{"another input", s.addInput},
		{"another event", s.addEvent},
		{"an input is gone", func(r *rand.Rand) { s.dropInput(r.IntN(len(s.inputs))) }},
		{"an input has another version", func(r *rand.Rand) { s.renameInput(r, func(m message) message { m.version += 3; return m }) }},
		{"an input has another name", func(r *rand.Rand) { s.renameInput(r, func(m message) message { m.name = "re" + m.name; return m }) }},
		{"an event is gone", func(*rand.Rand) { s.dropEvent() }},
		{"the type has another name", func(*rand.Rand) { s.typeName += "Form" }},
		{"a property is gone", func(*rand.Rand) { s.payload = s.payload[:1] }},
		{"another property", func(*rand.Rand) { s.payload = with(s.payload, property{"extra", "type: boolean", false}) }},
		{"a property is optional now", func(*rand.Rand) { s.payload[0].optional = !s.payload[0].optional }},
		{"a property has another type", func(*rand.Rand) { s.payload[0].schema = "type: string" }},
		{"a setting is gone", func(*rand.Rand) { s.settings = nil }},
		{"another setting", func(*rand.Rand) {
			s.settings = with(s.settings, property{name: "pause", schema: "type: string, format: duration, default: 1s"})
		}},
		{"a setting has another type", func(*rand.Rand) { s.settings = []property{{name: "limit", schema: "type: string, default: '3'"}} }},
		{"a requirement is gone", func(*rand.Rand) { s.requires = nil }},
		{"another requirement", func(*rand.Rand) { s.requires = with(s.requires, "store") }},
		{"another kind", func(r *rand.Rand) { s.kind = pick(r, []string{"compute", "effect", "reducer", "orchestrator"}) }},
		{"another step", func(*rand.Rand) { s.steps = append(s.steps, fmt.Sprintf("step%d", len(s.steps))) }},
		{"a step has another name", func(*rand.Rand) { s.steps[0] = "re" + s.steps[0] }},
	}
	e := pick(r, list)
	e.do(r)
	return e.name
}

// with appends what is not there yet.
func with[T comparable](list []T, v T) []T {
	if slices.Contains(list, v) {
		return list
	}
	return append(list, v)
}

func (s *spec) dropInput(i int) {
	if len(s.inputs) == 1 {
		return
	}
	gone := s.inputs[i].String()
	s.inputs = slices.Delete(s.inputs, i, i+1)
	next := s.inputs[0].String()
	for _, e := range s.emits[gone] {
		if !slices.Contains(s.emits[next], e) {
			s.emits[next] = append(s.emits[next], e)
		}
	}
	delete(s.emits, gone)
}

func (s *spec) renameInput(r *rand.Rand, f func(message) message) {
	i := r.IntN(len(s.inputs))
	now := f(s.inputs[i])
	if s.has(now) {
		return
	}
	s.emits[now.String()] = s.emits[s.inputs[i].String()]
	delete(s.emits, s.inputs[i].String())
	s.inputs[i] = now
}

func (s *spec) dropEvent() {
	if len(s.events) == 0 {
		return
	}
	gone := s.events[0].String()
	s.events = s.events[1:]
	for in, list := range s.emits {
		s.emits[in] = slices.DeleteFunc(list, func(e string) bool { return e == gone })
	}
}

// yaml renders the contract of node shop.
func (s *spec) yaml() string {
	var b strings.Builder
	fmt.Fprintf(&b, "omninode: 1\nnode: shop\nversion: 1.0.0\nkind: %s\n", s.kind)
	inputs, events := s.inputs, s.events
	if s.kind == "orchestrator" {
		inputs, events = s.inputs[:1], []message{{"all-done", 1}, {"all-failed", 1}}
	}
	s.messages(&b, "commands", inputs)
	s.messages(&b, "events", events)
	switch s.kind {
	case "reducer":
		s.reducer(&b)
	case "orchestrator":
		s.workflow(&b)
	default:
		b.WriteString("handles:\n")
		for _, in := range inputs {
			fmt.Fprintf(&b, "  %s: {%s}\n", in, emitsKey(s.emits[in.String()]))
		}
	}
	if len(s.settings) > 0 {
		b.WriteString("config:\n")
		for _, p := range s.settings {
			fmt.Fprintf(&b, "  %s: {%s}\n", p.name, p.schema)
		}
	}
	if len(s.requires) > 0 && s.kind != "compute" {
		b.WriteString("requires:\n")
		for _, name := range s.requires {
			fmt.Fprintf(&b, "  %s: %s\n", name, strings.ToUpper(name[:1])+name[1:])
		}
	}
	s.types(&b)
	return b.String()
}

func (s *spec) messages(b *strings.Builder, section string, list []message) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(b, "%s:\n", section)
	var names []string
	for _, m := range list {
		if !slices.Contains(names, m.name) {
			names = append(names, m.name)
		}
	}
	for _, name := range names {
		fmt.Fprintf(b, "  %s:\n    external: true\n", name)
		for _, m := range list {
			if m.name == name {
				fmt.Fprintf(b, "    v%d: {key: id, data: %s}\n", m.version, s.typeName)
			}
		}
	}
}

func emitsKey(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return "emits: [" + strings.Join(list, ", ") + "]"
}

func (s *spec) reducer(b *strings.Builder) {
	b.WriteString("state: {key: id, data: State}\nmachine:\n  initial: new\n  transitions:\n")
	for _, in := range s.inputs {
		emits := emitsKey(s.emits[in.String()])
		if emits != "" {
			emits = ", " + emits
		}
		fmt.Fprintf(b, "    - {input: %s, from: new, to: new%s}\n", in, emits)
	}
}

func (s *spec) workflow(b *strings.Builder) {
	fmt.Fprintf(b, "workflow:\n  start: %s\n  steps:\n", s.inputs[0])
	for i, step := range s.steps {
		fmt.Fprintf(b, "    %s: {send: other/ask.v%d, success: [other/answer.v%d], failure: [other/refusal.v%d]}\n", step, i+1, i+1, i+1)
	}
	b.WriteString("  completed: all-done.v1\n  failed: all-failed.v1\n")
}

func (s *spec) types(b *strings.Builder) {
	required := []string{"id"}
	for _, p := range s.payload {
		if !p.optional {
			required = append(required, p.name)
		}
	}
	fmt.Fprintf(b, "types:\n  %s:\n    type: object\n    required: [%s]\n    properties:\n      id: {type: string, format: uuid}\n", s.typeName, strings.Join(required, ", "))
	for _, p := range s.payload {
		fmt.Fprintf(b, "      %s: {%s}\n", p.name, p.schema)
	}
	if s.kind == "reducer" {
		b.WriteString("  State: {type: object, required: [id], properties: {id: {type: string, format: uuid}}}\n")
	}
}

// other renders the contract of a node that answers the steps of shop.
func (s *spec) other() string {
	var versions, ask, answers, refusals string
	for i := range s.steps {
		versions += fmt.Sprintf("  ask.v%d: {emits: [answer.v%d, refusal.v%d]}\n", i+1, i+1, i+1)
		v := fmt.Sprintf("    v%d: {key: id, data: Job}\n", i+1)
		ask, answers, refusals = ask+v, answers+v, refusals+v
	}
	return "omninode: 1\nnode: other\nversion: 1.0.0\nkind: compute\ncommands:\n  ask:\n    external: true\n" + ask +
		"events:\n  answer:\n    external: true\n" + answers + "  refusal:\n    external: true\n" + refusals + "handles:\n" + versions +
		"types:\n  Job: {type: object, required: [id], properties: {id: {type: string, format: uuid}}}\n"
}
