package cause

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/internal/postgres"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// footprints is what the schemas of nodes hold of a tree.
type footprints map[string]*footprint

// footprint is what one node holds of a tree.
type footprint struct {
	handled   map[postgres.InboxKey]postgres.Handled
	parked    map[Place][]postgres.Waiting
	states    map[string]engine.Stored
	timers    map[string][]postgres.Pending // by cause
	snapshots map[string]StateChange        // by the event that led to them
	next      map[postgres.Spot]int64
	knows     bool // where it stands
}

// footprints asks the schemas of all nodes what they hold of a tree. What waits in an outbox is added to it.
func (g *gathering) footprints(ctx context.Context) (footprints, error) {
	var mu sync.Mutex
	all := footprints{}
	var unsent []engine.Outgoing
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for _, n := range g.fleet.nodes {
		group.Go(func() error {
			found, out, err := g.footprint(ctx, n)
			if err != nil {
				return fmt.Errorf("node %s: %w", n.name, err)
			}
			mu.Lock()
			defer mu.Unlock()
			all[n.name] = found
			unsent = append(unsent, out...)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for _, out := range unsent {
		g.unsent(out)
	}
	return all, nil
}

func (g *gathering) footprint(ctx context.Context, n *node) (*footprint, []engine.Outgoing, error) {
	f := &footprint{
		handled: map[postgres.InboxKey]postgres.Handled{}, parked: map[Place][]postgres.Waiting{},
		timers: map[string][]postgres.Pending{}, next: map[postgres.Spot]int64{},
	}
	rows := g.fleet.rows[n.name]
	if n.kind == contract.Compute {
		return f, nil, g.committed(ctx, n, f)
	}
	if rows == nil {
		return f, nil, nil
	}
	found, err := rows.Footprint(ctx, g.query(n))
	if err != nil {
		return nil, nil, err
	}
	for _, h := range found.Handled {
		f.handled[h.InboxKey] = h
	}
	for _, w := range found.Parked {
		f.parked[placeOf(w.Record)] = append(f.parked[placeOf(w.Record)], w)
	}
	for _, t := range found.Timers {
		f.timers[t.CauseID] = append(f.timers[t.CauseID], t)
	}
	f.states, f.next, f.knows = found.States, found.Positions, true
	return f, found.Outbox, nil
}

// committed asks the cluster how far a node is that has no schema.
func (g *gathering) committed(ctx context.Context, n *node, f *footprint) error {
	next, err := g.fleet.log.Committed(ctx, event.Group(n.name))
	for topic, partitions := range next {
		for partition, offset := range partitions {
			f.next[postgres.Spot{Topic: topic, Partition: partition}] = offset
		}
	}
	f.knows = err == nil
	return logged(err)
}

// query says what a node is asked for.
func (g *gathering) query(n *node) postgres.FootprintQuery {
	q := postgres.FootprintQuery{}
	correlations := map[string]bool{g.correlation: true}
	states := map[string]bool{}
	for _, id := range keysOf(g.traces) {
		t := g.traces[id]
		if storable(t.correlation) {
			correlations[t.correlation] = true
		}
		for _, h := range t.inputs {
			if h.node != n || !h.readable {
				continue
			}
			q.Handled = append(q.Handled, postgres.InboxKey{Input: h.input, IdempotencyKey: h.inboxKey})
			q.Parked = append(q.Parked, engine.Record{Topic: h.place.Topic, Partition: h.place.Partition, Offset: h.place.Offset, Key: h.key})
			if h.stateKey != "" {
				states[h.stateKey] = true
			}
		}
	}
	delete(correlations, "")
	q.States, q.Correlations = keysOf(states), keysOf(correlations)
	return q
}

// unsent adds an event that no topic holds yet.
func (g *gathering) unsent(out engine.Outgoing) {
	topic, err := event.ParseTopic(out.Topic)
	r := engine.Record{Topic: out.Topic, Key: out.Key, Headers: out.Headers, Value: out.Value}
	h := headsOf(r)
	switch {
	case err != nil || topic.Class == event.Snapshot:
	case topic.Class == event.DeadLetter:
		g.letter(r, h, topic, nil)
	case g.traces[idOf(h, r.Place())] == nil:
		g.traces[idOf(h, r.Place())] = g.fleet.traceOf(r)
	}
}

// snapshots reads which states the events of a tree led to, as far as topics hold them: of each key at
// least the last.
func (g *gathering) snapshots(ctx context.Context, all footprints) error {
	var topics []string
	byTopic := map[string]*footprint{}
	for _, n := range g.fleet.nodes {
		if f := all[n.name]; n.snapshots != "" && len(f.states) > 0 {
			topics = append(topics, n.snapshots)
			byTopic[n.snapshots] = f
			f.snapshots = map[string]StateChange{}
		}
	}
	if len(topics) == 0 {
		return nil
	}
	_, err := g.fleet.log.ReadSince(ctx, topics, g.limits.Since, func(r engine.Record) {
		f := byTopic[r.Topic]
		if _, ours := f.states[r.Key]; !ours || f == nil {
			return
		}
		if id := header(r, engine.HeaderCause); g.traces[id] != nil {
			f.snapshots[id] = StateChange{Key: r.Key, Version: number(header(r, engine.HeaderVersion)), Machine: header(r, engine.HeaderMachine)}
		}
	})
	return logged(err)
}

// logged marks an error as one of the log.
func logged(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrLog, err)
}

func timeOf(text string) time.Time {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}

func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
