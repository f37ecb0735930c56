package cause

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/internal/postgres"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// forest puts the events of a tree in order: each below what caused it.
type forest struct {
	*gathering

	rows     footprints
	asked    string
	children map[string][]*trace // by cause
	drawn    map[string]bool
	entries  []Entry
	complete bool
}

func newForest(g *gathering, rows footprints, asked string) *forest {
	f := &forest{gathering: g, rows: rows, asked: asked, children: map[string][]*trace{}, drawn: map[string]bool{}, complete: !g.truncated}
	for _, id := range keysOf(g.traces) {
		if t := g.traces[id]; t.causation != "" && t.causation != id {
			f.children[t.causation] = append(f.children[t.causation], t)
		}
	}
	for _, list := range f.children {
		slices.SortFunc(list, earlier)
	}
	return f
}

// earlier orders events by time, then by where they are.
func earlier(a, b *trace) int {
	if c := a.at.Compare(b.at); c != 0 {
		return c
	}
	if len(a.places) > 0 && len(b.places) > 0 {
		p, q := a.places[0], b.places[0]
		if c := cmp.Or(strings.Compare(p.Topic, q.Topic), cmp.Compare(p.Partition, q.Partition), cmp.Compare(p.Offset, q.Offset)); c != 0 {
			return c
		}
	}
	return strings.Compare(a.id, b.id)
}

// tree draws everything: first what has a root, then what has lost it.
func (f *forest) tree(asked string) *Tree {
	traces := make([]*trace, 0, len(f.traces))
	for _, t := range f.traces {
		traces = append(traces, t)
	}
	slices.SortFunc(traces, earlier)
	for _, t := range traces {
		if t.causation == "" || t.causation == t.id {
			f.grow(t, 0, 0)
		}
	}
	for _, t := range traces {
		if !f.drawn[t.id] && f.traces[t.causation] == nil {
			f.orphans(t.causation)
		}
	}
	for _, t := range traces {
		if !f.drawn[t.id] {
			f.complete = false
			f.grow(t, f.add(0, 0, Entry{Kind: Missing, EventID: t.causation, Did: "the causes of what follows lead back to itself: there is no root"}), 1)
		}
	}
	return &Tree{
		Asked: asked, CorrelationID: f.correlation, Since: f.limits.Since, Whole: f.whole,
		Complete: f.complete, Truncated: f.truncated, Entries: ordered(f.entries),
	}
}

// orphans draws what followed from an event that the log does not hold.
func (f *forest) orphans(cause string) {
	f.complete = false
	why := "its cause is in no topic any more: retention removed it, or it was never sent"
	if !f.whole {
		why = "its cause is in no topic since " + f.limits.Since.UTC().Format(time.RFC3339) + ": it is older, retention removed it, or it was never sent"
	}
	at := f.add(0, 0, Entry{Kind: Missing, EventID: cause, Did: why, Asked: cause == f.asked})
	for _, t := range f.children[cause] {
		f.grow(t, at, 1)
	}
}

func (f *forest) add(parent, depth int, e Entry) int {
	e.ID, e.Parent, e.Depth = len(f.entries)+1, parent, depth
	f.entries = append(f.entries, e)
	return e.ID
}

// grown is an event that waits for its turn, so that a chain as long as a hostile one takes no stack.
type grown struct {
	t             *trace
	parent, depth int
}

// grow draws an event with everything below it.
func (f *forest) grow(t *trace, parent, depth int) {
	todo := []grown{{t, parent, depth}}
	for len(todo) > 0 {
		g := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if g.t == nil || f.drawn[g.t.id] {
			continue
		}
		f.drawn[g.t.id] = true
		todo = f.event(g, todo)
	}
}

// event draws one event and what nodes did with it, and returns what is to be drawn next, last first: what
// a node sent is below what it did.
func (f *forest) event(g grown, todo []grown) []grown {
	id := f.add(g.parent, g.depth, f.entryOf(g.t))
	below := map[string]int{}
	for _, e := range f.deeds(g.t) {
		at := f.add(id, g.depth+1, e)
		if _, known := below[e.Node]; !known || e.Kind == Handled {
			below[e.Node] = at
		}
	}
	for _, child := range slices.Backward(f.children[g.t.id]) {
		node := strings.TrimPrefix(child.source, event.Source(""))
		if at, ok := below[node]; ok && g.t.class != timerClass {
			todo = append(todo, grown{child, at, g.depth + 2})
		} else {
			todo = append(todo, grown{child, id, g.depth + 1})
		}
	}
	return todo
}

// ordered returns entries in the order in which a tree is drawn: each followed by what is below it.
func ordered(entries []Entry) []Entry {
	below := make([][]int, len(entries)+1)
	for i, e := range entries {
		below[e.Parent] = append(below[e.Parent], i)
	}
	renamed := make([]int, len(entries)+1)
	list := make([]Entry, 0, len(entries))
	todo := slices.Clone(below[0])
	slices.Reverse(todo)
	for len(todo) > 0 {
		e := entries[todo[len(todo)-1]]
		todo = todo[:len(todo)-1]
		next := slices.Clone(below[e.ID])
		slices.Reverse(next)
		todo = append(todo, next...)
		renamed[e.ID] = len(list) + 1
		e.ID, e.Parent = len(list)+1, renamed[e.Parent]
		list = append(list, e)
	}
	return list
}

func (f *forest) entryOf(t *trace) Entry {
	e := Entry{
		Kind: Event, Asked: t.id == f.asked, Node: strings.TrimPrefix(t.source, event.Source("")), EventID: t.id,
		Type: t.typ, Key: t.key, CorrelationID: t.correlation, CausationID: t.causation, Time: moment(t.at),
	}
	switch {
	case t.class == timerClass:
		e.Kind, e.Did = Timer, "the timer fired"
	case t.gone:
		e.Did = "the log does not hold it any more"
	case len(t.places) == 0:
		e.Did = "in the outbox"
	}
	if t.class == event.Command {
		e.Kind = Command
	}
	if t.workflow != "" {
		e.Flow = &Step{Instance: t.workflow, Step: t.step}
	}
	if len(t.places) > 0 {
		e.Place, e.Again = &t.places[0], t.places[1:]
	}
	return e
}

func moment(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

// deeds returns what nodes did with an event, in the order of nodes and times.
func (f *forest) deeds(t *trace) []Entry {
	var list []Entry
	done := map[string]bool{}
	for _, h := range t.inputs {
		if done[h.node.name] {
			continue // a resend of the event
		}
		done[h.node.name] = true
		list = append(list, f.deed(t, h)...)
	}
	for _, l := range t.letters {
		if !done[l.node] {
			list = append(list, buried(l))
		}
	}
	return list
}

// deed returns what one node did with an event.
func (f *forest) deed(t *trace, h handle) []Entry {
	var list []Entry
	for _, l := range t.letters {
		if l.node == h.node.name {
			list = append(list, buried(l))
		}
	}
	for _, r := range t.replays {
		if r.node == h.node.name {
			at := r.at
			list = append(list, Entry{Kind: Replay, Node: r.node, Place: &at, Time: moment(r.time), Did: "sent back by " + cmp.Or(r.by, "somebody")})
		}
	}
	slices.SortStableFunc(list, func(a, b Entry) int { return stamp(a).Compare(stamp(b)) })
	rows := f.rows[h.node.name]
	for _, at := range t.places {
		for _, w := range rows.parked[at] {
			list = append(list, parked(h.node.name, w))
		}
	}
	row, handled := rows.handled[postgres.InboxKey{Input: h.input, IdempotencyKey: h.inboxKey}]
	switch {
	case handled && row.EventID == t.id:
		list = append(list, f.handled(t, h, row))
	case handled:
		list = append(list, Entry{Kind: Skipped, Node: h.node.name, Time: moment(row.At.UTC()), Did: "a duplicate of event " + row.EventID})
	case f.sent(t, h.node.name):
		list = append(list, Entry{Kind: Handled, Node: h.node.name, Did: "handled"})
	case len(list) == 0:
		list = append(list, f.untold(t, h))
	}
	for _, p := range rows.timers[t.id] {
		list = append(list, Entry{Kind: Timer, Node: h.node.name, Type: p.Name, Key: p.Key, Time: moment(p.Due.UTC()), Did: "a timer is set"})
	}
	return list
}

func stamp(e Entry) time.Time {
	if e.Time == nil {
		return time.Time{}
	}
	return *e.Time
}

func (f *forest) handled(t *trace, h handle, row postgres.Handled) Entry {
	e := Entry{Kind: Handled, Node: h.node.name, Time: moment(row.At.UTC()), Did: "handled"}
	if row.Version == 0 {
		return e
	}
	rows := f.rows[h.node.name]
	e.State = &StateChange{Key: h.stateKey, Version: row.Version, Current: rows.states[h.stateKey].Version}
	if s, ok := rows.snapshots[t.id]; ok && s.Version == row.Version {
		e.State.Machine = s.Machine
	}
	if now := rows.states[h.stateKey]; now.Version == row.Version {
		e.State.Machine = now.Machine
	}
	return e
}

// sent reports whether a node sent something because of an event.
func (f *forest) sent(t *trace, node string) bool {
	return slices.ContainsFunc(f.children[t.id], func(c *trace) bool { return c.source == event.Source(node) })
}

// untold returns what is known of an event of which a node keeps no trace.
func (f *forest) untold(t *trace, h handle) Entry {
	rows := f.rows[h.node.name]
	next, known := rows.next[postgres.Spot{Topic: h.place.Topic, Partition: h.place.Partition}]
	e := Entry{Kind: Waiting, Node: h.node.name}
	switch {
	case len(t.places) == 0:
		e.Did = "not there yet"
	case !rows.knows:
		e.Did = "not known: this node's schema was not asked"
	case !known || next <= h.place.Offset:
		e.Did = "not handled yet"
	case h.node.kind == contract.Compute:
		e.Kind, e.Did = Handled, "handled, and nothing sent"
	default:
		e.Kind, e.Did = Handled, "handled so long ago that the inbox has forgotten it"
	}
	return e
}

func buried(l letter) Entry {
	d := l.letter
	return Entry{
		Kind: DeadLetter, Node: l.node, Place: l.at, Time: moment(d.Time.UTC()), Did: "given up",
		Letter: &LetterDetail{Class: d.Class, Error: d.Error, Attempts: d.Attempts, Replays: d.Replays},
	}
}

func parked(node string, w postgres.Waiting) Entry {
	e := Entry{Kind: Waiting, Node: node, Time: moment(w.Since.UTC()), Did: fmt.Sprintf("parked as %d", w.ID)}
	e.Parked = &ParkedDetail{ID: w.ID, Reason: w.Reason, Attempts: w.Attempts, Next: moment(w.Next.UTC()), Error: w.Error}
	if w.Next.IsZero() {
		e.Parked.Next = nil
	}
	if w.Reason == engine.Halted {
		e.Did += ", for a person"
	}
	return e
}
