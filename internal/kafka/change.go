package kafka

import (
	"context"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kadm"
)

// Change makes one property of a topic what is wanted. It does what it is told: whether that is safe is
// the caller's to weigh.
func (c *Client) Change(ctx context.Context, d Difference) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var said string
	var err error
	if d.Property == partitionsProperty {
		said, err = c.setPartitions(ctx, d)
	} else {
		said, err = c.setConfig(ctx, d)
	}
	switch {
	case err == nil:
		return nil
	case said != "":
		return fmt.Errorf("set %s of topic %s: %w (%s)", d.Property, d.Topic, err, said)
	}
	return fmt.Errorf("set %s of topic %s: %w", d.Property, d.Topic, err)
}

// setPartitions returns what the cluster said besides its error.
func (c *Client) setPartitions(ctx context.Context, d Difference) (said string, err error) {
	n, err := strconv.Atoi(d.Wants)
	if err != nil {
		return "", err
	}
	res, err := c.admin.UpdatePartitions(ctx, n, d.Topic)
	if err != nil {
		return "", c.reach(err)
	}
	topic, err := res.On(d.Topic, nil)
	if err != nil {
		return "", err
	}
	return topic.ErrMessage, topic.Err
}

func (c *Client) setConfig(ctx context.Context, d Difference) (said string, err error) {
	res, err := c.admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: d.Property, Value: new(d.Wants)}}, d.Topic)
	if err != nil {
		return "", c.reach(err)
	}
	topic, err := res.On(d.Topic, nil)
	if err != nil {
		return "", err
	}
	return topic.ErrMessage, topic.Err
}
