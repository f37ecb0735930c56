package consul

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/omninode-ai/omninode/onex/registry"
)

// announcement is what the agent and KV must hold about one instance.
type announcement struct {
	service  *api.AgentServiceRegistration
	overflow map[string]string // KV
}

// Register announces an instance: overflowed metadata first, so that whoever sees the instance finds
// its values. It is bounded by the Client's timeout.
func (c *Client) Register(ctx context.Context, r registry.Registration) error {
	a, err := announce(r)
	if err != nil {
		return err
	}
	return c.exclusive(ctx, "register "+r.ID, func(ctx context.Context) error {
		if err := c.put(ctx, a); err != nil {
			return err
		}
		c.announced[r.ID] = a
		return nil
	})
}

// Deregister takes an instance back. Metadata in KV stays for instances of the same version.
func (c *Client) Deregister(ctx context.Context, id string) error {
	return c.exclusive(ctx, "deregister "+id, func(ctx context.Context) error {
		delete(c.announced, id)
		err := c.api.Agent().ServiceDeregisterOpts(id, (&api.QueryOptions{}).WithContext(ctx))
		if isNotFound(err) {
			return nil
		}
		return err
	})
}

// exclusive runs do while no other registration changes, within the timeout.
func (c *Client) exclusive(ctx context.Context, doing string, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return c.explain(doing, ctx.Err())
	}
	if err := do(ctx); err != nil {
		return c.explain(doing, err)
	}
	return nil
}

func (c *Client) put(ctx context.Context, a announcement) error {
	for _, key := range slices.Sorted(maps.Keys(a.overflow)) {
		pair := &api.KVPair{Key: key, Value: []byte(a.overflow[key])}
		if _, err := c.api.KV().Put(pair, (&api.WriteOptions{}).WithContext(ctx)); err != nil {
			return fmt.Errorf("store metadata %s: %w", key, err)
		}
	}
	opts := api.ServiceRegisterOpts{ReplaceExistingChecks: true}.WithContext(ctx)
	return c.api.Agent().ServiceRegisterOpts(a.service, opts)
}

func announce(r registry.Registration) (announcement, error) {
	if r.Service == "" || r.ID == "" || r.Address == "" || r.CheckURL == "" {
		return announcement{}, errors.New("registration needs Service, ID, Address and CheckURL")
	}
	fit, overflow, err := registry.Pack(r.Service, r.Meta)
	if err != nil {
		return announcement{}, fmt.Errorf("pack metadata: %w", err)
	}
	check := &api.AgentServiceCheck{
		CheckID:  "service:" + r.ID,
		Name:     r.Service + " is ready",
		HTTP:     r.CheckURL,
		Interval: cmp.Or(r.CheckInterval, 10*time.Second).String(),
		Timeout:  cmp.Or(r.CheckTimeout, time.Second).String(),

		DeregisterCriticalServiceAfter: max(r.DeregisterAfter, time.Minute).String(),
	}
	return announcement{overflow: overflow, service: &api.AgentServiceRegistration{
		ID: r.ID, Name: r.Service, Address: r.Address, Port: r.Port, Tags: r.Tags, Meta: fit, Check: check,
	}}, nil
}
