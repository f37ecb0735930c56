package main

import "github.com/omninode-ai/omninode/ci/internal/dagger"

// database is the one database of the fleet; a node has a schema in it.
const database = "omninode"

// postgres runs a Postgres whose data lives and dies with it, so it need not wait for the disk.
func (m *Omninode) postgres(run string, password *dagger.Secret) *backend {
	c := m.from(postgresImage).
		WithSecretVariable("POSTGRES_PASSWORD", password).
		WithEnvVariable("POSTGRES_DB", database).
		WithEnvVariable("POSTGRES_INITDB_ARGS", "--no-sync")
	return server(run, "postgres", 5432, c,
		"docker-entrypoint.sh", "postgres", "-c", "fsync=off", "-c", "max_connections=200")
}
