package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/internal/provision"
	"github.com/omninode-ai/omninode/onex/engine"
)

// TestSweep: what is older than the retention goes, in parts, and nothing else; the epoch of a
// registration grows all the same.
func TestSweep(t *testing.T) {
	t.Parallel()
	node, roleURL := migrated(t)
	s := open(t, roleURL)
	r, facts := registration(node, node+"-1")
	before, err := s.UpsertRegistration(t.Context(), r, facts, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	schema := provision.Schema(node)
	admin(t, fmt.Sprintf(`
		SET search_path = %q;
		INSERT INTO inbox SELECT 'a/b.v1', n::text, n::text, 't', 0, n, now() - '7 days 1 second'::interval FROM generate_series(1, 4500) n;
		INSERT INTO inbox SELECT 'a/b.v1', 'n' || n, n::text, 't', 0, n, now() - '6 days'::interval FROM generate_series(1, 10) n;
		INSERT INTO schedule VALUES ('gone', '', now(), now() - '8 days'::interval), ('rare', '', now(), now() - '8 days'::interval), ('new', '', now(), now());
		UPDATE omninode.node_registrations SET lease_expires_at = now() - '8 days'::interval WHERE service_id = '%s-1'`, schema, node))
	parts := 0
	err = s.Lead(t.Context(), func(ctx context.Context, q engine.Queue) error {
		for more := true; more; parts++ {
			if more, err = q.Sweep(ctx, []string{"rare"}); err != nil {
				return err
			}
		}
		ticks, err := q.Ticks(ctx)
		if _, gone := ticks["gone"]; err == nil && (gone || len(ticks) != 2) {
			err = errors.New("schedules are not those of the node and those that are new")
		}
		return err
	})
	if err != nil || parts != 3 {
		t.Errorf("swept in %d parts: %v", parts, err)
	}
	alive, _ := registration(node, node+"-2")
	if _, err := s.UpsertRegistration(t.Context(), alive, facts, time.Minute); err != nil {
		t.Fatal(err)
	}
	admin(t, fmt.Sprintf(`DO $$ BEGIN
		ASSERT (SELECT count(*) FROM %q.inbox) = 10, 'inbox';
		ASSERT (SELECT array_agg(service_id) FROM omninode.node_registrations WHERE node = '%s') = ARRAY['%[2]s-2'], 'registrations';
		END $$`, schema, node))
	if after, err := s.UpsertRegistration(t.Context(), r, facts, time.Minute); err != nil || after <= before {
		t.Errorf("epoch %d after %d: %v", after, before, err)
	}
}

// TestDepthsStayCheap: what waits is counted up to a limit.
func TestDepthsStayCheap(t *testing.T) {
	t.Parallel()
	node, roleURL := migrated(t)
	admin(t, fmt.Sprintf(`INSERT INTO %q.outbox (topic, key, header_names, header_values, value, created_at)
		SELECT 't', 'k', '{}', '{}', '', now() - '1 hour'::interval FROM generate_series(1, 12000) n`, provision.Schema(node)))
	d, err := open(t, roleURL).Depths(t.Context())
	if err != nil || d.Outbox != 10_000 || d.Parked != 0 || d.Oldest < time.Hour || d.Oldest > 2*time.Hour {
		t.Errorf("depths %+v, %v", d, err)
	}
}
