package simulation

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// outside is who sends to the fleet from outside, and who answers to commands that it sends there.
type outside struct {
	*world

	roots   []root
	answers map[string][]answer // to a command, by its topic
	waiting []engine.Outgoing   // answers that were not given yet
	known   map[string]bool     // ids of commands that were answered
	sent    int
	crowd   int               // how many records may wait before more come
	recent  []engine.Outgoing // that may come a second time
}

// root is an input that comes from outside.
type root struct {
	input  engine.Input
	sample Sample
	often  bool // the same key comes again
}

// answer is how somebody outside answers to a command.
type answer struct {
	typ    event.Ref
	class  event.Class
	sample Sample
	fails  bool
	step   string   // that it belongs to, if not to the command's
	then   []answer // what comes after it
}

func newOutside(w *world) *outside {
	o := &outside{world: w, crowd: []int{200, 40, 8}[w.d.choose(3)], answers: map[string][]answer{}, known: map[string]bool{}}
	made, answered := map[event.Ref]bool{}, map[event.Ref]bool{}
	for _, n := range w.fleet.Nodes {
		for _, out := range n.Outputs {
			made[out.Type] = true
		}
	}
	for _, n := range w.nodes {
		o.peers(n, made, answered)
	}
	for _, n := range w.nodes {
		for _, in := range n.def.Inputs {
			sample, known := w.fleet.Inputs[in.Type]
			if known && !made[in.Type] && !answered[in.Type] {
				o.roots = append(o.roots, root{in, sample, n.def.Workflow == nil})
			}
		}
	}
	return o
}

// peers finds the commands of a workflow that nobody of the fleet handles: they are answered from here. So
// are steps that come after such a one and only wait.
func (o *outside) peers(n *node, made, answered map[event.Ref]bool) {
	if n.def.Workflow == nil {
		return
	}
	for _, s := range n.def.Workflow.Steps {
		topic := event.Topic{Class: event.Command, Ref: s.Send}.String()
		if s.Send.IsZero() || o.log.watched[topic] > 0 {
			continue
		}
		for i, t := range slices.Concat(s.Success, s.Failure) {
			if made[t] {
				continue
			}
			answered[t] = true
			a := answer{typ: t, class: classOf(n, t), sample: o.fleet.Inputs[t], fails: i >= len(s.Success)}
			if !a.fails {
				a.then = o.waits(n, s.Name, made, answered)
			}
			o.answers[topic] = append(o.answers[topic], a)
		}
	}
}

// waits returns what the steps wait for that come after one and send nothing themselves.
func (o *outside) waits(n *node, after string, made, answered map[event.Ref]bool) []answer {
	var list []answer
	for _, s := range n.def.Workflow.Steps {
		if s.Send.IsZero() && len(s.Success) > 0 && slices.Contains(s.After, after) && !made[s.Success[0]] {
			t := s.Success[0]
			answered[t] = true
			list = append(list, answer{typ: t, class: classOf(n, t), sample: o.fleet.Inputs[t], step: s.Name})
		}
	}
	return list
}

func classOf(n *node, t event.Ref) event.Class {
	for _, in := range n.def.Inputs {
		if in.Type == t {
			return in.Class
		}
	}
	return event.Event
}

// done reports whether no more comes from outside.
func (o *outside) done() bool { return o.log.count >= o.cfg.Records }

// collect offers what may come from outside.
func (o *outside) collect() {
	if !o.done() && (o.log.unsettled < o.crowd || len(o.options) == 0) {
		o.offer(o, "outside", "sends", place{}, o.send)
	}
	if len(o.waiting) > 0 {
		o.offer(&o.waiting, "outside", "answers", place{}, o.reply)
	}
}

// send lets some records come in.
func (o *outside) send() {
	for range o.d.size(min(8, o.cfg.Records-o.log.count)) {
		r := o.roots[o.d.choose(len(o.roots))]
		key := o.sent
		if r.often {
			key = o.sent % 40
		}
		id := derived("event", o.sent)
		e := event.Envelope{
			ID: id, Source: "onex://outside", Type: r.input.Type, Time: o.now,
			DataContentType: "application/json", DataSchema: event.DataSchema(r.input.Type), CorrelationID: id, CausationID: id,
		}
		e.Data, e.PartitionKey = r.sample.make(key, o.sent)
		out := engine.Outgoing{Topic: r.input.Topic().String(), Key: e.PartitionKey, Headers: e.Headers(), Value: e.Data}
		o.sent++
		o.arrive(out)
		if o.recent = append(o.recent, out); len(o.recent) > 50 {
			o.recent = o.recent[1:]
		}
	}
}

func (o *outside) arrive(out engine.Outgoing) {
	got := o.log.append(out, nil)
	o.note(func() string {
		return "to " + place{out.Topic, got.Partition}.String() + " as " + itoa(got.Offset) + ", key " + out.Key
	})
}

// seen is told of every record that the fleet has sent, and prepares an answer if nobody else gives one.
func (o *outside) seen(r engine.Outgoing) {
	list := o.answers[r.Topic]
	if len(list) == 0 {
		return
	}
	e, err := event.Decode(r.Headers, r.Value)
	if err != nil || o.known[e.ID] {
		return
	}
	o.known[e.ID] = true
	a := list[int(e.ID[0]+e.ID[1])%len(list)] // the same answer in every run
	if a.fails && e.ID[2]%4 != 0 {
		a = list[0]
	}
	for i, one := range append([]answer{a}, a.then...) {
		data, key := one.sample.keyed(e.PartitionKey)
		back := e.Effect("outside", one.typ, i, key, data, o.now)
		back.StepID = cmp.Or(one.step, back.StepID)
		o.waiting = append(o.waiting, engine.Outgoing{
			Topic: event.Topic{Class: one.class, Ref: one.typ}.String(), Key: key, Headers: back.Headers(), Value: data,
		})
	}
}

// reply lets one answer come in.
func (o *outside) reply() {
	i := o.d.choose(len(o.waiting))
	out := o.waiting[i]
	o.waiting = slices.Delete(o.waiting, i, i+1)
	o.arrive(out)
}

// again lets a record come a second time.
func (o *outside) again() bool {
	if len(o.recent) == 0 {
		return false
	}
	o.arrive(o.recent[len(o.recent)-1-o.d.choose(len(o.recent))])
	return true
}

// make returns a payload of a key, and the key. What varies besides is that of the n-th record.
func (s Sample) make(key, n int) ([]byte, string) {
	var object map[string]json.RawMessage
	if json.Unmarshal(s.Data, &object) != nil {
		return s.Data, ""
	}
	for _, name := range s.Vary {
		object[name] = another(object[name], n)
	}
	if slices.Contains(s.Vary, s.Key) {
		object[s.Key] = another(object[s.Key], key)
	}
	data, _ := json.Marshal(object)
	return data, textOf(object[s.Key])
}

// keyed returns the payload with another key.
func (s Sample) keyed(key string) ([]byte, string) {
	var object map[string]json.RawMessage
	if json.Unmarshal(s.Data, &object) != nil {
		return s.Data, key
	}
	if old := object[s.Key]; len(old) > 0 && old[0] == '"' {
		object[s.Key], _ = json.Marshal(key)
	}
	data, _ := json.Marshal(object)
	return data, textOf(object[s.Key])
}

// another returns a value like one of a sample: a UUID, a number or a short text.
func another(like json.RawMessage, n int) json.RawMessage {
	text := textOf(like)
	if len(like) > 0 && like[0] != '"' {
		return json.RawMessage(strconv.Itoa(n + 1))
	}
	if uuid.Validate(text) == nil {
		return json.RawMessage(`"` + derived("key", n) + `"`)
	}
	return json.RawMessage(fmt.Sprintf(`"k%d"`, n))
}

func textOf(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}

// derived returns the n-th UUID of a kind.
func derived(kind string, n int) string {
	return event.DeriveID("simulation", kind, event.Ref{}, n)
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
