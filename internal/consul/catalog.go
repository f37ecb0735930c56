package consul

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/hashicorp/consul/api"

	"github.com/omninode-ai/omninode/onex/registry"
)

// Instances returns the instances of a service with their complete metadata, sorted by ID.
func (c *Client) Instances(ctx context.Context, service string) ([]registry.Instance, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	entries, _, err := c.api.Health().Service(service, "", false, (&api.QueryOptions{}).WithContext(ctx))
	if err != nil {
		return nil, c.explain("list instances of "+service, err)
	}
	instances := make([]registry.Instance, 0, len(entries))
	for _, e := range entries {
		instances = append(instances, c.instance(ctx, e))
	}
	slices.SortFunc(instances, func(a, b registry.Instance) int { return cmp.Compare(a.ID, b.ID) })
	return instances, nil
}

func (c *Client) instance(ctx context.Context, e *api.ServiceEntry) registry.Instance {
	in := registry.Instance{
		Service: e.Service.Service, ID: e.Service.ID,
		Address: e.Service.Address, Port: e.Service.Port, Tags: e.Service.Tags,
		Passing: e.Checks.AggregatedStatus() == api.HealthPassing,
		Output:  output(e.Checks),
	}
	if in.Address == "" && e.Node != nil {
		in.Address = e.Node.Address
	}
	in.Meta, in.MetaErr = registry.Unpack(in.Service, e.Service.Meta, func(key string) (string, bool, error) {
		pair, _, err := c.api.KV().Get(key, (&api.QueryOptions{}).WithContext(ctx))
		if err != nil || pair == nil {
			return "", false, err
		}
		return string(pair.Value), true, nil
	})
	if in.MetaErr != nil {
		in.Meta = e.Service.Meta
	}
	return in
}

// output joins what the checks that do not pass say; if all pass, what the service's own says.
func output(checks api.HealthChecks) string {
	var bad []string
	last := ""
	for _, ch := range checks {
		if ch.Status != api.HealthPassing {
			bad = append(bad, strings.TrimSpace(ch.Output))
		}
		if ch.ServiceID != "" {
			last = strings.TrimSpace(ch.Output)
		}
	}
	if len(bad) > 0 {
		return strings.Join(bad, "; ")
	}
	return last
}
