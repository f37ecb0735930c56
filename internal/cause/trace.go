package cause

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// Trace returns the tree of an event, which is named by its id or by its place.
func (f *Fleet) Trace(ctx context.Context, asked string, l Limits) (*Tree, error) {
	id := asked
	if at, ok := ParsePlace(asked); ok {
		var err error
		if id, err = f.at(ctx, at); err != nil {
			return nil, err
		}
	}
	g, err := f.gather(ctx, id, l)
	if err != nil {
		return nil, err
	}
	if g.traces[id] == nil {
		return nil, fmt.Errorf("event %s: %w", asked, ErrNotFound)
	}
	rows, err := g.footprints(ctx)
	if err != nil {
		return nil, err
	}
	g.fired() // of what waits in an outbox
	if err := g.snapshots(ctx, rows); err != nil {
		return nil, err
	}
	return newForest(g, rows, id).tree(asked), nil
}

// at returns the id of the event that is at a place.
func (f *Fleet) at(ctx context.Context, at engine.Place) (string, error) {
	r, ok, err := f.log.ReadRecord(ctx, at)
	if err != nil {
		return "", logged(err)
	}
	if !ok {
		return "", fmt.Errorf("record %s: %w", at, ErrNotFound)
	}
	if t, err := event.ParseTopic(r.Topic); err == nil && t.Class == event.DeadLetter {
		if l, err := engine.ReadLetter(r); err == nil {
			r = l.Original()
		}
	}
	return idOf(headsOf(r), r.Place()), nil
}

// ParsePlace reads "<topic>/<partition>/<offset>".
func ParsePlace(text string) (at engine.Place, ok bool) {
	parts := strings.Split(text, "/")
	if len(parts) != 3 || !strings.HasPrefix(parts[0], "onex.") {
		return at, false
	}
	partition, offset := number(parts[1]), number(parts[2])
	at = engine.Place{Topic: parts[0], Partition: int32(partition), Offset: offset}
	return at, at.String() == text
}

// Chains returns the causal trees that a key of a node is part of, the oldest first: the key of a state, of
// an instance of a workflow, or of the node's inputs.
func (f *Fleet) Chains(ctx context.Context, name, key string, l Limits) ([]Chain, error) {
	n := f.node(name)
	if n == nil {
		return nil, fmt.Errorf("node %q: %w", name, ErrNoNode)
	}
	chains := map[string]*Chain{}
	topics := slices.Clone(n.topics)
	for _, t := range n.topics {
		if p, err := event.ParseTopic(t); err == nil {
			topics = append(topics, event.DeadLetterTopic(n.name, p.Ref).String())
		}
	}
	_, err := f.log.ReadSince(ctx, topics, l.Since, func(r engine.Record) {
		if letter, err := engine.ReadLetter(r); err == nil {
			r = letter.Original() // of what the log does not hold any more
		}
		if r.Key == key || n.core.Open(r).StateKey == key {
			f.link(chains, r)
		}
	})
	if err != nil {
		return nil, logged(err)
	}
	list := make([]Chain, 0, len(chains))
	for _, c := range chains {
		list = append(list, *c)
	}
	slices.SortFunc(list, func(a, b Chain) int {
		if c := a.First.Compare(b.First); c != 0 {
			return c
		}
		return strings.Compare(a.CorrelationID, b.CorrelationID)
	})
	if len(list) == 0 {
		return nil, fmt.Errorf("key %q of node %s: %w", key, name, ErrNotFound)
	}
	return list, nil
}

// link adds a record of a key to the tree that it belongs to.
func (f *Fleet) link(chains map[string]*Chain, r engine.Record) {
	t := f.traceOf(r)
	correlation := t.correlation
	if correlation == "" {
		correlation = t.id
	}
	c := chains[correlation]
	if c == nil {
		c = &Chain{CorrelationID: correlation, First: t.at, Last: t.at, EventID: t.id}
		chains[correlation] = c
	}
	c.Events++
	if t.at.Before(c.First) {
		c.First = t.at
	}
	if t.at.After(c.Last) {
		c.Last, c.EventID = t.at, t.id
	}
	if !slices.Contains(c.Types, t.typ) {
		c.Types = append(c.Types, t.typ)
	}
}
