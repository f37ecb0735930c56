package cause

import (
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// trace is an event of a tree: what its headers say, and what nodes know it by. Its payload is not kept.
type trace struct {
	id, typ, source, key   string
	correlation, causation string
	workflow, step         string
	class                  event.Class
	at                     time.Time // zero: not told
	places                 []Place   // none: in an outbox
	inputs                 []handle
	letters                []letter
	replays                []replay
	timerOf                *node // set of a timer
	gone                   bool  // the log does not hold the event itself
}

// handle is an event as one of its consumers reads it.
type handle struct {
	node     *node
	readable bool
	input    string // message type of the inbox
	inboxKey string
	stateKey string
	key      string // of the record
	place    Place
}

// letter is a dead letter of an event.
type letter struct {
	node   string
	at     *Place // nil: in an outbox
	letter engine.Letter
}

// replay is an event that was sent back to a node.
type replay struct {
	node, by string
	at       Place
	time     time.Time
}

// heads is what the headers of a record say that places it in a tree.
type heads struct{ id, correlation, causation []byte }

func headsOf(r engine.Record) (h heads) {
	for _, header := range r.Headers {
		switch header.Key {
		case "ce_id":
			h.id = header.Value
		case "ce_correlationid":
			h.correlation = header.Value
		case "ce_causationid":
			h.causation = header.Value
		}
	}
	return h
}

func header(r engine.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

func placeOf(r engine.Record) Place { return Place{r.Topic, r.Partition, r.Offset} }

// idOf returns the id of a record's event; one whose headers tell none is known by its place.
func idOf(h heads, at engine.Place) string {
	if len(h.id) == 0 {
		return at.String()
	}
	return string(h.id)
}

// traceOf reads an event. Headers that are no envelope are read as far as they go: what was given up has
// a cause as well.
func (f *Fleet) traceOf(r engine.Record) *trace {
	h := headsOf(r)
	t := &trace{
		id: idOf(h, r.Place()), typ: header(r, "ce_type"), source: header(r, "ce_source"), key: r.Key,
		correlation: string(h.correlation), causation: string(h.causation),
		workflow: header(r, "ce_workflowid"), step: header(r, "ce_stepid"), class: event.Event,
	}
	if p, err := event.ParseTopic(r.Topic); err == nil {
		t.class = p.Class
		if t.typ == "" {
			t.typ = p.Ref.String()
		}
	}
	if at, err := time.Parse(time.RFC3339Nano, header(r, "ce_time")); err == nil {
		t.at = at.UTC()
	}
	return t
}

// read adds what the consumers of a record's topic know it by.
func (f *Fleet) read(t *trace, r engine.Record) {
	for _, n := range f.consumers[r.Topic] {
		it := n.core.Open(r)
		t.inputs = append(t.inputs, handle{
			node: n, readable: it.Readable() && storable(it.IdempotencyKey, it.StateKey, r.Key), input: it.Event.Type.String(),
			inboxKey: it.IdempotencyKey, stateKey: it.StateKey, key: r.Key, place: placeOf(r),
		})
	}
}

// storable reports whether a database could hold texts.
func storable(texts ...string) bool {
	return !slices.ContainsFunc(texts, func(s string) bool {
		return !utf8.ValidString(s) || slices.Contains([]byte(s), 0)
	})
}

func keysOf[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
