package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// DefaultPartitions is how many partitions a topic is created with if its owner declares none.
const DefaultPartitions = 3

// Topic is a topic as its owner declares it.
type Topic struct {
	Name       string
	Partitions int32         // 0: DefaultPartitions
	Retention  time.Duration // how long records are kept; 0: the cluster's default
}

// shape is what topics created by one request have in common.
type shape struct {
	partitions int32
	retention  time.Duration
}

// EnsureTopics creates those of topics that do not exist, with the cluster's default replication. It
// returns how those that do exist differ from what is declared: nothing is changed about them,
// because other partitions would move keys and a shorter retention would delete records.
func (c *Client) EnsureTopics(ctx context.Context, topics []Topic) ([]Difference, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	found, err := c.lookUp(ctx, names(topics))
	if err != nil {
		return nil, err
	}
	missing := map[shape][]string{}
	var existing []Topic
	for _, t := range topics {
		if found.Has(t.Name) {
			existing = append(existing, t)
			continue
		}
		s := shape{cmp.Or(t.Partitions, DefaultPartitions), t.Retention}
		missing[s] = append(missing[s], t.Name)
	}
	for s, names := range missing {
		if err := c.create(ctx, s, names); err != nil {
			return nil, err
		}
	}
	return c.differences(ctx, existing, found)
}

func names(topics []Topic) []string {
	list := make([]string, 0, len(topics))
	for _, t := range topics {
		list = append(list, t.Name)
	}
	return list
}

func (c *Client) create(ctx context.Context, s shape, topics []string) error {
	var configs map[string]*string
	if s.retention > 0 {
		configs = map[string]*string{retentionConfig: new(millis(s.retention))}
	}
	created, err := c.admin.CreateTopics(ctx, s.partitions, -1, configs, topics...)
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

// lookUp returns those of topics that exist.
func (c *Client) lookUp(ctx context.Context, topics []string) (kadm.TopicDetails, error) {
	if len(topics) == 0 {
		return nil, nil // the cluster would take no topics for all topics
	}
	found, err := c.admin.ListTopics(ctx, topics...)
	if err != nil {
		return nil, c.reach(err)
	}
	for name, topic := range found {
		switch {
		case errors.Is(topic.Err, kerr.UnknownTopicOrPartition):
			delete(found, name)
		case topic.Err != nil:
			return nil, fmt.Errorf("look up topic %s: %w", name, topic.Err)
		}
	}
	return found, nil
}

// Missing returns those of topics that do not exist, sorted.
func (c *Client) Missing(ctx context.Context, topics []string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	found, err := c.lookUp(ctx, topics)
	if err != nil {
		return nil, err
	}
	var missing []string
	for _, topic := range topics {
		if !found.Has(topic) {
			missing = append(missing, topic)
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
