package consul

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"
)

// watchTime is how long the agent holds a question whose answer has not changed.
const watchTime = time.Minute

// Watch returns what KV holds below prefix, by the rest of the key, and the index of that answer. It
// waits until the answer differs from the one of index, at most about a minute; index 0 does not wait.
func (c *Client) Watch(ctx context.Context, prefix string, index uint64) (map[string]string, uint64, error) {
	limit := c.timeout
	if index > 0 {
		limit += watchTime + watchTime/16 // the agent adds up to a sixteenth, so that watchers spread
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	opts := (&api.QueryOptions{WaitIndex: index, WaitTime: watchTime}).WithContext(ctx)
	pairs, meta, err := c.api.KV().List(prefix, opts)
	if err != nil {
		return nil, 0, fmt.Errorf("consul at %s: watch %s: %w", c.address, prefix, err)
	}
	values := make(map[string]string, len(pairs))
	for _, p := range pairs {
		values[strings.TrimPrefix(p.Key, prefix)] = string(p.Value)
	}
	if meta.LastIndex < index {
		return values, 0, nil // the agent was wiped: its indexes begin again
	}
	return values, meta.LastIndex, nil
}
