package onex_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/jackc/pgx/v5"

	"github.com/omninode-ai/omninode/internal/provision"
	"github.com/omninode-ai/omninode/internal/vault"
	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/engine"
)

// TestVaultCredentialsThatEnd: a node on a real Vault gets credentials that open the database; when
// they cannot be prolonged it says so, and is not ready, while they still open it.
func TestVaultCredentialsThatEnd(t *testing.T) {
	t.Parallel()
	root, addr := os.Getenv("TEST_VAULT_TOKEN"), os.Getenv("TEST_VAULT_ADDR")
	if root == "" || addr == "" {
		t.Skip("TEST_VAULT_ADDR and TEST_VAULT_TOKEN are not set: no server Vault to make credentials")
	}
	f := setup(t)
	name := f.name("effect")
	f.databaseRole(addr, root, name)
	made := make(chan config.Credentials, 1)
	node := echo(onex.Effect, name, engine.RetryPolicy{}, succeed)
	for _, half := range []string{config.UsernameSuffix, config.PasswordSuffix} {
		node.Settings = append(node.Settings, config.Setting{
			Key: "reporting" + half, Env: strings.TrimSuffix(envName(node), "DATABASE_URL") + "REPORTING" + strings.ToUpper(half), Secret: true, DatabaseRole: name,
		})
	}
	build := node.Build
	node.Build = func(ctx context.Context, v *config.Values) (onex.Wiring, error) {
		r := config.Read(v)
		made <- r.Credentials("reporting")
		w, err := build(ctx, v)
		return w, errors.Join(r.Err(), err)
	}
	env := f.env([]onex.Node{node}, "a")
	delete(env, envName(node)) // comes from Vault as well
	env["VAULT_ADDR"], env["VAULT_ROLE_ID"], env["VAULT_SECRET_ID"] = addr, vault.Role(name), "id-"+name
	f.seed(addr, root, name, provision.Secret{Key: "reporting", DatabaseRole: name})
	r := f.launch(env, node)
	f.eventually("it is ready", func() error { return r.get("/readyz", http.StatusOK) })
	c := <-made
	if err := f.opens(c); err != nil {
		t.Fatal(err)
	}
	const reason = "and vault prolongs it no further; start the node again before"
	f.eventually("it is not ready", func() error {
		if status, body := r.read("/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, "credentials of database role "+name+": ends at ") || !strings.Contains(body, reason) {
			return fmt.Errorf("/readyz: %d %s", status, body)
		}
		return nil
	})
	if err := f.opens(c); err != nil {
		t.Errorf("told, but already over: %v", err)
	}
	r.halt()
	f.eventually("the credentials end with the node", func() error {
		if f.opens(c) == nil {
			return fmt.Errorf("%s still opens the database", c.Username)
		}
		return nil
	})
}

// databaseRole makes a role of Vault's database engine whose credentials live 10 s at most.
func (f *fixture) databaseRole(addr, root, role string) {
	f.t.Helper()
	c := api.DefaultConfig()
	c.Address = addr
	raw, err := api.NewClient(c)
	if err != nil {
		f.t.Fatal(err)
	}
	defer c.HttpClient.CloseIdleConnections()
	raw.SetToken(root)
	if err := raw.Sys().MountWithContext(f.t.Context(), vault.DatabaseMount, &api.MountInput{Type: "database"}); err != nil && !strings.Contains(err.Error(), "in use") {
		f.t.Fatal(err)
	}
	admin, err := pgx.ParseConfig(shared.database)
	if err != nil {
		f.t.Fatal(err)
	}
	for path, data := range map[string]map[string]any{
		"config/" + role: {
			"plugin_name": "postgresql-database-plugin", "allowed_roles": role, "username": admin.User, "password": admin.Password,
			"connection_url": fmt.Sprintf("postgresql://{{username}}:{{password}}@%s:%d/%s?sslmode=disable", admin.Host, admin.Port, admin.Database),
		},
		"roles/" + role: {
			"db_name": role, "default_ttl": "6s", "max_ttl": "12s",
			"creation_statements": `CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';`,
		},
	} {
		if _, err := raw.Logical().WriteWithContext(f.t.Context(), vault.DatabaseMount+"/"+path, data); err != nil {
			f.t.Fatal(err)
		}
	}
}

// seed gives the node its secrets and its login.
func (f *fixture) seed(addr, root, node string, secrets ...provision.Secret) {
	f.t.Helper()
	_, err := provision.Seed(f.t.Context(), provision.SeedConfig{
		AdminURL: shared.database, Vault: &provision.VaultTarget{Address: addr, Token: config.NewSecret(root)},
		Nodes: []provision.Node{{Name: node, Secrets: secrets}},
		Lookup: func(name string) (string, bool) {
			return "id-" + node, strings.HasSuffix(name, "_VAULT_SECRET_ID")
		},
	})
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) opens(c config.Credentials) error {
	ctx, cancel := context.WithTimeout(f.t.Context(), 5*time.Second)
	defer cancel()
	cc, err := pgx.ParseConfig(shared.database)
	if err != nil {
		f.t.Fatal(err)
	}
	cc.User, cc.Password = c.Username, c.Password.Reveal()
	conn, err := pgx.ConnectConfig(ctx, cc)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}
