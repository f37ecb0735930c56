package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// DefaultPartitions is how many partitions a topic is created with.
const DefaultPartitions = 3

// EnsureTopics creates those of topics that do not exist, with the cluster's default replication.
func (c *Client) EnsureTopics(ctx context.Context, topics []string) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	missing, err := c.Missing(ctx, topics)
	if err != nil || len(missing) == 0 {
		return err
	}
	created, err := c.admin.CreateTopics(ctx, DefaultPartitions, -1, nil, missing...)
	if err != nil {
		return c.reach(err)
	}
	for _, topic := range created.Sorted() {
		if topic.Err != nil && !errors.Is(topic.Err, kerr.TopicAlreadyExists) {
			return fmt.Errorf("create topic %s: %w", topic.Topic, topic.Err)
		}
	}
	return nil
}

// Missing returns those of topics that do not exist, sorted.
func (c *Client) Missing(ctx context.Context, topics []string) ([]string, error) {
	if len(topics) == 0 {
		return nil, nil // the cluster would take no topics for all topics
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	found, err := c.admin.ListTopics(ctx, topics...)
	if err != nil {
		return nil, c.reach(err)
	}
	var missing []string
	for _, topic := range topics {
		switch err := found[topic].Err; {
		case !found.Has(topic) || errors.Is(err, kerr.UnknownTopicOrPartition):
			missing = append(missing, topic)
		case err != nil:
			return nil, fmt.Errorf("look up topic %s: %w", topic, err)
		}
	}
	slices.Sort(missing)
	return missing, nil
}

// exactlyOnceFeature is the cluster feature whose level 2 makes a transaction's epoch safe against
// late requests of an earlier one.
const exactlyOnceFeature = "transaction.version"

// CheckExactlyOnce asks whether the cluster has finalized what exactly-once delivery relies on.
func (c *Client) CheckExactlyOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	res, err := kmsg.NewPtrApiVersionsRequest().RequestWith(ctx, c.kgo)
	if err != nil {
		return c.reach(err)
	}
	var level int16
	for _, f := range res.FinalizedFeatures {
		if f.Name == exactlyOnceFeature {
			level = f.MaxVersionLevel
		}
	}
	if level < 2 {
		return &FeatureError{Level: level}
	}
	return nil
}

// FeatureError says that a cluster cannot keep the promise of exactly once.
type FeatureError struct{ Level int16 }

func (e *FeatureError) Error() string {
	return fmt.Sprintf("cluster has finalized %s=%d, exactly-once delivery needs 2: run kafka-features.sh upgrade --feature %s=2",
		exactlyOnceFeature, e.Level, exactlyOnceFeature)
}
