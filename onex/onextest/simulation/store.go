package simulation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/engine"
)

// store is the database of a node: engine.Memory, and what a node has there besides.
type store struct {
	*node

	memory     *engine.Memory
	queue      []engine.Queued // the outbox
	lastID     int64
	aggregates map[engine.Aggregate][]string // what was ever committed to the outbox
	steps      []engine.Step                 // inputs that led to states
	keys       map[string]bool               // of states
	statements int                           // on tables of the node's own
	routes     onex.Routes                   // to fold states anew

	// What planted bugs keep.
	seen       map[inboxKey]bool // inbox beside the transaction
	generation map[place]int64   // of the group, as an epoch
	early      map[place]int64   // offsets that moved before anything was handled
}

type inboxKey struct{ input, key string }

func newStore(n *node) *store {
	return &store{
		node: n, memory: engine.NewMemory(), aggregates: map[engine.Aggregate][]string{}, keys: map[string]bool{},
		seen: map[inboxKey]bool{}, generation: map[place]int64{}, early: map[place]int64{},
	}
}

// put adds records to the outbox.
func (s *store) put(out []engine.Outgoing) {
	for _, o := range out {
		s.lastID++
		s.queue = append(s.queue, engine.Queued{ID: s.lastID, Record: o})
		a := engine.Aggregate{Topic: o.Topic, Key: o.Key}
		s.aggregates[a] = append(s.aggregates[a], fingerprint(o.Headers))
	}
}

// commit writes commits under the right of a claim, as a database would, and has what was promised of it checked.
func (s *store) commit(right int64, l engine.Lease, commits []engine.Commit) error {
	ctx := context.Background()
	statements := 0
	for _, c := range commits {
		for _, join := range c.Joins {
			tx := &table{}
			if err := join(ctx, tx); err != nil {
				return &engine.JoinError{Err: err}
			}
			statements += tx.statements
		}
	}
	before := make([]engine.Stored, len(commits))
	for i, c := range commits {
		if c.State != nil {
			before[i] = s.memory.State(c.State.Key)
		}
	}
	lease, written := s.spoil(l, commits)
	if err := s.memory.Commit(ctx, lease, written...); err != nil {
		s.hit(refusal(err))
		s.note(func() string { return "refused: " + err.Error() })
		return err
	}
	s.statements += statements
	s.put(engine.Sends(commits))
	for _, c := range commits {
		if c.State == nil {
			continue
		}
		s.keys[c.State.Key] = true
		if r := c.Item.Record; c.Inbox && s.def.Machine != nil {
			s.steps = append(s.steps, engine.Step{
				Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, EventID: c.Item.Event.ID, Version: c.State.Expect + 1,
			})
		}
	}
	s.changed()
	s.check.committed(s.node, right, commits, before)
	return nil
}

func refusal(err error) string {
	if errors.Is(err, engine.ErrFenced) {
		return "fenced commits"
	}
	return "conflicts"
}

// port is how a process reaches its node's store. Whatever it asks may get lost.
type port struct{ *process }

var _ engine.Store = port{}

var errLost = errors.New("the connection was lost")

// ask stops in front of a question, which may fail.
func (p port) ask(what string) error {
	if !p.reach(what) {
		return context.Canceled
	}
	if p.d.fault(1) == 1 {
		p.hit("store does not answer")
		p.note(func() string { return "the store does not answer" })
		return errLost
	}
	return nil
}

// Claim implements engine.Store.
func (p port) Claim(ctx context.Context, at engine.Partition) (engine.Lease, error) {
	if err := p.ask("claim"); err != nil {
		return engine.Lease{}, err
	}
	return p.store.claimed(ctx, place{at.Topic, at.Number}, at)
}

func (s *store) claimed(ctx context.Context, at place, p engine.Partition) (engine.Lease, error) {
	s.claims[at]++
	if s.cfg.Plant != GenerationAlone {
		return s.memory.Claim(ctx, p)
	}
	l, err := s.memory.Position(ctx, p)
	if l.Epoch == 0 {
		l, err = s.memory.Claim(ctx, p)
	}
	return l, err
}

// Position implements engine.Store.
func (p port) Position(ctx context.Context, at engine.Partition) (engine.Lease, error) {
	if err := p.ask("position"); err != nil {
		return engine.Lease{}, err
	}
	return p.store.memory.Position(ctx, at)
}

// View implements engine.Store.
func (p port) View(ctx context.Context, items ...engine.Item) ([]engine.View, error) {
	if err := p.ask("view"); err != nil {
		return nil, err
	}
	p.store.premature(items)
	views, err := p.store.memory.View(ctx, items...)
	for i, it := range items {
		views[i].Seen = views[i].Seen || p.store.seen[inboxKey{it.Event.Type.String(), it.IdempotencyKey}]
	}
	return views, err
}

// Commit implements engine.Store. Its reply may get lost, and it may arrive after its process died.
func (p port) Commit(_ context.Context, l engine.Lease, commits ...engine.Commit) error {
	right := p.right(l, commits)
	t := p.current
	if t != nil {
		t.onWire = func() {
			p.hit("late commits")
			_ = p.store.commit(right, l, commits)
		}
	}
	if !p.reach(describe(commits)) {
		return context.Canceled
	}
	switch p.d.fault(2) {
	case 1:
		p.hit("commit does not arrive")
		p.note(func() string { return "the commit does not arrive" })
		return errLost
	case 2:
		p.hit("reply of a commit is lost")
		p.note(func() string { return "the reply is lost" })
		_ = p.store.commit(right, l, commits)
		return errLost
	}
	p.store.apart(commits)
	if p.cfg.Plant == DedupOutside && !p.reach("the rest of the commit") {
		return context.Canceled
	}
	return p.store.commit(right, l, commits)
}

// right returns which claim of a partition a lease of this process stands for.
func (p port) right(l engine.Lease, commits []engine.Commit) int64 {
	if commits[0].Item.Timer != nil {
		return 0
	}
	if c := p.claim(place{l.Partition.Topic, l.Partition.Number}); c != nil {
		return c.right
	}
	return -1
}

// describe says what a commit is about.
func describe(commits []engine.Commit) string {
	text := "commit"
	for i, c := range commits {
		if i == 4 {
			return fmt.Sprintf("%s and %d more", text, len(commits)-i)
		}
		at := c.Item.Record.Offset
		if c.Item.Timer != nil {
			text += " timer " + c.Item.Timer.Name
			continue
		}
		text += fmt.Sprintf(" %d:%s", at, c.Result)
	}
	return text
}

// DueParked implements engine.Store.
func (p port) DueParked(ctx context.Context, at engine.Partition, now time.Time, limit int) ([]engine.Parked, error) {
	if err := p.ask("ask for parked records"); err != nil {
		return nil, err
	}
	return p.store.memory.DueParked(ctx, at, now, limit)
}

// Behind implements engine.Store.
func (p port) Behind(ctx context.Context, first engine.Parked, limit int) ([]engine.Parked, error) {
	if err := p.ask("ask what waits behind"); err != nil {
		return nil, err
	}
	return p.store.memory.Behind(ctx, first, limit)
}

// Due implements engine.Store.
func (p port) Due(ctx context.Context, now time.Time, of []engine.Partition) (engine.Due, error) {
	if err := p.ask("ask what is due"); err != nil {
		return engine.Due{}, err
	}
	return p.store.memory.Due(ctx, now, of)
}

// DueTimers implements engine.Store.
func (p port) DueTimers(ctx context.Context, now time.Time, limit int) ([]engine.Fired, error) {
	if err := p.ask("ask for timers"); err != nil {
		return nil, err
	}
	return p.store.memory.DueTimers(ctx, now, limit)
}

// outbox is how the process in charge reaches the node's outbox.
type outbox struct{ port }

var _ engine.Queue = outbox{}

// Next implements engine.Queue.
func (o outbox) Next(_ context.Context, skip engine.Except, limit int) ([]engine.Queued, bool, error) {
	if err := o.ask("read the outbox"); err != nil {
		return nil, false, err
	}
	var list []engine.Queued
	for _, q := range o.store.queue {
		a := engine.Aggregate{Topic: q.Record.Topic, Key: q.Record.Key}
		if slices.Contains(skip.IDs, q.ID) || slices.Contains(skip.Aggregates, a) || slices.Contains(skip.Topics, q.Record.Topic) {
			continue
		}
		if list = append(list, q); len(list) == min(limit, relayed) {
			break
		}
	}
	if o.cfg.Plant == AckBeforeOutbox {
		o.store.remove(list)
	}
	return list, false, nil
}

const relayed = 32 // records of an outbox that are sent at once

// Read implements engine.Queue.
func (o outbox) Read(_ context.Context, ids []int64) ([]engine.Queued, error) {
	if err := o.ask("read held records"); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(o.store.queue), func(q engine.Queued) bool { return !slices.Contains(ids, q.ID) }), nil
}

// Delete implements engine.Queue.
func (o outbox) Delete(_ context.Context, ids []int64) error {
	if err := o.ask("delete what was sent"); err != nil {
		return err
	}
	o.store.queue = slices.DeleteFunc(o.store.queue, func(q engine.Queued) bool { return slices.Contains(ids, q.ID) })
	return nil
}

func (s *store) remove(list []engine.Queued) {
	s.queue = slices.DeleteFunc(s.queue, func(q engine.Queued) bool {
		return slices.ContainsFunc(list, func(r engine.Queued) bool { return r.ID == q.ID })
	})
}

// Ticks implements engine.Queue.
func (o outbox) Ticks(context.Context) (map[string]engine.Tick, error) { return nil, nil }

// Tick implements engine.Queue.
func (o outbox) Tick(context.Context, string, engine.Tick, engine.Tick, []engine.Outgoing) error {
	return nil
}

// Wait implements engine.Queue.
func (o outbox) Wait(ctx context.Context, _ <-chan struct{}, _ time.Duration) error { return ctx.Err() }

// Sweep implements engine.Queue.
func (o outbox) Sweep(context.Context, []string) (bool, error) { return false, nil }
