package kafka

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/omninode-ai/omninode/onex/engine"
)

// ReadSince calls each for the committed records that topics hold from a moment on, in order within a
// partition; topics that do not exist are passed over. whole says that they hold nothing older. The
// moment is compared with the time that the broker keeps of a record.
func (c *Client) ReadSince(ctx context.Context, topics []string, since time.Time, each func(engine.Record)) (whole bool, err error) {
	held, err := c.Partitions(ctx, topics)
	if err != nil || len(held) == 0 {
		return true, err
	}
	topics = topics[:0:0]
	for name := range held {
		topics = append(topics, name)
	}
	start, err := c.admin.ListStartOffsets(ctx, topics...)
	if err = errors.Join(err, start.Error()); err != nil {
		return false, c.reach(err)
	}
	from, err := c.admin.ListOffsetsAfterMilli(ctx, max(since.UnixMilli(), 0), topics...)
	if err = errors.Join(err, from.Error()); err != nil {
		return false, c.reach(err)
	}
	last, err := c.admin.ListCommittedOffsets(ctx, topics...)
	if err = errors.Join(err, last.Error()); err != nil {
		return false, c.reach(err)
	}
	whole = true
	start.Each(func(first kadm.ListedOffset) {
		if at, ok := from.Lookup(first.Topic, first.Partition); ok && at.Offset > first.Offset {
			whole = false
		}
	})
	return whole, c.readRange(ctx, from, last, each)
}

// Committed returns the offsets that a group has committed: of each partition the next to be handled.
func (c *Client) Committed(ctx context.Context, group string) (map[string]map[int32]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	offsets, err := c.admin.FetchOffsets(ctx, group)
	if errors.Is(err, kerr.GroupIDNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, c.reach(err)
	}
	next := map[string]map[int32]int64{}
	offsets.Each(func(o kadm.OffsetResponse) {
		if next[o.Topic] == nil {
			next[o.Topic] = map[int32]int64{}
		}
		next[o.Topic][o.Partition] = o.At
	})
	return next, nil
}
