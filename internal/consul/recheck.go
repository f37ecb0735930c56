package consul

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/consul/api"
)

// Start begins to ask the agent periodically whether it still knows what was registered, and
// registers again what it forgot. It returns at once and may be called again.
func (c *Client) Start(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cancel != nil {
		return nil
	}
	ctx, c.cancel = context.WithCancel(ctx)
	c.done = make(chan struct{})
	go c.keep(ctx, c.done)
	return nil
}

// Stop ends what Start began, waits for it and closes idle connections. Registrations stay.
func (c *Client) Stop(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.transport.CloseIdleConnections()
	if c.cancel == nil {
		return nil
	}
	c.cancel()
	select {
	case <-c.done:
		c.cancel = nil
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Client) keep(ctx context.Context, done chan<- struct{}) {
	defer close(done)
	tick := time.NewTicker(c.recheck)
	defer tick.Stop()
	reachable := true
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := c.Recheck(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil && reachable {
			c.log.WarnContext(ctx, "registration could not be checked", "err", err)
		}
		if err == nil && !reachable {
			c.log.InfoContext(ctx, "registration can be checked again")
		}
		reachable = err == nil
	}
}

// Recheck registers again whatever the agent forgot. A started Client calls it by itself.
func (c *Client) Recheck(ctx context.Context) error {
	return c.exclusive(ctx, "check registrations", func(ctx context.Context) error {
		for _, id := range slices.Sorted(maps.Keys(c.announced)) {
			_, _, err := c.api.Agent().Service(id, (&api.QueryOptions{}).WithContext(ctx))
			if err == nil {
				continue
			}
			if !isNotFound(err) {
				return err
			}
			if err := c.put(ctx, c.announced[id]); err != nil {
				return err
			}
			c.log.WarnContext(ctx, "registered again with an agent that had forgotten", "service_id", id)
		}
		return nil
	})
}
