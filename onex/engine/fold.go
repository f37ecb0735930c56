package engine

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/omninode-ai/omninode/onex/event"
)

// Step is an input that led to a version of its key's state, as the store remembers it.
type Step struct {
	Topic     string
	Partition int32
	Offset    int64
	EventID   string
	Version   int64
	At        time.Time // when it was handled
}

// Range is a part of a partition: offsets From up to, not including, To.
type Range struct {
	Topic     string
	Partition int32
	From, To  int64
}

// Moment is a place in a log: a time, an offset of each partition, or, if it is zero, the beginning or the
// end.
type Moment struct {
	Time   time.Time
	Offset *int64
}

// Fold computes the states of a reducer anew from the inputs that led to them. It calls the handlers, and
// commits and sends nothing. It is not safe for concurrent use.
type Fold struct {
	core     *Core
	handlers map[event.Ref]Handler
	stored   map[string]Stored
	steps    map[place]Step
	keys     map[string]*folded
}

type place struct {
	topic     string
	partition int32
	offset    int64
}

// folded is a key's state as far as its inputs are known.
type folded struct {
	state   Stored
	pending map[int64]Item // by the version that they lead to
	failed  string         // why an input could not be taken
}

// NewFold returns a fold that is compared with what is stored; steps are the inputs that count.
func NewFold(c *Core, handlers map[event.Ref]Handler, stored map[string]Stored, steps []Step) *Fold {
	f := &Fold{core: c, handlers: handlers, stored: stored, steps: make(map[place]Step, len(steps)), keys: map[string]*folded{}}
	for _, s := range steps {
		f.steps[place{s.Topic, s.Partition, s.Offset}] = s
	}
	return f
}

// Ranges returns what of the log is to be added, sorted.
func (f *Fold) Ranges() []Range {
	type partition struct {
		topic  string
		number int32
	}
	ranges := map[partition]Range{}
	for at := range f.steps {
		p := partition{at.topic, at.partition}
		r, known := ranges[p]
		if !known {
			r = Range{Topic: at.topic, Partition: at.partition, From: at.offset}
		}
		r.From, r.To = min(r.From, at.offset), max(r.To, at.offset+1)
		ranges[p] = r
	}
	return slices.SortedFunc(maps.Values(ranges), func(a, b Range) int {
		return bytes.Compare(fmt.Appendf(nil, "%s %8d", a.Topic, a.Partition), fmt.Appendf(nil, "%s %8d", b.Topic, b.Partition))
	})
}

// Add takes a record of the log. One that changed no state, or that is not the one the store remembers
// from its place, does not count.
func (f *Fold) Add(ctx context.Context, r Record) {
	step, ok := f.steps[place{r.Topic, r.Partition, r.Offset}]
	if !ok {
		return
	}
	it := f.core.Open(r)
	if it.Event.ID != step.EventID {
		return
	}
	k := f.keys[it.StateKey]
	if k == nil {
		k = &folded{pending: map[int64]Item{}}
		f.keys[it.StateKey] = k
	}
	k.pending[step.Version] = it
	for {
		next, ok := k.pending[k.state.Version+1]
		if !ok || k.failed != "" {
			return
		}
		delete(k.pending, k.state.Version+1)
		f.take(ctx, k, next)
	}
}

// take moves a key's state on by one input.
func (f *Fold) take(ctx context.Context, k *folded, it Item) {
	v, now := View{State: k.state}, time.Now()
	d := f.core.Admit(it, v, now)
	var out Outcome
	if d.Verdict == Handle {
		out = f.call(ctx, it, d.Call)
	}
	c := f.core.Settle(it, v, d, out, now)
	if c.Result != Handled || c.State == nil {
		k.failed = fmt.Sprintf("version %d: event %s is not handled any more: %s", k.state.Version+1, it.Event.ID, c.Result)
		if c.Err != nil {
			k.failed += ": " + ErrorText(c.Err)
		}
		return
	}
	k.state = Stored{Version: c.State.Expect + 1, Machine: c.State.Machine, Data: c.State.Data}
}

func (f *Fold) call(ctx context.Context, it Item, c Call) (out Outcome) {
	defer func() {
		if r := recover(); r != nil {
			out = Outcome{Err: Permanent(fmt.Errorf("handler panicked: %v", r))}
		}
	}()
	if f.handlers[it.Input.Type] == nil {
		return Outcome{Err: Permanent(fmt.Errorf("input %s has no handler", it.Input.Type))}
	}
	return f.handlers[it.Input.Type](ctx, c)
}

// Comparison is what a fold found out. Each list is sorted by key.
type Comparison struct {
	Equal      int
	Different  []Finding
	Unverified []Finding // the log or the store's memory of it does not reach back to the key's first input
}

// Finding is about one key.
type Finding struct{ Key, Reason string }

// Compare compares what is stored with the fold of what was added.
func (f *Fold) Compare() Comparison {
	var c Comparison
	keys := map[string]bool{}
	for key := range f.stored {
		keys[key] = true
	}
	for key := range f.keys {
		keys[key] = true
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		k := f.keys[key]
		if k == nil {
			k = &folded{}
		}
		different, reason := k.compare(f.stored[key])
		switch {
		case reason == "":
			c.Equal++
		case different:
			c.Different = append(c.Different, Finding{key, reason})
		default:
			c.Unverified = append(c.Unverified, Finding{key, reason})
		}
	}
	return c
}

// compare returns what is wrong, "" if nothing is; it is not different if it is only not known.
func (k *folded) compare(s Stored) (different bool, reason string) {
	switch {
	case k.failed != "":
		return true, k.failed
	case k.state.Version < s.Version:
		return false, fmt.Sprintf("the input of version %d of %d is no longer both in the inbox and in the log", k.state.Version+1, s.Version)
	case k.state.Version == 0:
		return false, "the input of version 1 is no longer both in the inbox and in the log"
	case s.Version == 0:
		return true, fmt.Sprintf("nothing is stored, its inputs lead to version %d", k.state.Version)
	case k.state.Version > s.Version:
		return true, fmt.Sprintf("version %d is stored, its inputs lead to %d", s.Version, k.state.Version)
	case k.state.Machine != s.Machine:
		return true, fmt.Sprintf("version %d is stored in state %q, its inputs lead to %q", s.Version, s.Machine, k.state.Machine)
	case !bytes.Equal(k.state.Data, s.Data):
		return true, fmt.Sprintf("version %d is stored as %s, its inputs lead to %s", s.Version, excerpt(s.Data), excerpt(k.state.Data))
	}
	return false, ""
}

const maxExcerpt = 200

func excerpt(data []byte) string {
	if len(data) <= maxExcerpt {
		return string(data)
	}
	return fmt.Sprintf("%s… (%d bytes)", data[:maxExcerpt], len(data))
}
