package e2e

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/onex/registry"
)

func registered(ctx context.Context, s *Stack) error {
	for _, c := range s.Fleet {
		want := registry.Meta(facts(c))
		err := s.eventually(ctx, "node "+c.Node+" in Consul", func(ctx context.Context) error {
			instances, err := s.catalog.Instances(ctx, c.Node)
			if err != nil {
				return err
			}
			return checkInstances(instances, want)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func checkInstances(instances []registry.Instance, want map[string]string) error {
	if len(instances) == 0 {
		return errors.New("it is not registered")
	}
	for _, in := range instances {
		if in.MetaErr != nil {
			return fmt.Errorf("instance %s: %w", in.ID, in.MetaErr)
		}
		for _, k := range slices.Sorted(maps.Keys(want)) {
			if in.Meta[k] != want[k] {
				return fmt.Errorf("instance %s: %s is %q, want %q", in.ID, k, in.Meta[k], want[k])
			}
		}
		if !in.Passing {
			return fmt.Errorf("instance %s does not pass: %s", in.ID, cmp.Or(in.Output, "no check has run yet"))
		}
	}
	return nil
}

// facts derives from a contract what its node must say about itself.
func facts(c *contract.Contract) registry.Facts {
	f := registry.Facts{NodeType: string(c.Kind), Version: c.Version, Capabilities: c.Capabilities, ContractSHA256: c.SHA256}
	consume := func(ms ...*contract.Message) { f.EventsConsumed = append(f.EventsConsumed, refs(ms)...) }
	emit := func(ms ...*contract.Message) { f.EventsEmitted = append(f.EventsEmitted, refs(ms)...) }
	for _, h := range c.Handles {
		consume(h.Input)
		emit(h.Emits...)
	}
	if c.Machine != nil {
		for _, t := range c.Machine.Transitions {
			consume(t.Input)
			emit(t.Emits...)
		}
	}
	if w := c.Workflow; w != nil {
		consume(w.Start)
		emit(w.Completed, w.Failed)
		for _, step := range w.Steps {
			consume(step.Success...)
			consume(step.Failure...)
			emit(step.Send, step.Undo)
		}
	}
	for _, s := range c.Schedules {
		emit(s.Send)
	}
	return f
}

func refs(ms []*contract.Message) []string {
	var list []string
	for _, m := range ms {
		if m != nil {
			list = append(list, m.Ref.String())
		}
	}
	return list
}

func stored(ctx context.Context, s *Stack) error {
	c, err := s.begin(ctx, goodCard)
	if err != nil {
		return err
	}
	if _, err := c.await(ctx, checkoutCompleted); err != nil {
		return err
	}
	if err := c.settled(ctx, "completed", "ready"); err != nil {
		return err
	}
	if err := c.handledOnce(ctx); err != nil {
		return err
	}
	for _, node := range s.Fleet {
		if err := s.alive(ctx, node); err != nil {
			return err
		}
	}
	return nil
}

// handledOnce wants one inbox row of the start in checkout's schema, and an outbox that empties.
func (c *checkout) handledOnce(ctx context.Context) error {
	var rows int
	err := c.stack.db.QueryRow(ctx, `SELECT count(*) FROM checkout.inbox WHERE event_id = $1`, c.start.ID).Scan(&rows)
	if err != nil {
		return fmt.Errorf("read checkout's inbox: %w", err)
	}
	if rows != 1 {
		return fmt.Errorf("checkout's inbox has %d rows of the start, want one", rows)
	}
	return nil
}

// alive wants a registration of the node whose lease has not expired.
func (s *Stack) alive(ctx context.Context, c *contract.Contract) error {
	return s.eventually(ctx, "registration of "+c.Node+" in Postgres", func(ctx context.Context) error {
		alive, err := s.registrations(ctx, c.Node)
		if err != nil {
			return err
		}
		for _, r := range alive {
			if r.version == c.Version && r.sha == c.SHA256 && r.kind == string(c.Kind) {
				return nil
			}
		}
		return fmt.Errorf("no living instance has version %s and this contract; there are %d others", c.Version, len(alive))
	})
}

type registration struct{ id, kind, version, sha string }

// registrations returns the living instances of a node.
func (s *Stack) registrations(ctx context.Context, node string) ([]registration, error) {
	rows, err := s.db.Query(ctx, `SELECT service_id, node_type, version, contract_sha256 FROM omninode.node_registrations
		WHERE node = $1 AND deregistered_at IS NULL AND lease_expires_at > now() ORDER BY service_id`, node)
	if err != nil {
		return nil, fmt.Errorf("read the registrations: %w", err)
	}
	defer rows.Close()
	var list []registration
	for rows.Next() {
		var r registration
		if err := rows.Scan(&r.id, &r.kind, &r.version, &r.sha); err != nil {
			return nil, fmt.Errorf("read the registrations: %w", err)
		}
		list = append(list, r)
	}
	return list, rows.Err()
}

func deregistered(ctx context.Context, s *Stack) error {
	for _, c := range s.Fleet {
		err := s.eventually(ctx, "node "+c.Node+" is gone", func(ctx context.Context) error {
			instances, err := s.catalog.Instances(ctx, c.Node)
			if err != nil {
				return err
			}
			alive, err := s.registrations(ctx, c.Node)
			if err != nil {
				return err
			}
			if len(instances)+len(alive) > 0 {
				return fmt.Errorf("the catalog still has %s; %d instances are alive in Postgres", ids(instances), len(alive))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func ids(instances []registry.Instance) string {
	list := make([]string, 0, len(instances))
	for _, in := range instances {
		list = append(list, in.ID)
	}
	return "[" + strings.Join(list, " ") + "]"
}
