package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// resume moves offsets that lie below the begin of their partition's log to that begin. What lay between
// was deleted before it was handled, which is told; nothing is there to wait for. An offset of 0 is of
// somebody who handled nothing yet.
func (c *Client) resume(ctx context.Context, m Membership, offsets map[string]map[int32]kgo.Offset) error {
	var topics []string
	for topic := range offsets {
		topics = append(topics, topic)
	}
	if len(topics) == 0 {
		return nil
	}
	starts, err := c.admin.ListStartOffsets(ctx, topics...)
	if err != nil {
		return c.reach(err)
	}
	for topic, partitions := range offsets {
		for partition, offset := range partitions {
			start, ok := starts.Lookup(topic, partition)
			next := offset.EpochOffset().Offset
			m.Progress.assigned(topic, partition, next)
			if next <= 0 {
				continue
			}
			if !ok {
				return fmt.Errorf("look up the begin of %s/%d: the cluster does not know the partition yet", topic, partition)
			}
			if start.Err != nil {
				return fmt.Errorf("look up the begin of %s/%d: %w", topic, partition, start.Err)
			}
			if next >= start.Offset {
				continue
			}
			lost := start.Offset - next
			c.cfg.Log.ErrorContext(ctx, "records were deleted before they were handled: raise the topic's retention", "topic", topic,
				"partition", partition, "next", next, "log_start", start.Offset, "records", lost)
			m.observer().Lost(topic, partition, lost)
			partitions[partition] = kgo.NewOffset().At(start.Offset).WithEpoch(-1)
		}
	}
	return nil
}

// outOfRange reports whether a partition has not what was asked for. The session then begins anew,
// where its offsets are compared with the log.
func outOfRange(err error) bool {
	_, lost := errors.AsType[*kgo.ErrDataLoss](err)
	return lost || errors.Is(err, kerr.OffsetOutOfRange)
}
