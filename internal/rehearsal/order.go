package rehearsal

import (
	"context"
	"maps"
	"slices"

	"github.com/omninode-ai/omninode/onex/engine"
)

// order puts the inputs of a reducer into the order in which they made the states of their keys: the inbox
// remembers which version each led to. An input that was given up has no version: it comes before the first
// that was certainly handled after it.
type order struct {
	steps  map[engine.Place]engine.Step
	stored map[string]engine.Stored
	keys   map[string]*line
}

// line is a key's inputs as far as they are known.
type line struct {
	last    int64 // version that was cued
	pending map[int64]engine.Record
	letters []engine.Letter // by time
	gap     bool
}

func (o *order) handled(at engine.Place) bool {
	_, ok := o.steps[at]
	return ok
}

func (o *order) line(key string) *line {
	if o.keys[key] == nil {
		o.keys[key] = &line{pending: map[int64]engine.Record{}}
	}
	return o.keys[key]
}

// readHistory reads what a reducer's inbox remembers.
func (j *judge) readHistory(ctx context.Context) (err error) {
	if j.cfg.History == nil {
		return nil
	}
	stored, steps, err := j.cfg.History.History(ctx)
	if err != nil {
		return err
	}
	j.order = &order{steps: make(map[engine.Place]engine.Step, len(steps)), stored: stored, keys: map[string]*line{}}
	for _, s := range steps {
		j.order.steps[engine.Place{Topic: s.Topic, Partition: s.Partition, Offset: s.Offset}] = s
	}
	return nil
}

// cueInOrder gives the records that led to states, key by key in the order of their versions.
func (j *judge) cueInOrder(ctx context.Context, cue func(Cue)) error {
	w, err := j.window(ctx)
	if err != nil {
		return err
	}
	o := j.order
	j.queueLetters(w)
	err = j.cfg.Log.Read(ctx, ranges(o.steps), func(r engine.Record) {
		s, ours := o.steps[r.Place()]
		if !ours || w.after(r.Place()) || headers(r)["ce_id"] != s.EventID {
			return
		}
		l := o.line(r.Key)
		l.pending[s.Version] = r
		j.advance(l, w, cue)
	})
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(o.keys)) {
		l := o.keys[key]
		if l.gap = len(l.pending) > 0; !l.gap {
			j.cueLetters(l, nil, w, cue)
		}
	}
	return nil
}

// queueLetters puts the inputs that were given up where their keys find them.
func (j *judge) queueLetters(w windows) {
	for _, at := range slices.SortedFunc(maps.Keys(j.letters), func(a, b engine.Place) int {
		return j.letters[a].Time.Compare(j.letters[b].Time)
	}) {
		l := j.letters[at]
		switch {
		case j.order.handled(at), w.after(at):
		case !repeatable(l.Class) || l.Cut:
			if w.inside(at) {
				j.tally.report.LeftOut++
			}
		default:
			key := j.order.line(l.Record.Key)
			key.letters = append(key.letters, l)
		}
	}
}

// advance cues what is next of a key.
func (j *judge) advance(l *line, w windows, cue func(Cue)) {
	for {
		r, ok := l.pending[l.last+1]
		if !ok {
			return
		}
		delete(l.pending, l.last+1)
		l.last++
		step := j.order.steps[r.Place()]
		j.cueLetters(l, &step, w, cue)
		cue(CueOf(r, w.inside(r.Place())))
	}
}

// cueLetters cues those inputs of a key that were given up before a step; nil: all.
func (j *judge) cueLetters(l *line, before *engine.Step, w windows, cue func(Cue)) {
	l.letters = slices.DeleteFunc(l.letters, func(letter engine.Letter) bool {
		if before != nil && !precedes(letter, *before) {
			return false
		}
		cue(CueOf(letter.Original(), w.inside(letter.Origin)))
		return true
	})
}

// precedes reports whether an input was given up before another was handled. Of one partition the order
// is known, else the clocks of the process and of the database decide.
func precedes(l engine.Letter, s engine.Step) bool {
	if l.Origin.Topic == s.Topic && l.Origin.Partition == s.Partition {
		return l.Origin.Offset < s.Offset
	}
	return l.Time.Before(s.At)
}

// windows is what is compared of each partition.
type windows map[string]map[int32]engine.Range

func (j *judge) window(ctx context.Context) (windows, error) {
	list, err := j.cfg.Log.Ranges(ctx, j.cfg.Inputs, j.cfg.From, j.cfg.To)
	w := windows{}
	for _, r := range list {
		if w[r.Topic] == nil {
			w[r.Topic] = map[int32]engine.Range{}
		}
		w[r.Topic][r.Partition] = r
	}
	return w, err
}

func (w windows) inside(at engine.Place) bool {
	r, ok := w[at.Topic][at.Partition]
	return ok && at.Offset >= r.From && at.Offset < r.To
}

// after reports whether a record comes after the window: nothing of it counts.
func (w windows) after(at engine.Place) bool {
	r, ok := w[at.Topic][at.Partition]
	return !ok || at.Offset >= r.To
}

// ranges returns the parts of the log that hold steps.
func ranges(steps map[engine.Place]engine.Step) []engine.Range {
	type partition struct {
		topic  string
		number int32
	}
	all := map[partition]engine.Range{}
	for at := range steps {
		p := partition{at.Topic, at.Partition}
		r, known := all[p]
		if !known {
			r = engine.Range{Topic: at.Topic, Partition: at.Partition, From: at.Offset}
		}
		r.From, r.To = min(r.From, at.Offset), max(r.To, at.Offset+1)
		all[p] = r
	}
	return slices.Collect(maps.Values(all))
}

// compareStates compares the states that the program ended with with those that are stored. A key that has
// inputs beyond what was played is not compared: nobody keeps what its state was in between.
func (j *judge) compareStates() error {
	if j.order == nil {
		return nil
	}
	for _, key := range slices.Sorted(maps.Keys(j.order.keys)) {
		l, stored := j.order.keys[key], j.order.stored[key]
		now, played := j.states[key]
		switch {
		case l.gap:
			j.tally.report.Unplayed++
			continue
		case l.last < stored.Version || !played && stored.Version == 0:
			continue
		}
		d := Difference{Sort: StateChanged, Key: key, Fields: Fields(stored.Data, now.Data, j.cfg.Ignored)}
		if stored.Machine != now.Machine {
			d.Fields = append([]Field{{Path: "(machine)", Recorded: text([]byte(stored.Machine)), Now: text([]byte(now.Machine))}}, d.Fields...)
		}
		if len(d.Fields) == 0 {
			j.tally.report.States++
			continue
		}
		j.tally.add(d)
	}
	return nil
}
