//go:build minimal

// Package builtinplugins is one file of it: airgap puts it in the place of the
// file of the same name in Vault's source, which says what a minimal build adds
// to the core plugins. The pipeline needs two that the official binary has too.
package builtinplugins

import (
	credKube "github.com/hashicorp/vault-plugin-auth-kubernetes"
	dbPostgres "github.com/hashicorp/vault/plugins/database/postgresql"
)

func extendAddonPlugins(reg *registry) {
	reg.credentialBackends["kubernetes"] = credentialBackend{Factory: credKube.Factory}
	reg.databasePlugins["postgresql-database-plugin"] = databasePlugin{Factory: dbPostgres.New}
}
