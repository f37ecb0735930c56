package kafka

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// retentionConfig is the topic's setting that bounds the age of its records.
const retentionConfig = "retention.ms"

// Difference is one property of a topic that is not as its owner declares it.
type Difference struct {
	Topic, Property string
	Has, Declared   string
	Remedy          string // for a person who has weighed what it means for the records that are there
}

// differences compares topics that exist with what is declared; what is not declared is not looked at.
func (c *Client) differences(ctx context.Context, topics []Topic, found kadm.TopicDetails) ([]Difference, error) {
	var list []Difference
	var retained []Topic
	for _, t := range topics {
		if has := len(found[t.Name].Partitions); t.Partitions > 0 && has != int(t.Partitions) {
			list = append(list, partitionsDiffer(t, has))
		}
		if t.Retention > 0 {
			retained = append(retained, t)
		}
	}
	if len(retained) == 0 {
		return list, nil
	}
	configs, err := c.admin.DescribeTopicConfigs(ctx, names(retained)...)
	if err != nil {
		return nil, c.reach(err)
	}
	for _, t := range retained {
		config, err := configs.On(t.Name, nil)
		if err == nil {
			err = config.Err
		}
		if err != nil {
			return nil, fmt.Errorf("read the configuration of topic %s: %w", t.Name, err)
		}
		if has := value(config); has != millis(t.Retention) {
			list = append(list, retentionDiffers(t, has))
		}
	}
	return list, nil
}

func partitionsDiffer(t Topic, has int) Difference {
	remedy := "declare a new version of the message: a topic cannot lose partitions"
	if has < int(t.Partitions) {
		remedy = fmt.Sprintf("once its records are consumed, since keys move: kafka-topics.sh --alter --topic %s --partitions %d", t.Name, t.Partitions)
	}
	return Difference{Topic: t.Name, Property: "partitions", Has: strconv.Itoa(has), Declared: strconv.Itoa(int(t.Partitions)), Remedy: remedy}
}

func retentionDiffers(t Topic, has string) Difference {
	return Difference{
		Topic: t.Name, Property: retentionConfig, Has: has, Declared: millis(t.Retention),
		Remedy: fmt.Sprintf("kafka-configs.sh --alter --topic %s --add-config %s=%s", t.Name, retentionConfig, millis(t.Retention)),
	}
}

func value(config kadm.ResourceConfig) string {
	for _, c := range config.Configs {
		if c.Key == retentionConfig {
			return c.MaybeValue()
		}
	}
	return ""
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
