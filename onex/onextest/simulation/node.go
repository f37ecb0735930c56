package simulation

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/omninode-ai/omninode/internal/delivery"
	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// node is a node with its consumer group, its store and its processes.
type node struct {
	*world

	def        onex.Node
	core       *engine.Core
	store      *store // nil: compute
	processes  []*process
	places     []place
	owner      map[place]*process // whom the group gave a partition to
	committed  map[place]int64    // offsets of the group (compute)
	claims     map[place]int64    // how often it was claimed
	generation map[place]int64    // how often the group gave it away
	leader     *process           // relays the outbox
}

func newNode(w *world, def onex.Node) (*node, error) {
	def.Inputs = slices.Clone(def.Inputs)
	for i := range def.Inputs { // nothing waits on a real clock
		def.Inputs[i].Timeout, def.Inputs[i].Batch.Wait = time.Hour, 0
	}
	cfg := engine.Config{
		Node: def.Name, Version: def.Version, Instance: "sim", Inputs: def.Inputs, Machine: def.Machine,
		Pure: def.Kind == onex.Compute, Random: func() float64 { return 0.5 },
	}
	if def.Workflow != nil {
		cfg.Workflow = def.Workflow.Start
	}
	for _, o := range def.Outputs {
		cfg.Outputs = append(cfg.Outputs, o.Type)
	}
	core, err := engine.New(cfg)
	if err != nil {
		return nil, err
	}
	n := &node{world: w, def: def, core: core, owner: map[place]*process{}, committed: map[place]int64{}, claims: map[place]int64{}, generation: map[place]int64{}}
	if def.Kind != onex.Compute {
		n.store = newStore(n)
	}
	for i := range w.cfg.Processes {
		n.processes = append(n.processes, &process{node: n, id: def.Name + "#" + strconv.Itoa(i+1), dead: true})
	}
	for _, topic := range core.Topics() {
		if topic == event.ReplayTopic(def.Name).String() {
			continue // nobody replays
		}
		w.log.watched[topic]++
		for number := range w.cfg.Partitions {
			p := place{topic, int32(number)}
			n.owner[p] = n.processes[len(n.places)%len(n.processes)]
			n.places = append(n.places, p)
		}
	}
	return n, nil
}

// process is one process of a node.
type process struct {
	*node

	id     string
	lives  int
	dead   bool
	frozen bool
	skew   time.Duration // of its clock

	ctx       context.Context //nolint:containedctx // ends with the process
	cancel    context.CancelFunc
	processor *delivery.Processor
	tasks     []*task
	claimed   []*claim
	claiming  map[place]bool
	relay     *delivery.RelaySteps
	relaying  bool
	firing    bool
	positions map[place]int64 // of a compute node
	working   bool            // on a transaction

	fresh     bool // what is due is known
	due       map[place]bool
	timers    bool
	nextDue   time.Time
	evaluated time.Time
}

func (p *process) clock() time.Time { return p.now.Add(p.skew) }

// start begins a life of the process: its handlers are built, and nothing is remembered.
func (p *process) start() error {
	values, err := settings(p.def)
	if err != nil {
		return err
	}
	wiring, err := p.def.Build(context.Background(), values)
	if err != nil {
		return fmt.Errorf("node %s: build: %w", p.def.Name, err)
	}
	p.lives++
	p.dead, p.frozen, p.skew = false, false, 0
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.tasks, p.claimed, p.claiming = nil, nil, map[place]bool{}
	p.relay, p.relaying, p.firing, p.working, p.fresh = nil, false, false, false, false
	p.positions = map[place]int64{}
	p.processor = &delivery.Processor{
		Core: p.core, Handlers: p.check.watch(p, wiring.Routes), Observer: unobserved{}, Log: p.mute, Now: p.clock, Concurrency: 1, Pause: p.pause,
	}
	if p.store != nil {
		p.processor.Store = &port{p}
	}
	if p.store != nil && p.store.routes == nil {
		p.store.routes = wiring.Routes
	}
	return nil
}

// settings gives every setting that has no default a value of the simulated world.
func settings(def onex.Node) (*config.Values, error) {
	made := config.Source{Name: "simulation", Lookup: func(_ context.Context, _ string, s config.Setting) (string, bool, error) {
		if s.Default != nil {
			return "", false, nil
		}
		return "http://" + def.Name + ".sim.invalid/" + s.Key, true, nil
	}}
	values, err := config.Resolve(context.Background(), def.Name, def.Settings, made)
	if err != nil {
		return nil, err
	}
	flags, err := config.ResolveFlags(def.Name, def.Flags, func(string) (string, bool) { return "", false })
	if err != nil {
		return nil, err
	}
	return values.WithFlags(flags), nil
}

// pause implements delivery.Processor.Pause.
func (p *process) pause(ctx context.Context, try int) error {
	p.current.wake = p.now.Add(50 * time.Millisecond << min(try, 5))
	p.reach("try again")
	return ctx.Err()
}

// die ends the process where it stands. What its tasks have sent may still arrive.
func (p *process) die(arrives bool) {
	if p.dead {
		return
	}
	p.dead = true
	p.cancel()
	for _, t := range p.tasks {
		if arrives && t.onWire != nil {
			p.late = append(p.late, &sent{t.name + " " + t.about, t.onWire})
		}
		before := p.current
		p.current = t
		t.kill()
		p.current = before
	}
	p.tasks = nil
	if p.leader == p {
		p.leader = nil
	}
	for _, tx := range p.open {
		if tx.process == p && tx.state == txOpen {
			p.orphans = append(p.orphans, tx)
		}
	}
}

// collect offers what the process can do next.
func (p *process) collect() {
	switch {
	case p.dead:
		p.offer(p, p.id, "starts", place{}, func() {
			if err := p.start(); err != nil {
				p.fatal = err
			}
		})
		return
	case p.frozen:
		p.offer(p, p.id, "goes on", place{}, func() { p.frozen = false })
		return
	}
	for _, t := range p.tasks {
		if !t.wake.After(p.now) {
			p.options = append(p.options, option{actor: t, task: t})
		}
	}
	if p.store == nil {
		p.collectPure()
		return
	}
	p.look()
	for _, at := range p.places {
		if p.owner[at] == p && p.claim(at) == nil && !p.claiming[at] {
			p.offer(p, p.id, "claims", at, func() { p.take(at) })
		}
	}
	for _, c := range p.claimed {
		c.collect()
	}
	if p.timers && !p.firing {
		p.offer(p, p.id, "looks for timers", place{}, p.fire)
	}
	if (p.leader == nil || p.leader == p) && !p.relaying && len(p.store.queue) > 0 {
		p.offer(p, p.id, "relays", place{}, p.send)
	}
}

// look finds out what is due, if that may have changed.
func (p *process) look() {
	now := p.clock()
	if p.fresh && now.Equal(p.evaluated) || p.fresh && now.After(p.evaluated) && (p.nextDue.IsZero() || now.Before(p.nextDue)) {
		return
	}
	p.fresh, p.evaluated, p.due = true, now, nil
	parts := make([]engine.Partition, 0, len(p.claimed))
	for _, c := range p.claimed {
		parts = append(parts, engine.Partition{Topic: c.topic, Number: c.number})
	}
	due, _ := p.store.memory.Due(p.ctx, now, parts)
	p.nextDue = due.Next
	for _, d := range due.Partitions {
		if p.due == nil {
			p.due = map[place]bool{}
		}
		p.due[place{d.Topic, d.Number}] = true
	}
	timers, _ := p.store.memory.DueTimers(p.ctx, now, 1)
	p.timers = p.def.Workflow != nil && len(timers) > 0
}

// wakes returns when the process has something to do by itself; zero: never.
func (p *process) wakes() time.Time {
	var next time.Time
	for _, t := range p.tasks {
		if next.IsZero() || t.wake.Before(next) {
			next = t.wake
		}
	}
	if p.store != nil && !p.dead && !p.nextDue.IsZero() {
		at := p.nextDue.Add(-p.skew)
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return next
}

// changed says that the node's store is another than it was.
func (n *node) changed() {
	for _, p := range n.processes {
		p.fresh = false
	}
}

// others returns the processes that are alive besides one.
func (n *node) others(p *process) []*process {
	return slices.DeleteFunc(slices.Clone(n.processes), func(o *process) bool { return o == p || o.dead || o.frozen })
}

func (p place) String() string { return short(p.topic) + "/" + strconv.Itoa(int(p.number)) }

// unobserved tells nobody.
type unobserved struct{}

func (unobserved) Called(event.Ref, time.Duration, error)   {}
func (unobserved) Settled(engine.Commit)                    {}
func (unobserved) Conflict()                                {}
func (unobserved) Breaker(event.Ref, delivery.BreakerState) {}
