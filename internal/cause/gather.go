package cause

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// gathering collects the records of one tree. What it keeps is bounded by the size of the tree, however
// much it reads.
type gathering struct {
	fleet  *Fleet
	limits Limits
	topics []string

	wanted      map[string]bool // ids that were asked for, or that are the cause of something here
	correlation string          // "": not known yet
	traces      map[string]*trace
	letters     map[Place]bool // that were taken
	records     int
	whole       bool
	truncated   bool
	grew        bool // the last reading found what another may find more of
}

// maxReadings bounds how often the log is read. A tree whose events share one correlation id takes one or
// two; each break in it may take one more.
const maxReadings = 12

// gather reads the log until nothing belongs to the tree of an event any more.
func (f *Fleet) gather(ctx context.Context, id string, l Limits) (*gathering, error) {
	l.Records = cmp.Or(l.Records, defaultRecords)
	g := &gathering{
		fleet: f, limits: l, topics: f.topics(), wanted: map[string]bool{id: true},
		traces: map[string]*trace{}, letters: map[Place]bool{},
	}
	for range maxReadings {
		g.grew = false
		before := g.correlation
		var err error
		if g.whole, err = f.log.ReadSince(ctx, g.topics, l.Since, g.take); err != nil {
			return nil, logged(err)
		}
		g.ask(id)
		if g.truncated || !g.again(before) {
			break
		}
	}
	return g, nil
}

// ask adds what is wanted next: the correlation id of what was asked for, and causes that are not here.
func (g *gathering) ask(id string) {
	if t := g.traces[id]; t != nil && g.correlation == "" {
		g.correlation = t.correlation
	}
	g.fired()
	for _, t := range g.traces {
		if t.causation != "" && g.traces[t.causation] == nil && !g.wanted[t.causation] {
			g.wanted[t.causation], g.grew = true, true
		}
	}
}

// How far timers are looked for that are the cause of something: so many in a row, each of which led to
// nothing but the next, and about so many ids in total. Attempts at one thing may be more.
const (
	maxTimers   = 3
	maxAttempts = 100
	maxDerived  = 200_000
)

// fired adds the timers that are the cause of something here. No topic holds them, but their ids follow
// from the event that set them.
func (g *gathering) fired() {
	missing := map[string]bool{}
	for _, t := range g.traces {
		if t.causation != "" && g.traces[t.causation] == nil {
			missing[t.causation] = true
		}
	}
	var set []setTimer
	for _, id := range keysOf(g.traces) {
		for _, n := range g.traces[id].orchestrators() {
			set = append(set, timersAfter(n, setTimer{id: id})...)
		}
	}
	pending := map[string]setTimer{}
	for len(set) > 0 && len(missing) > 0 {
		s := set[0]
		pending[s.id] = s
		if missing[s.id] {
			for at := s; at.node != nil && g.traces[at.id] == nil; at = pending[at.cause] {
				g.addTimer(at)
			}
			delete(missing, s.id)
		}
		if set = set[1:]; len(pending)+len(set) < maxDerived {
			set = append(set, timersAfter(s.node, s)...)
		}
	}
}

// orchestrators returns the nodes that may have set timers because of an event.
func (t *trace) orchestrators() (nodes []*node) {
	for _, h := range t.inputs {
		if len(h.node.timers) > 0 && !slices.Contains(nodes, h.node) {
			nodes = append(nodes, h.node)
		}
	}
	if t.timerOf != nil {
		nodes = append(nodes, t.timerOf)
	}
	return nodes
}

// timersAfter returns the timers that a node may have set because of an event or of a timer.
func timersAfter(n *node, s setTimer) (list []setTimer) {
	for _, name := range n.timers {
		again := name == retryTimer && s.name == retryTimer && s.depth < maxAttempts
		asked := strings.HasPrefix(name, engine.AskPrefix) && s.depth > 0 // only ever of the event that began an instance
		if (s.depth < maxTimers || again) && !asked {
			list = append(list, setTimer{id: engine.TimerID(n.name, name, s.id), node: n, name: name, cause: s.id, depth: s.depth + 1})
		}
	}
	return list
}

// setTimer is a timer that an event may have set.
type setTimer struct {
	id, name, cause string
	node            *node
	depth           int // timers up to it
}

func (g *gathering) addTimer(s setTimer) {
	t := &trace{id: s.id, typ: s.name, source: event.Source(s.node.name), causation: s.cause, class: timerClass, timerOf: s.node}
	if cause := g.traces[s.cause]; cause != nil {
		t.correlation, t.workflow, t.key = cause.correlation, cause.workflow, cause.key
	}
	g.traces[s.id] = t
}

// timerClass is what stands in place of a topic's class for a timer.
const timerClass event.Class = "timer"

// again reports whether another reading could find more: a root's own reading found all of it, since what
// follows from it carries its id.
func (g *gathering) again(before string) bool {
	switch {
	case len(g.traces) == 0:
		return false
	case before == "" && g.correlation != "" && !g.wanted[g.correlation]:
		return true
	}
	return g.grew
}

// take keeps a record that belongs to the tree.
func (g *gathering) take(r engine.Record) {
	h := headsOf(r)
	id := h.id
	switch {
	case len(h.correlation) > 0 && (string(h.correlation) == g.correlation || g.correlation == "" && g.wanted[string(h.correlation)]):
	case len(id) > 0 && g.wanted[string(id)]:
	case len(h.causation) > 0 && (g.traces[string(h.causation)] != nil || g.wanted[string(h.causation)]):
	case len(id) == 0 && g.wanted[origin(r).String()]:
	default:
		return
	}
	if g.records >= g.limits.Records {
		g.truncated = true
		return
	}
	g.add(r, h)
}

// origin returns where a record was first: a dead letter's is not where it is.
func origin(r engine.Record) engine.Place {
	if l, err := engine.ReadLetter(r); err == nil {
		return l.Origin
	}
	return r.Place()
}

func (g *gathering) add(r engine.Record, h heads) {
	topic, _ := event.ParseTopic(r.Topic)
	if topic.Class == event.DeadLetter || topic.Class == event.Replay {
		g.became(r, h, topic)
		return
	}
	id := idOf(h, r.Place())
	t := g.traces[id]
	if t == nil || t.gone {
		fresh := g.fleet.traceOf(r)
		if t != nil {
			fresh.letters, fresh.replays = t.letters, t.replays
		}
		t = fresh
		g.learn(t)
	}
	for _, p := range t.places {
		if p == placeOf(r) {
			return
		}
	}
	g.records++
	t.places = append(t.places, placeOf(r))
	g.fleet.read(t, r)
}

// learn adds an event. What followed from one of another correlation may have been passed over before.
func (g *gathering) learn(t *trace) {
	known := t.correlation == g.correlation || g.correlation == "" && g.wanted[t.correlation]
	g.traces[t.id] = t
	g.grew = g.grew || !known
}

// became adds what a dead letter or a replay says of an event.
func (g *gathering) became(r engine.Record, h heads, topic event.Topic) {
	at := placeOf(r)
	if g.letters[at] {
		return
	}
	g.letters[at] = true
	g.records++
	if topic.Class == event.DeadLetter {
		g.letter(r, h, topic, &at)
		return
	}
	from := r
	from.Topic = cmp.Or(header(r, engine.ReplayTopic), r.Topic)
	t := g.known(from, h)
	t.replays = append(t.replays, replay{node: topic.Ref.Node, by: header(r, engine.ReplayBy), at: at, time: timeOf(header(r, engine.ReplayTime))})
}

// letter adds a dead letter, which is nowhere yet if at is nil. What is none is a mark that a person left.
func (g *gathering) letter(r engine.Record, h heads, topic event.Topic, at *Place) {
	l, err := engine.ReadLetter(r)
	if err != nil {
		return
	}
	t := g.known(l.Original(), h)
	l.Record = engine.Record{}
	t.letters = append(t.letters, letter{node: cmp.Or(l.Node, topic.Ref.Node), at: at, letter: l})
}

// known returns the event that a dead letter or a replay is of. It may not be in the log any more: then
// this is what is known of it.
func (g *gathering) known(original engine.Record, h heads) *trace {
	if t := g.traces[idOf(h, original.Place())]; t != nil {
		return t
	}
	t := g.fleet.traceOf(original)
	t.gone = true
	g.learn(t)
	return t
}
