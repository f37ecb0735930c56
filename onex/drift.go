package onex

import (
	"context"
	"time"

	"github.com/omninode-ai/omninode/internal/kafka"
)

// driftInterval is how often a node compares the topics it owns with what its contract wants.
const driftInterval = time.Minute

// drift is one property of a topic that differs.
type drift struct{ topic, property string }

// watchDrift follows until ctx ends how the node's topics differ: somebody may change one, or mend it.
func (m *member) watchDrift(ctx context.Context) {
	owned, _ := m.node.WantedTopics()
	for sleep(ctx, driftInterval) == nil {
		plan, err := m.kafka.PlanTopics(ctx, owned)
		if err != nil {
			continue // readiness tells of a broker that does not answer
		}
		var now []kafka.Difference
		for _, p := range plan {
			now = append(now, p.Differences...)
		}
		m.drifted(ctx, now)
	}
}

// drifted tells of differences that are new and of those that are gone.
func (m *member) drifted(ctx context.Context, now []kafka.Difference) {
	before := m.drift
	m.drift = map[drift]kafka.Difference{}
	for _, d := range now {
		at := drift{d.Topic, d.Property}
		m.drift[at] = d
		if before[at] == d {
			continue
		}
		m.observer.drift(d.Topic, d.Property, true)
		m.log.WarnContext(ctx, "topic is not as the contract wants it, and is left so", "topic", d.Topic,
			"property", d.Property, "has", d.Has, "wants", d.Wants, "why", d.Why, "remedy", d.Remedy)
	}
	for at := range before {
		if _, still := m.drift[at]; !still {
			m.observer.drift(at.topic, at.property, false)
			m.log.InfoContext(ctx, "topic is as the contract wants it", "topic", at.topic, "property", at.property)
		}
	}
}
