package omnibase

import (
	"cmp"
	"encoding/json"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/omninode-ai/omninode/contract"
)

// page is a contract as text.
type page struct {
	b    strings.Builder
	bare bool // without comments
}

// line writes a key with its value, which may be empty, and a comment, which may be empty too.
func (w *page) line(depth int, key, value, comment string) {
	w.b.WriteString(strings.Repeat("  ", depth) + key + ":")
	if value != "" {
		w.b.WriteString(" " + value)
	}
	if comment = line(comment); comment != "" && !w.bare {
		w.b.WriteString(" # " + comment)
	}
	w.b.WriteByte('\n')
}

func (w *page) comment(text string) {
	if !w.bare {
		w.b.WriteString("# " + line(text) + "\n")
	}
}

// widest is the length of a line that is still read at once.
const widest = 110

// description writes a text, folded if it is long.
func (w *page) description(depth int, text string) {
	if text == "" {
		return
	}
	if len(text) < widest-20 {
		w.line(depth, "description", quote(text), "")
		return
	}
	w.line(depth, "description", ">-", "")
	indent := strings.Repeat("  ", depth+1)
	row := ""
	for word := range strings.FieldsSeq(text) {
		if row != "" && len(indent)+len(row)+1+len(word) > widest {
			w.b.WriteString(indent + row + "\n")
			row = ""
		}
		row = strings.TrimPrefix(row+" "+word, " ")
	}
	w.b.WriteString(indent + row + "\n")
}

var plain = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./()-]*( [A-Za-z0-9_./()-]+)*$`)

// quote writes a text as YAML: plain if it cannot be mistaken for anything else.
func quote(s string) string {
	if plain.MatchString(s) && !keyword(s) {
		return s
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return `""`
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// flow writes pairs in one line.
func flow(pairs []pair) string {
	parts := make([]string, len(pairs))
	for i, p := range pairs {
		parts[i] = p.key + ": " + p.text
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func list(items []string) string { return "[" + strings.Join(items, ", ") + "]" }

// write writes a draft as a contract.
func (d *draft) write(bare bool) []byte {
	d.markUsed()
	w := &page{bare: bare}
	d.writeHead(w)
	d.writeMessages(w)
	switch {
	case d.workflow != nil:
		d.writeWorkflow(w)
	case d.machine != nil:
		d.writeMachine(w)
	default:
		d.writeHandles(w)
	}
	for _, s := range []struct {
		key  string
		list []entry
	}{{"config", d.config}, {"secrets", d.secrets}, {"requires", d.requires}, {"health", d.health}, {"flags", d.flags}} {
		writeEntries(w, s.key, s.list)
	}
	d.writeTypes(w)
	return []byte(w.b.String())
}

func (d *draft) writeHead(w *page) {
	name := path.Base(strings.ReplaceAll(d.src.report.Name, `\`, "/"))
	if d.at.path == "" {
		w.comment("Imported from " + name + ".")
	} else {
		w.comment("Stands for a step of " + name + ", line " + strconv.Itoa(d.at.at.Line) + ": replace it by the node that does it.")
	}
	w.line(0, "omninode", strconv.Itoa(contract.Format), "")
	w.line(0, "node", d.name, "")
	w.line(0, "version", d.version, "")
	w.line(0, "kind", string(d.kind), "")
	w.description(0, d.description)
	if len(d.capabilities) > 0 {
		w.line(0, "capabilities", list(slices.Sorted(slices.Values(d.capabilities))), "")
	}
}

func (d *draft) writeMessages(w *page) {
	var commands []*port
	for _, p := range d.inputs {
		if p.owns() {
			commands = append(commands, p)
		}
	}
	writeClass(w, "commands", commands, func(p *port) bool { return !p.sent })
	writeClass(w, "events", d.outputs, func(p *port) bool { return !p.wanted })
}

// writeClass writes commands or events, all versions of one under its name.
func writeClass(w *page, key string, ports []*port, external func(p *port) bool) {
	if len(ports) == 0 {
		return
	}
	w.line(0, key, "", "")
	ports = sortPorts(ports)
	for i := 0; i < len(ports); {
		n := i + 1
		for n < len(ports) && ports[n].name == ports[i].name {
			n++
		}
		versions := ports[i:n]
		w.line(1, ports[i].name, "", "")
		if slices.ContainsFunc(versions, external) {
			w.line(2, "external", "true", "")
		}
		for _, p := range versions {
			if p.description != "" {
				w.description(2, p.description)
				break
			}
		}
		for _, p := range versions {
			w.line(2, "v"+strconv.Itoa(p.topic.version), flow(p.pairs()), p.origin())
		}
		i = n
	}
}

func (p *port) pairs() []pair {
	pairs := []pair{{"key", p.node.key}, {"data", p.record.name}}
	if p.partitions != "" {
		pairs = append(pairs, pair{"partitions", p.partitions})
	}
	if p.retention != "" {
		pairs = append(pairs, pair{"retention", p.retention})
	}
	return pairs
}

// origin says what the source calls a message.
func (p *port) origin() string {
	if p.at == nil {
		return ""
	}
	return p.raw + ", line " + strconv.Itoa(p.at.at.Line)
}

func refs(ports []*port, from *draft) []string {
	var names []string
	for _, p := range ports {
		if r := p.ref(from); !slices.Contains(names, r) {
			names = append(names, r)
		}
	}
	slices.Sort(names)
	return names
}

// inputRefs returns how a node refers to what arrives at an input.
func (p *port) inputRefs() []string {
	if p.owns() {
		return []string{p.ref(p.node)}
	}
	return refs(p.links, p.node)
}

func (d *draft) writeHandles(w *page) {
	w.line(0, "handles", "", "")
	seen := map[string]bool{}
	for _, p := range sortPorts(d.inputs) {
		for _, ref := range p.inputRefs() {
			if seen[ref] {
				continue
			}
			seen[ref] = true
			d.writeHandle(w, p, ref)
		}
	}
}

func (d *draft) writeHandle(w *page, p *port, ref string) {
	var pairs []pair
	if emits := refs(p.allOutputs(), d); len(emits) > 0 {
		pairs = append(pairs, pair{"emits", list(emits)})
	}
	if d.kind == contract.Effect {
		if k := cmp.Or(p.policy.idempotencyKey, d.policy.idempotencyKey); k != "" && p.canKey(k) {
			pairs = append(pairs, pair{"idempotency_key", k})
		}
		if t := cmp.Or(p.policy.timeout, d.policy.timeout); t != "" {
			pairs = append(pairs, pair{"timeout", t})
		}
		if len(d.policy.retry) > 0 {
			pairs = append(pairs, pair{"retry", flow(d.policy.retry)})
		}
		if len(d.policy.breaker) > 0 {
			pairs = append(pairs, pair{"breaker", flow(d.policy.breaker)})
		}
	}
	if text := flow(pairs); len(text)+len(ref) < widest {
		w.line(1, ref, text, "")
		return
	}
	w.line(1, ref, "", "")
	for _, p := range pairs {
		w.line(2, p.key, p.text, "")
	}
}

// canKey tells whether a property of all that arrives at an input can be its idempotency key.
func (p *port) canKey(property string) bool {
	records := []*record{p.record}
	if !p.owns() {
		records = nil
		for _, o := range p.links {
			records = append(records, o.record)
		}
	}
	return !slices.ContainsFunc(records, func(r *record) bool {
		f := r.field(property)
		return f == nil || !f.required || !keyable(f)
	})
}

func (d *draft) writeMachine(w *page) {
	m := d.machine
	w.line(0, "state", flow([]pair{{"key", d.key}, {"data", d.state.name}}), "")
	w.line(0, "machine", "", "")
	w.line(1, "initial", m.initial, m.notes[m.initial])
	if len(m.final) > 0 {
		w.line(1, "final", list(m.final), "")
	}
	w.line(1, "transitions", "", "")
	for _, t := range m.transitions {
		for _, ref := range t.input.inputRefs() {
			pairs := []pair{{"input", ref}, {"from", t.from[0]}, {"to", t.to}}
			if len(t.from) > 1 {
				pairs[1].text = list(t.from)
			}
			if t.guard != "" {
				pairs = append(pairs, pair{"guard", t.guard})
			}
			if emits := refs(t.emits, d); len(emits) > 0 {
				pairs = append(pairs, pair{"emits", list(emits)})
			}
			note := ""
			if t.at != nil && !w.bare {
				note = " # " + cmp.Or(line(t.at.get("description").text()), "line "+strconv.Itoa(t.at.at.Line))
			}
			w.b.WriteString("    - " + flow(pairs) + note + "\n")
		}
	}
}

func (d *draft) writeWorkflow(w *page) {
	f := d.workflow
	w.line(0, "workflow", "", "")
	w.line(1, "start", f.start.ref(d), "")
	w.line(1, "steps", "", "")
	for _, s := range f.steps {
		w.line(2, s.name, "", s.note)
		if len(s.after) > 0 {
			w.line(3, "after", list(s.after), "")
		}
		if s.send != nil {
			w.line(3, "send", s.send.ref(d), "")
		}
		w.line(3, "success", list(refs(s.success, d)), "")
		if s.undo != nil {
			w.line(3, "undo", s.undo.ref(d), "")
		}
		if f.timeout != "" {
			w.line(3, "timeout", f.timeout, "")
		}
	}
	w.line(1, "completed", f.completed.ref(d), "")
	w.line(1, "failed", f.failed.ref(d), "")
}

func writeEntries(w *page, key string, entries []entry) {
	if len(entries) == 0 {
		return
	}
	w.line(0, key, "", "")
	for _, e := range slices.SortedFunc(slices.Values(entries), func(a, b entry) int { return cmp.Compare(a.key, b.key) }) {
		w.line(1, e.key, cmp.Or(e.text, flow(e.pairs)), e.note)
	}
}

// markUsed finds the types that messages and the state need.
func (d *draft) markUsed() {
	for _, r := range d.records {
		r.used = false
	}
	for _, p := range d.inputs {
		if p.owns() {
			p.record.use()
		}
	}
	for _, p := range d.outputs {
		p.record.use()
	}
	if d.state != nil && d.machine != nil {
		d.state.use()
	}
}

func (r *record) use() {
	if r.used {
		return
	}
	r.used = true
	for _, f := range r.fields {
		if f.ref != nil {
			f.ref.use()
		}
	}
}

func (d *draft) writeTypes(w *page) {
	w.line(0, "types", "", "")
	for _, r := range slices.SortedFunc(slices.Values(d.records), func(a, b *record) int { return cmp.Compare(a.name, b.name) }) {
		if !r.used {
			continue
		}
		w.line(1, r.name, "", r.model)
		w.line(2, "type", "object", "")
		w.description(2, r.description)
		var required []string
		for _, f := range r.fields {
			if f.required {
				required = append(required, f.name)
			}
		}
		if len(required) > 0 {
			w.line(2, "required", list(required), "")
		}
		w.line(2, "properties", "", "")
		for _, f := range r.fields {
			w.line(3, f.name, flow(f.pairs()), f.note)
		}
	}
}

// pairs returns the schema of a property.
func (f *field) pairs() []pair {
	schema := f.schema
	if f.ref != nil {
		schema = []pair{{"$ref", f.ref.name}}
	}
	if f.list {
		schema = []pair{{"type", "array"}, {"items", flow(schema)}}
	}
	if f.description != "" {
		schema = append(slices.Clone(schema), pair{"description", quote(f.description)})
	}
	return schema
}
