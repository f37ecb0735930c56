package main

import (
	"context"

	"github.com/omninode-ai/omninode/ci/internal/dagger"
)

// Apply the migrations to a database.
//
// Without one they are proved on a new Postgres: up, down to nothing, and up again.
func (m *Omninode) Migrate(
	ctx context.Context,
	// URL of the database with the rights to create schemas and roles, as in env://DATABASE_URL.
	// +optional
	database *dagger.Secret,
) (string, error) {
	r, err := m.newRun(ctx)
	if err != nil {
		return "", err
	}
	if database != nil {
		return r.migrate(ctx, database, "up")
	}
	defer r.stop(ctx)
	if err := r.startBackends(ctx, r.stack.postgres); err != nil {
		return "", err
	}
	if err := r.ready(ctx, r.stack.postgres); err != nil {
		return "", err
	}
	var all string
	for _, direction := range []string{"up", "reset", "up"} {
		out, err := r.migrate(ctx, r.keys.databaseURL, direction)
		if err != nil {
			return "", err
		}
		all += out
	}
	return all, nil
}

// migrate runs the migrations of the fleet.
func (r *run) migrate(ctx context.Context, database *dagger.Secret, direction string) (string, error) {
	out, err := r.tool().
		WithMountedDirectory("/src/nodes", r.m.contracts()).
		WithSecretVariable("DATABASE_URL", database).
		WithExec([]string{"omninode", "migrate", direction}).
		Stdout(ctx)
	if err != nil {
		return "", explain("migrate "+direction, "migrate", err)
	}
	return out, nil
}

// contracts is the fleet without its code: contracts, and the migrations of nodes' own tables.
func (m *Omninode) contracts() *dagger.Directory {
	return m.Source.Directory("nodes").Filter(dagger.DirectoryFilterOpts{Include: []string{"*/contract.yaml", "*/migrations/*.sql"}})
}
