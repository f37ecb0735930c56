package kafka

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/omninode-ai/omninode/onex/engine"
)

// readSilence is how long a broker may give nothing of a range whose end it has.
const readSilence = 30 * time.Second

// Read calls f with the committed records of ranges of the log, in order per partition, without joining a
// group. What the log has no more is passed over.
func (c *Client) Read(ctx context.Context, ranges []engine.Range, f func(r engine.Record)) error {
	first, last, err := c.present(ctx, ranges)
	if err != nil {
		return err
	}
	return c.readRange(ctx, first, last, f)
}

// present returns where to begin and to end with what the log still has of ranges.
func (c *Client) present(ctx context.Context, ranges []engine.Range) (first, last kadm.ListedOffsets, err error) {
	if len(ranges) == 0 {
		return nil, nil, nil // the cluster would take no topics for all topics
	}
	topics := make([]string, 0, len(ranges))
	for _, r := range ranges {
		topics = append(topics, r.Topic)
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	starts, err := c.admin.ListStartOffsets(ctx, topics...)
	if err != nil {
		return nil, nil, c.reach(err)
	}
	ends, err := c.admin.ListCommittedOffsets(ctx, topics...)
	if err != nil {
		return nil, nil, c.reach(err)
	}
	first, last = kadm.ListedOffsets{}, kadm.ListedOffsets{}
	for _, r := range ranges {
		start, ok := starts.Lookup(r.Topic, r.Partition)
		end, known := ends.Lookup(r.Topic, r.Partition)
		if !ok || !known || start.Err != nil || end.Err != nil {
			continue // the topic is gone
		}
		start.Offset, end.Offset = max(r.From, start.Offset), min(r.To, end.Offset)
		if first[r.Topic] == nil {
			first[r.Topic], last[r.Topic] = map[int32]kadm.ListedOffset{}, map[int32]kadm.ListedOffset{}
		}
		first[r.Topic][r.Partition], last[r.Topic][r.Partition] = start, end
	}
	return first, last, nil
}
