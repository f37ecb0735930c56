package main

import (
	"context"

	"github.com/omninode-ai/omninode/ci/internal/dagger"
)

// Show what seeding writes into Vault and the database, on services of its own.
//
// Policies, AppRoles, secrets and passwords of roles are named; no value is shown. The services live
// for this call only.
func (m *Omninode) Seed(ctx context.Context) (string, error) {
	r, err := m.newRun(ctx)
	if err != nil {
		return "", err
	}
	defer r.stop(ctx)
	if err := r.startBackends(ctx, r.stack.postgres, r.stack.vault); err != nil {
		return "", err
	}
	if err := together(
		func() error { return r.ready(ctx, r.stack.vault) },
		func() error { return r.ready(ctx, r.stack.postgres) },
	); err != nil {
		return "", r.failure
	}
	migrated, err := r.migrate(ctx, r.keys.databaseURL, "up")
	if err != nil {
		return "", err
	}
	seeded, err := r.seed(ctx)
	if err != nil {
		return "", err
	}
	return migrated + seeded, nil
}

// seed writes secrets, policies and AppRoles into Vault and gives the nodes' database roles passwords,
// which the seeding makes and nobody else learns.
func (r *run) seed(ctx context.Context) (string, error) {
	out, err := r.tool().
		WithMountedDirectory("/src/nodes", r.m.contracts()).
		WithEnvVariable("VAULT_ADDR", r.stack.vaultURL()).
		WithSecretVariable("VAULT_TOKEN", r.keys.vaultToken).
		WithSecretVariable("DATABASE_URL", r.keys.databaseURL).
		WithSecretVariable("PAYMENT_GATEWAY_TOKEN", r.keys.gatewayToken).
		With(r.secretIDs).
		WithExec([]string{"omninode", "seed"}).
		Stdout(ctx)
	if err != nil {
		return "", explain("seed", "seed", err)
	}
	return out, nil
}

// secretIDs hands the secret ids that the nodes will log in with to the seeding.
func (r *run) secretIDs(c *dagger.Container) *dagger.Container {
	for _, node := range r.nodes {
		c = c.WithSecretVariable(secretIDName(node), r.keys.secretIDs[node])
	}
	return c
}
