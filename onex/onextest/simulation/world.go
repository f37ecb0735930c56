package simulation

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/omninode-ai/omninode/onex/event"
)

// epoch is when every run begins.
var epoch = time.Date(2026, 1, 31, 8, 0, 0, 0, time.UTC) //nolint:gochecknoglobals // a constant

const (
	tick     = 50 * time.Microsecond // that a step takes
	patience = 600                   // steps for each record, before something must be stuck
	trouble  = 300                   // steps after the last record from outside in which things still go wrong
)

// world is everything of one run.
type world struct {
	fleet   Fleet
	cfg     Config
	d       *decider
	log     *log
	nodes   []*node
	outside *outside
	check   *checker
	mute    *slog.Logger

	now     time.Time
	steps   int
	quietAt int // the step from which on nothing goes wrong; 0: not known yet
	hash    uint64
	lines   []string
	faults  map[string]int
	current *task
	last    any // who ran last
	options []option
	open    []*transaction
	orphans []*transaction // open ones of processes that died
	late    []*sent
	fatal   error
}

// option is something that can happen next.
type option struct {
	actor any    // whom it belongs to
	who   string // with what and at, how it is called
	what  string
	at    place
	task  *task // goes on; nil: do
	do    func()
}

// sent is what a process sent before it died.
type sent struct {
	name string
	do   func()
}

func newWorld(f Fleet, cfg Config, d *decider) (*world, error) {
	w := &world{
		fleet: f, cfg: cfg, d: d, now: epoch, hash: 14695981039346656037, faults: map[string]int{},
		log: newLog(cfg.Partitions, cfg.Plant == ReadUncommitted), mute: slog.New(slog.DiscardHandler),
	}
	w.check = newChecker(w)
	for _, n := range f.Nodes {
		one, err := newNode(w, n)
		if err != nil {
			return nil, err
		}
		w.nodes = append(w.nodes, one)
	}
	w.outside = newOutside(w)
	if len(w.outside.roots) == 0 {
		return nil, fmt.Errorf("nothing comes from outside of %s: every input is an output of one of its nodes", f.Name)
	}
	for _, n := range w.nodes {
		for _, p := range n.processes {
			if err := p.start(); err != nil {
				return nil, err
			}
			p.settleIn()
		}
	}
	return w, nil
}

// end lets go of everything.
func (w *world) end() {
	for _, n := range w.nodes {
		for _, p := range n.processes {
			p.die(false)
		}
	}
}

// run takes steps until nothing is left to do or a promise is broken.
func (w *world) run() {
	for w.fatal == nil && w.check.broken == nil {
		w.steps++
		w.now = w.now.Add(tick)
		if w.steps > patience*w.cfg.Records+20_000 {
			w.check.fail("everything ends", "after %d steps there is still something to do: %s", w.steps, w.doing())
			return
		}
		if w.quietAt == 0 && w.outside.done() {
			w.quietAt = w.steps + trouble
		}
		w.d.quiet = w.quietAt > 0 && w.steps >= w.quietAt
		w.mishap()
		w.collect()
		if len(w.options) == 0 {
			if w.wait() {
				continue
			}
			w.check.finish()
			return
		}
		w.take(w.options[w.d.pick(len(w.options))])
	}
}

// collect lists what can happen next, that of who ran last first.
func (w *world) collect() {
	w.options = w.options[:0]
	for _, n := range w.nodes {
		for _, p := range n.processes {
			p.collect()
		}
	}
	for _, s := range w.late {
		w.offer(s, s.name, "arrives late", place{}, func() {
			w.late = slices.DeleteFunc(w.late, func(o *sent) bool { return o == s })
			s.do()
		})
	}
	for _, tx := range w.orphans {
		w.offer(tx, "broker", "ends a transaction that nobody ends", place{}, func() { w.abandon(tx) })
	}
	w.outside.collect()
	for i := range w.options {
		if w.options[i].actor == w.last {
			w.options[0], w.options[i] = w.options[i], w.options[0]
			return
		}
	}
}

func (w *world) offer(actor any, who, what string, at place, do func()) {
	w.options = append(w.options, option{actor: actor, who: who, what: what, at: at, do: do})
}

// about says what an option is.
func (o option) about() (who, what string) {
	switch {
	case o.task != nil:
		return o.task.name, o.task.about
	case o.at.topic != "":
		return o.who, o.what + " " + o.at.String()
	}
	return o.who, o.what
}

// take lets an option happen.
func (w *world) take(o option) {
	w.last = o.actor
	if o.task == nil {
		w.say(o.about())
		o.do()
		return
	}
	w.resume(o.task)
}

// begin starts a task, which stops in front of the first thing it does.
func (w *world) begin(p *process, name string, work func(ctx context.Context) error, end func(error)) *task {
	t := newTask(p, name, work, end)
	p.tasks = append(p.tasks, t)
	w.resume(t)
	return t
}

func (w *world) resume(t *task) {
	if t.about != "" {
		w.say(t.name, t.about)
	}
	before := w.current
	w.current, t.onWire = t, nil
	t.resume()
	w.current = before
	if t.over {
		t.process.tasks = slices.DeleteFunc(t.process.tasks, func(o *task) bool { return o == t })
		t.end(t.err)
	}
}

// reach stops the running task in front of what it is about to do. It is false if the process died there.
func (w *world) reach(about string) bool {
	if w.current == nil {
		return true
	}
	return w.current.yield(about)
}

// wait lets time pass until somebody has something to do.
func (w *world) wait() bool {
	var next time.Time
	for _, n := range w.nodes {
		for _, p := range n.processes {
			if at := p.wakes(); !at.IsZero() && (next.IsZero() || at.Before(next)) {
				next = at
			}
		}
	}
	if next.IsZero() {
		return false
	}
	if next.After(w.now) {
		w.say("time", "passes")
		w.now = next
	}
	return true
}

// say remembers a step.
func (w *world) say(who, what string) {
	w.mix(who)
	w.mix(what)
	if w.cfg.Trace {
		w.lines = append(w.lines, fmt.Sprintf("%6d %10s  %-44s %s", w.steps, w.now.Sub(epoch).Round(time.Millisecond), who, what))
	}
}

// note adds a detail to the step in words; it is worked out only if somebody reads it.
func (w *world) note(text func() string) {
	if w.cfg.Trace {
		w.lines = append(w.lines, fmt.Sprintf("%19s%s", "", text()))
	}
}

// mix adds text to the trace's hash: FNV-1a.
func (w *world) mix(text string) {
	for i := range len(text) {
		w.hash = (w.hash ^ uint64(text[i])) * 1099511628211
	}
	w.hash = (w.hash ^ 0xff) * 1099511628211
}

// hit counts a fault.
func (w *world) hit(name string) { w.faults[name]++ }

// doing names a few things that are under way.
func (w *world) doing() string {
	w.collect()
	var text strings.Builder
	for i, o := range w.options {
		if i == 3 {
			break
		}
		who, what := o.about()
		text.WriteString(who + " " + what + "; ")
	}
	return text.String()
}

func short(topic string) string {
	if t, err := event.ParseTopic(topic); err == nil && t.Ref.Name != "" {
		return t.Ref.Node + "/" + t.Ref.Local()
	}
	return topic
}
