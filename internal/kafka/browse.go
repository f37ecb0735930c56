package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omninode-ai/omninode/onex/engine"
)

// ReadTopics calls each for every committed record that topics hold at the moment, in order within a
// partition.
func (c *Client) ReadTopics(ctx context.Context, topics []string, each func(engine.Record)) error {
	if len(topics) == 0 {
		return nil // the cluster would take no topics for all topics
	}
	first, err := c.admin.ListStartOffsets(ctx, topics...)
	if err == nil {
		err = first.Error()
	}
	if err != nil {
		return c.reach(err)
	}
	last, err := c.admin.ListCommittedOffsets(ctx, topics...)
	if err == nil {
		err = last.Error()
	}
	if err != nil {
		return c.reach(err)
	}
	return c.readRange(ctx, first, last, each)
}

// readRange reads partitions from their first offset up to before their last.
func (c *Client) readRange(ctx context.Context, first, last kadm.ListedOffsets, each func(engine.Record)) error {
	from, until := map[string]map[int32]kgo.Offset{}, map[string]map[int32]int64{}
	left := 0
	last.Each(func(end kadm.ListedOffset) {
		start, ok := first.Lookup(end.Topic, end.Partition)
		if !ok || start.Offset >= end.Offset {
			return
		}
		if from[end.Topic] == nil {
			from[end.Topic], until[end.Topic] = map[int32]kgo.Offset{}, map[int32]int64{}
		}
		from[end.Topic][end.Partition] = kgo.NewOffset().At(start.Offset)
		until[end.Topic][end.Partition] = end.Offset
		left++
	})
	if left == 0 {
		return nil
	}
	// Control records are the last of a partition in which only transactions wrote.
	reader, err := kgo.NewClient(append(c.options(), kgo.ConsumePartitions(from), kgo.KeepControlRecords(),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxBytes(fetchBytes), kgo.FetchMaxPartitionBytes(partitionBytes))...)
	if err != nil {
		return fmt.Errorf("configure kafka client: %w", err)
	}
	defer reader.Close()
	for left > 0 {
		bound, cancel := context.WithTimeout(ctx, readSilence)
		fetches := reader.PollFetches(bound)
		cancel()
		if err := fetches.Err0(); err != nil {
			return fmt.Errorf("read %d partitions that are not at their end: %w", left, c.reach(err))
		}
		var failed error
		fetches.EachError(func(topic string, partition int32, err error) {
			failed = fmt.Errorf("read %s/%d: %w", topic, partition, err)
		})
		if failed != nil {
			return failed
		}
		fetches.EachRecord(func(r *kgo.Record) {
			end := until[r.Topic][r.Partition]
			if r.Offset < end && !r.Attrs.IsControl() {
				each(incoming([]*kgo.Record{r})[0])
			}
			if end > 0 && r.Offset >= end-1 {
				until[r.Topic][r.Partition] = 0
				left--
				reader.PauseFetchPartitions(map[string][]int32{r.Topic: {r.Partition}})
			}
		})
	}
	return nil
}

// ReadRecord returns one record; ok is false if the topic does not hold it any more.
func (c *Client) ReadRecord(ctx context.Context, at engine.Place) (r engine.Record, ok bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	first, err := c.admin.ListStartOffsets(ctx, at.Topic)
	if err != nil {
		return r, false, c.reach(err)
	}
	last, err := c.admin.ListCommittedOffsets(ctx, at.Topic)
	if err != nil {
		return r, false, c.reach(err)
	}
	start, known := first.Lookup(at.Topic, at.Partition)
	end, _ := last.Lookup(at.Topic, at.Partition)
	switch {
	case errors.Is(start.Err, kerr.UnknownTopicOrPartition), !known:
		return r, false, nil
	case start.Err != nil:
		return r, false, fmt.Errorf("look up %s: %w", at, start.Err)
	case at.Offset < start.Offset || at.Offset >= end.Offset:
		return r, false, nil
	}
	start.Offset, end.Offset = at.Offset, at.Offset+1
	err = c.readRange(ctx, listed(start), listed(end), func(found engine.Record) { r, ok = found, true })
	return r, ok, err
}

func listed(o kadm.ListedOffset) kadm.ListedOffsets {
	return kadm.ListedOffsets{o.Topic: {o.Partition: o}}
}

// Partitions returns how many partitions those of topics have that exist.
func (c *Client) Partitions(ctx context.Context, topics []string) (map[string]int, error) {
	if len(topics) == 0 {
		return nil, nil // the cluster would take no topics for all topics
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	found, err := c.lookUp(ctx, topics)
	if err != nil {
		return nil, err
	}
	counts := make(map[string]int, len(found))
	for name, t := range found {
		if t.exists {
			counts[name] = t.partitions
		}
	}
	return counts, nil
}
