package delivery

import (
	"maps"
	"slices"

	"github.com/omninode-ai/omninode/onex/engine"
)

// topicFull is how many refused aggregates of a topic hold up the rest of it: then the topic is at
// fault, and they would only grow in number.
const topicFull = 100

// holds are the aggregates of which a record was refused: nothing more of them is sent until the
// broker has it.
type holds map[string]*hold // by topic

type hold struct {
	first map[string]int64 // by key: the record that was refused
	queue []string         // keys, in the order in which they are tried again
	whole bool             // the topic has so many that all of it waits
}

// add holds an aggregate and reports whether it was not held before.
func (h holds) add(a engine.Aggregate, id int64) bool {
	t := h[a.Topic]
	if t == nil {
		t = &hold{first: map[string]int64{}}
		h[a.Topic] = t
	}
	if _, held := t.first[a.Key]; held {
		return false
	}
	t.first[a.Key], t.queue = id, append(t.queue, a.Key)
	t.whole = t.whole || len(t.first) >= topicFull
	return true
}

// release ends the hold of an aggregate, and that of its topic as a whole.
func (h holds) release(a engine.Aggregate) {
	t := h[a.Topic]
	delete(t.first, a.Key)
	t.queue = slices.DeleteFunc(t.queue, func(key string) bool { return key == a.Key })
	t.whole = false
	if len(t.first) == 0 {
		delete(h, a.Topic)
	}
}

// last makes an aggregate the last of its topic to be tried again.
func (h holds) last(a engine.Aggregate) {
	t := h[a.Topic]
	t.queue = append(slices.DeleteFunc(t.queue, func(key string) bool { return key == a.Key }), a.Key)
}

// trial is the record of a held aggregate that is tried again.
type trial struct {
	engine.Aggregate

	id int64
}

// trials returns what is to be tried again, by topic in order.
func (h holds) trials() [][]trial {
	list := make([][]trial, 0, len(h))
	for _, topic := range slices.Sorted(maps.Keys(h)) {
		t := h[topic]
		trials := make([]trial, 0, len(t.queue))
		for _, key := range t.queue {
			trials = append(trials, trial{engine.Aggregate{Topic: topic, Key: key}, t.first[key]})
		}
		list = append(list, trials)
	}
	return list
}

// skip returns what is not to be read.
func (h holds) skip() (s engine.Except) {
	for topic, t := range h {
		if t.whole {
			s.Topics = append(s.Topics, topic)
			continue
		}
		for key := range t.first {
			s.Aggregates = append(s.Aggregates, engine.Aggregate{Topic: topic, Key: key})
		}
	}
	return s
}
