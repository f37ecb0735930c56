package vault

import (
	"context"

	"github.com/omninode-ai/omninode/onex/config"
)

// ReadVersion returns a node's secrets by key with the version of the path that holds them.
func (a *Admin) ReadVersion(ctx context.Context, node string) (map[string]config.Secret, int, error) {
	fields, version, err := a.client.readKVVersion(ctx, Path(node))
	if err != nil {
		return nil, 0, err
	}
	secrets := make(map[string]config.Secret, len(fields))
	for k, v := range fields {
		secrets[k] = config.NewSecret(v)
	}
	return secrets, version, nil
}

// HasDatabaseRole reports whether Vault would make credentials for a role; it makes none.
func (a *Admin) HasDatabaseRole(ctx context.Context, role string) (bool, error) {
	path := DatabaseMount + "/roles/" + role
	got, err := a.client.api.Logical().ReadWithContext(ctx, path)
	if err != nil {
		return false, a.client.explain("read "+path, err)
	}
	return got != nil, nil
}
