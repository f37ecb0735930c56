package main

import "github.com/omninode-ai/omninode/ci/internal/dagger"

// vault runs an unsealed Vault in memory; the root token exists only as a secret. The word "vault" in
// the command keeps the image's entry point from writing the token into the arguments.
func (m *Omninode) vault(run string, rootToken *dagger.Secret) *backend {
	c := m.from(vaultImage).
		WithSecretVariable("VAULT_DEV_ROOT_TOKEN_ID", rootToken).
		WithEnvVariable("SKIP_SETCAP", "1") // a development server locks no memory
	return server(run, "vault", 8200, c,
		"docker-entrypoint.sh", "vault", "server", "-dev", "-dev-no-store-token", "-dev-listen-address=0.0.0.0:8200")
}

func (s *stack) vaultURL() string { return "http://" + s.vault.address() }
