package kafka

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

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
	return differences, c.awaitTopics(ctx, names(missing))
}

// visibleWait is between two looks for a topic that the cluster has just created: its brokers learn of it
// a little after its controller has answered.
const visibleWait = 20 * time.Millisecond

// awaitTopics waits until a broker knows topics.
func (c *Client) awaitTopics(ctx context.Context, topics []string) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	for {
		missing, err := c.Missing(ctx, topics)
		if err != nil || len(missing) == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("create topic %s: the brokers do not know it yet", missing[0])
		case <-time.After(visibleWait):
		}
	}
}

// PlanTopics compares topics with those of the cluster, in the order given, and changes nothing.
func (c *Client) PlanTopics(ctx context.Context, topics []topic.Topic) ([]Planned, error) {
	if len(topics) == 0 {
		return nil, nil // the cluster would take no topics for all topics
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	found, err := c.lookUp(ctx, names(topics))
	if err != nil {
		return nil, err
	}
	plan := make([]Planned, 0, len(topics))
	var existing []string
	for _, t := range topics {
		p := Planned{Topic: t}
		switch f := found[t.Name]; {
		case f.err != nil:
			p.Err = fmt.Errorf("look up topic %s: %w", t.Name, f.err)
		case f.exists:
			p.Exists = true
			existing = append(existing, t.Name)
		}
		plan = append(plan, p)
	}
	return plan, c.compare(ctx, plan, found, existing)
}

// found is what a cluster says of a topic.
type found struct {
	exists                  bool
	partitions, replication int
	unreadable              bool
	err                     error // it did not say whether the topic exists
}

// unknownRights is what a cluster says that does not tell what a client may do with a topic.
const unknownRights = math.MinInt32

// lookUp asks for topics, at least one.
func (c *Client) lookUp(ctx context.Context, topics []string) (map[string]found, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.IncludeTopicAuthorizedOperations = true
	for _, name := range topics {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = new(name)
		req.Topics = append(req.Topics, t)
	}
	res, err := req.RequestWith(ctx, c.kgo)
	if err != nil {
		return nil, c.reach(err)
	}
	all := make(map[string]found, len(res.Topics))
	for _, t := range res.Topics {
		err := kerr.ErrorForCode(t.ErrorCode)
		f := found{exists: err == nil, partitions: len(t.Partitions), err: err}
		if errors.Is(err, kerr.UnknownTopicOrPartition) {
			f.err = nil
		}
		rights := t.AuthorizedOperations
		f.unreadable = f.exists && rights != unknownRights && rights&(1<<kmsg.ACLOperationRead) == 0
		if len(t.Partitions) > 0 {
			f.replication = len(t.Partitions[0].Replicas)
		}
		if t.Topic != nil {
			all[*t.Topic] = f
		}
	}
	return all, nil
}

// compare fills in the differences of those topics that exist.
func (c *Client) compare(ctx context.Context, plan []Planned, found map[string]found, existing []string) error {
	if len(existing) == 0 {
		return nil
	}
	configs, refused, err := c.readConfigs(ctx, existing)
	if err != nil {
		return err
	}
	for i := range plan {
		p := &plan[i]
		name := p.Topic.Name
		switch {
		case !p.Exists:
		case refused[name] != nil:
			p.Err = fmt.Errorf("read the configuration of topic %s: %w", name, refused[name])
		default:
			p.Differences = differences(p.Topic, actual{found[name], configs[name]})
		}
	}
	return nil
}

// readConfigs returns the settings of topics that are compared, and why those of some were not told.
func (c *Client) readConfigs(ctx context.Context, topics []string) (configs map[string]map[string]string, refused map[string]error, err error) {
	req := kmsg.NewPtrDescribeConfigsRequest()
	for _, name := range topics {
		r := kmsg.NewDescribeConfigsRequestResource()
		r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeTopic, name
		r.ConfigNames = []string{retentionConfig, cleanupConfig, inSyncConfig, sizeConfig}
		req.Resources = append(req.Resources, r)
	}
	res, err := req.RequestWith(ctx, c.kgo)
	if err != nil {
		return nil, nil, c.reach(err)
	}
	configs, refused = map[string]map[string]string{}, map[string]error{}
	for _, r := range res.Resources {
		if refused[r.ResourceName] = kerr.ErrorForCode(r.ErrorCode); r.ErrorCode != 0 {
			continue
		}
		configs[r.ResourceName] = map[string]string{}
		for _, config := range r.Configs {
			if config.Value != nil {
				configs[r.ResourceName][config.Name] = *config.Value
			}
		}
	}
	return configs, refused, nil
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

// ForbiddenError says that the cluster does not let the node see a topic.
type ForbiddenError struct{ Topic string }

func (e *ForbiddenError) Error() string {
	return fmt.Sprintf("topic %s is forbidden to this node: give its principal the rights that omninode show NODE lists", e.Topic)
}

// Missing returns those of topics that do not exist, sorted. The error is a *ForbiddenError if the
// cluster does not let the node see one of them.
func (c *Client) Missing(ctx context.Context, topics []string) ([]string, error) {
	if len(topics) == 0 {
		return nil, nil // the cluster would take no topics for all topics
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	found, err := c.lookUp(ctx, topics)
	if err != nil {
		return nil, err
	}
	var missing []string
	for _, name := range topics {
		switch f := found[name]; {
		case errors.Is(f.err, kerr.TopicAuthorizationFailed):
			return nil, &ForbiddenError{Topic: name}
		case f.err != nil:
			return nil, fmt.Errorf("look up topic %s: %w", name, f.err)
		case !f.exists:
			missing = append(missing, name)
		}
	}
	slices.Sort(missing)
	return missing, nil
}

// Readable returns a *ForbiddenError if the cluster does not let the node read one of some topics.
func (c *Client) Readable(ctx context.Context, topics []string) error {
	if len(topics) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	found, err := c.lookUp(ctx, topics)
	if err != nil {
		return err
	}
	for _, name := range topics {
		if found[name].unreadable {
			return &ForbiddenError{Topic: name}
		}
	}
	return nil
}

func names(topics []topic.Topic) []string {
	list := make([]string, 0, len(topics))
	for _, t := range topics {
		list = append(list, t.Name)
	}
	return list
}
