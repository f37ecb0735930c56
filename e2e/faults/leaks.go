package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5"

	"github.com/omninode-ai/omninode/internal/provision"
	"github.com/omninode-ai/omninode/onex/event"
)

// released wants nothing to be left of a node none of whose processes runs any more.
func (h *harness) released(ctx context.Context, b *bus, node string) error {
	if err := h.releasedDatabase(ctx, node); err != nil {
		return err
	}
	groups, err := b.admin.DescribeGroups(ctx, event.Group(node))
	if err != nil {
		return err
	}
	if n := len(groups[event.Group(node)].Members); n > 0 {
		return violatedf("the group of %s still has %d members", node, n)
	}
	open, err := b.admin.ListTransactions(ctx, nil, []string{"Ongoing"})
	if err != nil {
		return err
	}
	for _, id := range open.TransactionalIDs() {
		return violatedf("transaction %s is still open", id)
	}
	return h.deregistered(ctx, node)
}

// releasedDatabase wants no connection of a node's role and no lease of its processes.
func (h *harness) releasedDatabase(ctx context.Context, node string) error {
	var connections, registered, relays int
	err := h.database(ctx, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, fmt.Sprintf(`SELECT (SELECT count(*) FROM pg_stat_activity WHERE usename = $1),
			(SELECT count(*) FROM omninode.node_registrations WHERE node = $2 AND deregistered_at IS NULL),
			(SELECT count(*) FROM %q.relay WHERE expires_at > now())`, provision.Schema(node)),
			provision.Schema(node), node).Scan(&connections, &registered, &relays)
	})
	switch {
	case err != nil:
		return err
	case connections > 0:
		return violatedf("%s still has %d connections to Postgres", node, connections)
	case registered > 0:
		return violatedf("%s still has %d registrations in Postgres", node, registered)
	case relays > 0:
		return violatedf("%s still has the lease of its relay", node)
	}
	return nil
}

// deregistered wants the catalog to hold nothing of a node.
func (h *harness) deregistered(ctx context.Context, node string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+h.catalog.Addr()+"/v1/health/service/"+node, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	var list []any
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		return err
	}
	if len(list) > 0 {
		return violatedf("the catalog still has %d registrations of %s", len(list), node)
	}
	return nil
}
