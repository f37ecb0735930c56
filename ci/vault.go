package main

import "github.com/omninode-ai/omninode/ci/internal/dagger"

// vault runs an unsealed Vault in memory; the root token exists only as a secret.
func (m *Omninode) vault(run string, rootToken *dagger.Secret) *backend {
	c := m.from(vaultImage).
		WithSecretVariable("VAULT_DEV_ROOT_TOKEN_ID", rootToken).
		WithEnvVariable("SKIP_SETCAP", "1") // a development server locks no memory
	return server(run, "vault", 8200, c, "docker-entrypoint.sh", "server", "-dev", "-dev-no-store-token")
}

func (s *stack) vaultURL() string { return "http://" + s.vault.address() }
