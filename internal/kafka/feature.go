package kafka

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

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
