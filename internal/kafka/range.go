package kafka

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/omninode-ai/omninode/onex/engine"
)

// Ranges returns what topics hold between two moments, to not included, sorted; topics that do not exist
// are passed over. The zero moment is the beginning, or the end.
func (c *Client) Ranges(ctx context.Context, topics []string, from, to engine.Moment) ([]engine.Range, error) {
	held, err := c.Partitions(ctx, topics)
	if err != nil || len(held) == 0 {
		return nil, err
	}
	topics = topics[:0:0]
	for name := range held {
		topics = append(topics, name)
	}
	first, err := c.offsets(ctx, topics, from, c.admin.ListStartOffsets)
	if err != nil {
		return nil, err
	}
	last, err := c.offsets(ctx, topics, to, c.admin.ListCommittedOffsets)
	if err != nil {
		return nil, err
	}
	start, err := c.offsets(ctx, topics, engine.Moment{}, c.admin.ListStartOffsets)
	if err != nil {
		return nil, err
	}
	end, err := c.offsets(ctx, topics, engine.Moment{}, c.admin.ListCommittedOffsets)
	if err != nil {
		return nil, err
	}
	var ranges []engine.Range
	end.Each(func(o kadm.ListedOffset) {
		r := engine.Range{Topic: o.Topic, Partition: o.Partition, From: at(start, o), To: o.Offset}
		r.From, r.To = max(r.From, at(first, o)), min(r.To, at(last, o))
		ranges = append(ranges, r)
	})
	slices.SortFunc(ranges, func(a, b engine.Range) int {
		if c := strings.Compare(a.Topic, b.Topic); c != 0 {
			return c
		}
		return int(a.Partition - b.Partition)
	})
	return ranges, nil
}

func at(list kadm.ListedOffsets, o kadm.ListedOffset) int64 {
	found, _ := list.Lookup(o.Topic, o.Partition)
	return found.Offset
}

// offsets returns where each partition is at a moment.
func (c *Client) offsets(ctx context.Context, topics []string, m engine.Moment, otherwise func(context.Context, ...string) (kadm.ListedOffsets, error)) (kadm.ListedOffsets, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	list := otherwise
	if !m.Time.IsZero() {
		list = func(ctx context.Context, topics ...string) (kadm.ListedOffsets, error) {
			return c.admin.ListOffsetsAfterMilli(ctx, max(m.Time.UnixMilli(), 0), topics...)
		}
	}
	found, err := list(ctx, topics...)
	if err = errors.Join(err, found.Error()); err != nil {
		return nil, c.reach(err)
	}
	if m.Offset == nil {
		return found, nil
	}
	fixed := kadm.ListedOffsets{}
	found.Each(func(o kadm.ListedOffset) {
		if fixed[o.Topic] == nil {
			fixed[o.Topic] = map[int32]kadm.ListedOffset{}
		}
		o.Offset = *m.Offset
		fixed[o.Topic][o.Partition] = o
	})
	return fixed, nil
}
