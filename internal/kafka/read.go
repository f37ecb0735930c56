package kafka

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omninode-ai/omninode/onex/engine"
)

// readSilence is how long a broker may give nothing of a range whose end it has.
const readSilence = 30 * time.Second

// Read calls f with the committed records of ranges of the log, in order per partition, without joining a
// group. What the log has no more is passed over.
func (c *Client) Read(ctx context.Context, ranges []engine.Range, f func(r engine.Record)) error {
	from, to, err := c.present(ctx, ranges)
	if err != nil || len(from) == 0 {
		return err
	}
	client, err := kgo.NewClient(append(c.options(), kgo.ConsumePartitions(from), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxBytes(fetchBytes), kgo.FetchMaxPartitionBytes(partitionBytes), kgo.KeepControlRecords())...)
	if err != nil {
		return fmt.Errorf("configure kafka reader: %w", err)
	}
	defer client.Close()
	for left := len(to); left > 0; {
		bound, cancel := context.WithTimeout(ctx, readSilence)
		fetches := client.PollFetches(bound)
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("read %d partitions that are not at their end: %w", left, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			end, reading := to[slot{r.Topic, r.Partition}]
			if reading && r.Offset < end && !r.Attrs.IsControl() {
				f(incoming([]*kgo.Record{r})[0])
			}
			if reading && r.Offset >= end-1 {
				delete(to, slot{r.Topic, r.Partition})
				client.PauseFetchPartitions(map[string][]int32{r.Topic: {r.Partition}})
			}
		})
		left = len(to)
	}
	return nil
}

type slot struct {
	topic     string
	partition int32
}

// present returns where to begin and to end with what the log still has of ranges.
func (c *Client) present(ctx context.Context, ranges []engine.Range) (from map[string]map[int32]kgo.Offset, to map[slot]int64, err error) {
	from, to = map[string]map[int32]kgo.Offset{}, map[slot]int64{}
	var topics []string
	for _, r := range ranges {
		topics = append(topics, r.Topic)
	}
	if len(topics) == 0 {
		return from, to, nil
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
	for _, r := range ranges {
		start, ok := starts.Lookup(r.Topic, r.Partition)
		end, known := ends.Lookup(r.Topic, r.Partition)
		if !ok || !known || start.Err != nil || end.Err != nil {
			continue // the topic is gone
		}
		begin, last := max(r.From, start.Offset), min(r.To, end.Offset)
		if begin >= last {
			continue
		}
		if from[r.Topic] == nil {
			from[r.Topic] = map[int32]kgo.Offset{}
		}
		from[r.Topic][r.Partition] = kgo.NewOffset().At(begin)
		to[slot{r.Topic, r.Partition}] = last
	}
	return from, to, nil
}
