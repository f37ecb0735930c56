package vault

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/omninode-ai/omninode/onex/config"
)

// AdminConfig opens an Admin. Address and Token are required.
type AdminConfig struct {
	Address string
	Token   config.Secret // may write mounts, policies, roles and secrets

	Dial    func(ctx context.Context, network, address string) (net.Conn, error)
	Timeout time.Duration // of each call; 0: 5s
}

// Admin sets Vault up for a fleet. All its methods may be repeated: what is already as it should be
// stays untouched.
type Admin struct{ client *client }

// OpenAdmin returns an Admin. It opens no connection.
func OpenAdmin(c AdminConfig) (*Admin, error) {
	if c.Address == "" || c.Token.IsZero() {
		return nil, errors.New("vault: seeding needs VAULT_ADDR and VAULT_TOKEN")
	}
	cl, err := newClient(c.Address, c.Token, c.Dial, c.Timeout)
	if err != nil {
		return nil, err
	}
	return &Admin{client: cl}, nil
}

// Close closes idle connections.
func (a *Admin) Close() { a.client.closeIdle() }

// EnableMounts enables the KV v2 and AppRole mounts if they are absent. It refuses a mount of
// another kind at their place.
func (a *Admin) EnableMounts(ctx context.Context) error {
	if err := a.enableKV(ctx); err != nil {
		return err
	}
	return a.enableAppRole(ctx)
}

func (a *Admin) enableKV(ctx context.Context) error {
	in := &api.MountInput{Type: "kv", Options: map[string]string{"version": "2"}}
	err := a.client.api.Sys().MountWithContext(ctx, Mount, in)
	if err != nil && !isTaken(err) {
		return a.client.explain("mount "+Mount, err)
	}
	mounts, err := a.client.api.Sys().ListMountsWithContext(ctx)
	if err != nil {
		return a.client.explain("list mounts", err)
	}
	if m := mounts[Mount+"/"]; m == nil || m.Type != "kv" || m.Options["version"] != "2" {
		return fmt.Errorf("%s: mount %s is not of type kv version 2", a.client.name(), Mount)
	}
	return a.awaitKV(ctx)
}

func (a *Admin) enableAppRole(ctx context.Context) error {
	err := a.client.api.Sys().EnableAuthWithOptionsWithContext(ctx, AuthMount, &api.EnableAuthOptions{Type: "approle"})
	if err != nil && !isTaken(err) {
		return a.client.explain("enable auth method "+AuthMount, err)
	}
	methods, err := a.client.api.Sys().ListAuthWithContext(ctx)
	if err != nil {
		return a.client.explain("list auth methods", err)
	}
	if m := methods[AuthMount+"/"]; m == nil || m.Type != "approle" {
		return fmt.Errorf("%s: auth mount %s is not of type approle", a.client.name(), AuthMount)
	}
	return nil
}

// isTaken tells that something is mounted there: tried rather than asked for beforehand, because two
// runs may meet.
func isTaken(err error) bool {
	var answer *api.ResponseError
	return errors.As(err, &answer) && answer.StatusCode == http.StatusBadRequest && mentions(answer, "already in use")
}

// awaitKV waits for the upgrade a new KV v2 mount goes through, during which it refuses requests.
func (a *Admin) awaitKV(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, a.client.timeout)
	defer cancel()
	for {
		_, err := a.client.api.Logical().ReadWithContext(ctx, Mount+"/config")
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return a.client.explain("wait for mount "+Mount, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// ReadSecrets returns a node's secrets by key.
func (a *Admin) ReadSecrets(ctx context.Context, node string) (map[string]config.Secret, error) {
	fields, err := a.client.readKV(ctx, Path(node))
	if err != nil {
		return nil, err
	}
	secrets := make(map[string]config.Secret, len(fields))
	for k, v := range fields {
		secrets[k] = config.NewSecret(v)
	}
	return secrets, nil
}

// WriteSecrets merges values into a node's secrets and returns the keys it changed, sorted. Other
// fields stay; a concurrent change is not lost, because the write is checked against the version read.
func (a *Admin) WriteSecrets(ctx context.Context, node string, values map[string]config.Secret) ([]string, error) {
	const attempts = 5
	for range attempts {
		fields, version, err := a.client.readKVVersion(ctx, Path(node))
		if err != nil {
			return nil, err
		}
		merged, changed := merge(fields, values)
		if len(changed) == 0 {
			return nil, nil
		}
		_, err = a.client.api.KVv2(Mount).Put(ctx, Path(node), merged, api.WithCheckAndSet(version))
		if err == nil {
			return changed, nil
		}
		if !isCASMismatch(err) {
			return nil, a.client.explain("write "+Mount+"/"+Path(node), err)
		}
	}
	return nil, fmt.Errorf("%s: write %s/%s: it was changed by others %d times in a row", a.client.name(), Mount, Path(node), attempts)
}

func merge(fields map[string]string, values map[string]config.Secret) (map[string]any, []string) {
	merged := make(map[string]any, len(fields)+len(values))
	for k, v := range fields {
		merged[k] = v
	}
	var changed []string
	for _, k := range slices.Sorted(maps.Keys(values)) {
		if old, ok := fields[k]; !ok || old != values[k].Reveal() {
			merged[k] = values[k].Reveal()
			changed = append(changed, k)
		}
	}
	return merged, changed
}

func isCASMismatch(err error) bool {
	var answer *api.ResponseError
	return errors.As(err, &answer) && answer.StatusCode == http.StatusBadRequest && mentions(answer, "check-and-set")
}

// Policy returns the rules of a node's policy: it may read its own secrets, look its own token up, keep
// it alive and give it back, have credentials made for its database roles and prolong them, and nothing
// else.
func Policy(node string, databaseRoles ...string) string {
	rules := []string{
		fmt.Sprintf("# %s: written by omninode seed; changes are overwritten", Role(node)),
		rule(Mount+"/data/"+Path(node), "read"),
		rule("auth/token/lookup-self", "read"),
		rule("auth/token/renew-self", "update"),
		rule("auth/token/revoke-self", "update"),
	}
	for _, role := range databaseRoles {
		rules = append(rules, rule(CredentialsPath(role), "read"))
	}
	if len(databaseRoles) > 0 {
		rules = append(rules, rule(renewPath, "update"))
	}
	return strings.Join(rules, "\n") + "\n"
}

// tokenTTL is how long a node's token lives unless it is renewed.
const tokenTTL = "1h"

func rule(path, capability string) string {
	return fmt.Sprintf("path %q { capabilities = [%q] }", path, capability)
}

// GrantNode writes the node's policy and its AppRole. Logins get only that policy; secret ids do not
// end by themselves, because a process logs in again with its own when its token ends. With database
// roles the token can be renewed without end, because what was made under it ends with it.
func (a *Admin) GrantNode(ctx context.Context, node string, databaseRoles ...string) error {
	if err := a.client.api.Sys().PutPolicyWithContext(ctx, Role(node), Policy(node, databaseRoles...)); err != nil {
		return a.client.explain("write policy "+Role(node), err)
	}
	role := "auth/" + AuthMount + "/role/" + Role(node)
	period := "0"
	if len(databaseRoles) > 0 {
		period = tokenTTL
	}
	_, err := a.client.write(ctx, role, map[string]any{
		"token_policies": []string{Role(node)}, "token_no_default_policy": true,
		"token_ttl": tokenTTL, "token_max_ttl": "24h", "token_period": period, "bind_secret_id": true,
		"secret_id_num_uses": 0, "secret_id_ttl": 0,
	})
	if err != nil {
		return err
	}
	_, err = a.client.write(ctx, role+"/role-id", map[string]any{"role_id": Role(node)})
	return err
}

// SetSecretID makes id one of the node's secret ids and reports whether it was new.
func (a *Admin) SetSecretID(ctx context.Context, node string, id config.Secret) (bool, error) {
	role := "auth/" + AuthMount + "/role/" + Role(node)
	data := map[string]any{"secret_id": id.Reveal()}
	known, err := a.client.write(ctx, role+"/secret-id/lookup", data)
	if err != nil || known != nil {
		return false, err
	}
	_, err = a.client.write(ctx, role+"/custom-secret-id", data)
	return err == nil, err
}

// WrapSecretID makes a new secret id of the node and returns a token that wraps it: it can be
// unwrapped once, within ttl, by Open.
func (a *Admin) WrapSecretID(ctx context.Context, node string, ttl time.Duration) (config.Secret, error) {
	wrapping, err := a.client.api.Clone()
	if err != nil {
		return config.Secret{}, fmt.Errorf("vault: %w", err)
	}
	wrapping.SetToken(a.client.api.Token())
	wrapping.SetWrappingLookupFunc(func(string, string) string { return ttl.String() })
	path := "auth/" + AuthMount + "/role/" + Role(node) + "/secret-id"
	got, err := wrapping.Logical().WriteWithContext(ctx, path, nil)
	if err != nil {
		return config.Secret{}, a.client.explain("write "+path, err)
	}
	if got == nil || got.WrapInfo == nil {
		return config.Secret{}, fmt.Errorf("%s: %s was answered without a wrapping token", a.client.name(), path)
	}
	return config.NewSecret(got.WrapInfo.Token), nil
}
