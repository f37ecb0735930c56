package rehearsal

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// Log is the log of a cluster.
type Log interface {
	Read(ctx context.Context, ranges []engine.Range, f func(engine.Record)) error
	// Ranges returns what topics hold between two moments.
	Ranges(ctx context.Context, topics []string, from, to Moment) ([]engine.Range, error)
	// Committed returns the next offsets of a group.
	Committed(ctx context.Context, group string) (map[string]map[int32]int64, error)
}

// Moment is a place in a log: a time, an offset, or, if it is zero, the beginning or the end.
type Moment = engine.Moment

// History is what the schema of a reducer remembers.
type History interface {
	History(ctx context.Context) (map[string]engine.Stored, []engine.Step, error)
}

// Player is a program that plays cues. Cue and Played may be called at the same time.
type Player interface {
	Cue(c Cue) error
	// End says that there are no more cues.
	End() error
	// Played returns the answers to cues in their order; ok is false after the last.
	Played() (p Played, ok bool, err error)
}

// Config says what to rehearse.
type Config struct {
	Node    string
	Inputs  []string // topics
	Letters []string // topics of its dead letters
	Outputs []string // topics

	From, To Moment
	Log      Log
	History  History // of a reducer; nil: a compute node
	Dir      string  // for a file that may be large
	Limit    int     // differences that are kept
	Ignored  []string

	Progress func(played int) // is told now and then
}

// Run rehearses history with a program and judges.
func Run(ctx context.Context, cfg Config, p Player) (*Report, error) {
	s, err := newSpool(cfg.Dir)
	if err != nil {
		return nil, err
	}
	defer s.close()
	j := &judge{
		cfg: cfg, tally: newTally(cfg.Limit, cfg.Ignored), spool: s, inputs: map[string]input{},
		letters: map[engine.Place]engine.Letter{}, states: map[string]State{}, revived: map[string]Difference{},
	}
	for _, step := range []func(context.Context) error{
		j.readLetters,
		j.readHistory,
		func(ctx context.Context) error { return j.play(ctx, p) },
		j.compareOutputs,
		func(context.Context) error { return j.compareStates() },
	} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return j.tally.finish(), nil
}

// judge compares what is played with what was recorded.
type judge struct {
	cfg   Config
	tally *tally
	spool *spool

	letters map[engine.Place]engine.Letter // by where the input was
	inputs  map[string]input               // that were compared, by event
	states  map[string]State               // that the program ended with, by key
	order   *order                         // of a reducer
	revived map[string]Difference          // inputs that were given up and are handled now, by event
}

// input is an event that was played.
type input struct{ place, key string }

// readLetters reads which inputs were given up.
func (j *judge) readLetters(ctx context.Context) error {
	ranges, err := j.cfg.Log.Ranges(ctx, j.cfg.Letters, Moment{}, Moment{})
	if err != nil {
		return err
	}
	return j.cfg.Log.Read(ctx, ranges, func(r engine.Record) {
		l, err := engine.ReadLetter(r)
		if err != nil || l.Node != j.cfg.Node {
			return // a mark
		}
		if j.cfg.History == nil {
			l.Record = engine.Record{}
		}
		j.letters[l.Origin] = l
	})
}

// play gives the program its cues and takes its answers.
func (j *judge) play(ctx context.Context, p Player) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	answered := make(chan error, 1)
	go func() {
		err := j.answers(p)
		if err != nil {
			stop(err) // nobody takes what is still to come
		}
		answered <- err
	}()
	cue := func(c Cue) {
		if ctx.Err() == nil {
			if err := p.Cue(c); err != nil {
				stop(err)
			}
		}
	}
	var err error
	if j.cfg.History == nil {
		err = j.cueAll(ctx, cue)
	} else {
		err = j.cueInOrder(ctx, cue)
	}
	err = errors.Join(err, p.End())
	if failed := <-answered; failed != nil {
		return failed // the reason for all others
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// answers takes what the program says.
func (j *judge) answers(p Player) error {
	for n := 1; ; n++ {
		played, ok, err := p.Played()
		if err != nil || !ok {
			return err
		}
		if err := j.take(played); err != nil {
			return err
		}
		if j.cfg.Progress != nil && n%1000 == 0 {
			j.cfg.Progress(n)
		}
	}
}

func (j *judge) take(p Played) error {
	if p.State != nil {
		j.states[p.State.Key] = *p.State
	}
	if !p.Compared {
		j.tally.report.WarmUp++
		return nil
	}
	j.tally.report.Inputs++
	at := engine.Place{Topic: p.Topic, Partition: p.Partition, Offset: p.Offset}
	j.inputs[p.EventID] = input{place: at.String(), key: p.Key}
	for _, s := range p.Sent {
		if err := j.spool.put(kept{Sent: s, Input: at.String(), EventID: p.EventID, About: p.Key}); err != nil {
			return err
		}
	}
	j.result(p, at)
	return nil
}

// result compares what became of an input.
func (j *judge) result(p Played, at engine.Place) {
	then, now := string(engine.Handled), outcome(p.Result, p.Class)
	l, gaveUp := j.letters[at]
	if gaveUp && !j.settledLater(at) {
		then = outcome(engine.DeadLettered, l.Class)
	}
	if then == now {
		return
	}
	if p.Error != "" {
		now += ": " + p.Error
	}
	d := Difference{Sort: ResultChanged, Key: p.Key, Input: at.String(), EventID: p.EventID, Recorded: then, Now: now}
	if p.Result == engine.Handled {
		j.revived[p.EventID] = d // unless it was sent back: then what followed was recorded
		return
	}
	j.tally.add(d)
}

// settledLater reports whether an input that was given up was handled after all: it was sent back.
func (j *judge) settledLater(at engine.Place) bool { return j.order != nil && j.order.handled(at) }

func outcome(r engine.Result, c engine.Class) string {
	if r == engine.DeadLettered {
		return "dead letter " + string(c)
	}
	return string(r)
}

// cueAll gives all records of the inputs that the node has handled, whatever their order: a compute node
// keeps no state.
func (j *judge) cueAll(ctx context.Context, cue func(Cue)) error {
	ranges, err := j.cfg.Log.Ranges(ctx, j.cfg.Inputs, j.cfg.From, j.cfg.To)
	if err != nil {
		return err
	}
	next, err := j.cfg.Log.Committed(ctx, event.Group(j.cfg.Node))
	if err != nil {
		return err
	}
	for i, r := range ranges {
		ranges[i].To = min(r.To, next[r.Topic][r.Partition])
	}
	ranges = slices.DeleteFunc(ranges, func(r engine.Range) bool { return r.From >= r.To })
	return j.cfg.Log.Read(ctx, ranges, func(r engine.Record) {
		if l, gaveUp := j.letters[r.Place()]; gaveUp && !repeatable(l.Class) {
			j.tally.report.LeftOut++
			return
		}
		cue(CueOf(r, true))
	})
}

// compareOutputs compares what was sent with what would have been.
func (j *judge) compareOutputs(ctx context.Context) error {
	ranges, err := j.cfg.Log.Ranges(ctx, j.cfg.Outputs, Moment{}, Moment{})
	if err != nil {
		return err
	}
	shortened := map[string]bool{} // topics that retention took from
	for _, r := range ranges {
		shortened[r.Topic] = shortened[r.Topic] || r.From > 0
	}
	source := event.Source(j.cfg.Node)
	seen := map[string]bool{}
	var failed error
	err = j.cfg.Log.Read(ctx, ranges, func(r engine.Record) {
		h := headers(r)
		in, ours := j.inputs[h["ce_causationid"]]
		if failed != nil || !ours || h["ce_source"] != source || seen[h["ce_id"]] {
			return
		}
		seen[h["ce_id"]] = true
		failed = j.compareOutput(r, h, in)
	})
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(j.revived)) {
		j.tally.add(j.revived[id])
	}
	return j.added(shortened)
}

func headers(r engine.Record) map[string]string {
	h := make(map[string]string, len(r.Headers))
	for _, one := range r.Headers {
		h[one.Key] = string(one.Value)
	}
	return h
}

func (j *judge) compareOutput(r engine.Record, h map[string]string, in input) error {
	d := Difference{Key: in.key, Input: in.place, EventID: h["ce_causationid"], Output: h["ce_id"], Type: h["ce_type"]}
	k, ok, err := j.spool.get(h["ce_id"])
	if err != nil {
		return err
	}
	if !ok {
		d.Sort = OutputMissing
		j.tally.add(d)
		return nil
	}
	delete(j.spool.index, k.ID)
	delete(j.revived, d.EventID)
	if d.Fields = Fields(r.Value, k.Data, j.cfg.Ignored); k.Key != r.Key {
		d.Fields = append([]Field{{Path: "(key)", Recorded: text([]byte(r.Key)), Now: text([]byte(k.Key))}}, d.Fields...)
	}
	if len(d.Fields) == 0 {
		j.tally.report.Equal++
		return nil
	}
	d.Sort = OutputChanged
	j.tally.add(d)
	return nil
}

// added tells of what was played and never recorded.
func (j *judge) added(shortened map[string]bool) error {
	for _, id := range slices.Sorted(maps.Keys(j.spool.index)) {
		k, _, err := j.spool.get(id)
		if err != nil {
			return err
		}
		if shortened[k.Topic] {
			j.tally.report.Unknown++
			continue
		}
		j.tally.add(Difference{Sort: OutputAdded, Key: k.About, Input: k.Input, EventID: k.EventID, Output: id, Type: k.Type})
	}
	return nil
}
