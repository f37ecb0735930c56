package onex

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/omninode-ai/omninode/internal/kafka"
)

var errAgain = errors.New("a topic came back")

// lookAtTopics makes the node ready or not by whether the topics it uses are there and open to it. The
// error is that of a broker that does not answer. What the node does with its other topics goes on;
// once one comes back the node joins its group anew, since it may be another of the same name.
func (m *member) lookAtTopics(ctx context.Context) error {
	owned, foreign := m.node.WantedTopics()
	names := foreign
	for _, t := range owned {
		names = append(names, t.Name)
	}
	if len(names) == 0 {
		return m.kafka.Ping(ctx)
	}
	missing, err := m.kafka.Missing(ctx, names)
	if err == nil {
		err = m.kafka.Readable(ctx, m.core.Topics())
	}
	forbidden, refused := errors.AsType[*kafka.ForbiddenError](err)
	if err != nil && !refused {
		return err
	}
	var reasons []string
	if refused {
		reasons = append(reasons, forbidden.Error())
	}
	for _, name := range missing {
		reasons = append(reasons, fmt.Sprintf("topic %s was deleted: run omninode topics apply, or restart the node that owns it", name))
	}
	reason := strings.Join(reasons, ", ")
	switch news := m.ready.set(m.node.Name, partTopics, reason); {
	case !news:
	case reason != "":
		m.log.ErrorContext(ctx, "topics of the node cannot be used", "err", reason)
	default:
		m.log.InfoContext(ctx, "topics of the node can be used again")
		select {
		case m.again <- struct{}{}:
		default:
		}
	}
	return nil
}
