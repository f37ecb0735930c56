package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omninode-ai/omninode/onex/topic"
)

// CreateTopics creates topics with the cluster's default replication, and returns an error for each
// that it refused; one that exists by now is none.
func (c *Client) CreateTopics(ctx context.Context, topics []topic.Topic) []error {
	errs := make([]error, len(topics))
	if len(topics) == 0 {
		return errs
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	// A first request creates nothing: its answer says how many replicas a topic gets and what the
	// cluster's defaults are.
	answers, err := c.requestTopics(ctx, topics, nil, true)
	if err == nil {
		answers, err = c.requestTopics(ctx, topics, answers, false)
	}
	for i, t := range topics {
		if errs[i] = err; err == nil {
			errs[i] = refused(t.Name, answers)
		}
	}
	return errs
}

func refused(name string, answers map[string]kmsg.CreateTopicsResponseTopic) error {
	a, ok := answers[name]
	if !ok {
		return fmt.Errorf("create topic %s: the cluster did not answer", name)
	}
	err := kerr.ErrorForCode(a.ErrorCode)
	if err == nil || errors.Is(err, kerr.TopicAlreadyExists) {
		return nil
	}
	if a.ErrorMessage != nil && *a.ErrorMessage != "" {
		return fmt.Errorf("create topic %s: %w (%s)", name, err, *a.ErrorMessage)
	}
	return fmt.Errorf("create topic %s: %w", name, err)
}

// requestTopics asks the cluster to create topics, given what it would make of them.
func (c *Client) requestTopics(ctx context.Context, topics []topic.Topic, answers map[string]kmsg.CreateTopicsResponseTopic, dry bool) (map[string]kmsg.CreateTopicsResponseTopic, error) {
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = int32(requestTimeout.Milliseconds())
	req.ValidateOnly = dry
	for _, t := range topics {
		rt := kmsg.NewCreateTopicsRequestTopic()
		rt.Topic, rt.NumPartitions, rt.ReplicationFactor = t.Name, t.Partitions, -1
		configs := configsOf(t)
		if !dry {
			amend(configs, answers[t.Name])
		}
		for _, name := range slices.Sorted(maps.Keys(configs)) {
			rc := kmsg.NewCreateTopicsRequestTopicConfig()
			rc.Name, rc.Value = name, new(configs[name])
			rt.Configs = append(rt.Configs, rc)
		}
		req.Topics = append(req.Topics, rt)
	}
	res, err := req.RequestWith(ctx, c.kgo)
	if err != nil {
		return nil, c.reach(err)
	}
	got := make(map[string]kmsg.CreateTopicsResponseTopic, len(res.Topics))
	for _, t := range res.Topics {
		got[t.Topic] = t
	}
	return got, nil
}

// configsOf returns what the owner of a new topic wants it to be set to.
func configsOf(t topic.Topic) map[string]string {
	configs := map[string]string{cleanupConfig: cleanup(t)}
	if retention := retained(t); retention != "" {
		configs[retentionConfig] = retention
	}
	return configs
}

// amend adds what every topic needs and the cluster would not give by itself.
func amend(configs map[string]string, a kmsg.CreateTopicsResponseTopic) {
	defaults := map[string]string{}
	for _, config := range a.Configs {
		if config.Value != nil {
			defaults[config.Name] = *config.Value
		}
	}
	if number(defaults[sizeConfig]) < maxRecordBytes {
		configs[sizeConfig] = strconv.Itoa(maxRecordBytes)
	}
	replication := int(a.ReplicationFactor)
	if n := number(defaults[inSyncConfig]); replication > 0 && (n < inSync(replication) || n > replication) {
		configs[inSyncConfig] = strconv.Itoa(inSync(replication))
	}
}
