package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/omninode-ai/omninode/onex/topic"
)

// Planned is a topic as it is to be and how the cluster's differs.
type Planned struct {
	Topic       topic.Topic
	Exists      bool
	Differences []Difference
	Err         error // the cluster did not say how it is
}

// EnsureTopics creates those of topics that do not exist, with the cluster's default replication. It
// returns how those that do exist differ from what is wanted: nothing is changed about them, because
// other partitions would move keys and a shorter retention would delete records.
func (c *Client) EnsureTopics(ctx context.Context, topics []topic.Topic) ([]Difference, error) {
	plan, err := c.PlanTopics(ctx, topics)
	if err != nil {
		return nil, err
	}
	var missing []topic.Topic
	var differences []Difference
	for _, p := range plan {
		switch {
		case p.Err != nil:
			return nil, p.Err
		case !p.Exists:
			missing = append(missing, p.Topic)
		}
		differences = append(differences, p.Differences...)
	}
	for _, err := range c.CreateTopics(ctx, missing) {
		if err != nil {
			return nil, err
		}
	}
	return differences, nil
}

// PlanTopics compares topics with those of the cluster, in the order given, and changes nothing.
func (c *Client) PlanTopics(ctx context.Context, topics []topic.Topic) ([]Planned, error) {
	if len(topics) == 0 {
		return nil, nil // the cluster would take no topics for all topics
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	found, err := c.admin.ListTopics(ctx, names(topics)...)
	if err != nil {
		return nil, c.reach(err)
	}
	plan := make([]Planned, 0, len(topics))
	var existing []string
	for _, t := range topics {
		p := Planned{Topic: t}
		switch err := found[t.Name].Err; {
		case err == nil && found.Has(t.Name):
			p.Exists = true
			existing = append(existing, t.Name)
		case err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition):
			p.Err = fmt.Errorf("look up topic %s: %w", t.Name, err)
		}
		plan = append(plan, p)
	}
	return plan, c.compare(ctx, plan, found, existing)
}

// compare fills in the differences of those topics that exist.
func (c *Client) compare(ctx context.Context, plan []Planned, found kadm.TopicDetails, existing []string) error {
	if len(existing) == 0 {
		return nil
	}
	configs, err := c.admin.DescribeTopicConfigs(ctx, existing...)
	if err != nil {
		return c.reach(err)
	}
	for i := range plan {
		p := &plan[i]
		if !p.Exists {
			continue
		}
		config, err := configs.On(p.Topic.Name, nil)
		if err == nil {
			err = config.Err
		}
		if err != nil {
			p.Err = fmt.Errorf("read the configuration of topic %s: %w", p.Topic.Name, err)
			continue
		}
		p.Differences = differences(p.Topic, actualOf(found[p.Topic.Name], config))
	}
	return nil
}

// TopicsUnder returns the names of the cluster's topics that begin with a prefix, sorted.
func (c *Client) TopicsUnder(ctx context.Context, prefix string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	found, err := c.admin.ListTopics(ctx)
	if err != nil {
		return nil, c.reach(err)
	}
	list := found.Names()
	return slices.DeleteFunc(list, func(name string) bool { return !strings.HasPrefix(name, prefix) }), nil
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
	for _, name := range topics {
		switch err := found[name].Err; {
		case !found.Has(name), errors.Is(err, kerr.UnknownTopicOrPartition):
			missing = append(missing, name)
		case err != nil:
			return nil, fmt.Errorf("look up topic %s: %w", name, err)
		}
	}
	slices.Sort(missing)
	return missing, nil
}

func names(topics []topic.Topic) []string {
	list := make([]string, 0, len(topics))
	for _, t := range topics {
		list = append(list, t.Name)
	}
	return list
}
