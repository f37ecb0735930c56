package provision_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/jackc/pgx/v5"

	"github.com/omninode-ai/omninode/internal/provision"
	"github.com/omninode-ai/omninode/internal/vault"
	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/secret"
)

// withRole gives the node a secret that is made for a database role.
func withRole(role string) func(*provision.SeedConfig) {
	return func(c *provision.SeedConfig) {
		c.Nodes[0].Secrets = append(c.Nodes[0].Secrets, provision.Secret{Key: "reporting", Description: "Reads reports.", DatabaseRole: role})
	}
}

// TestSeedFileHoldsBothHalves: without Vault nobody makes credentials, so they are values like others.
func TestSeedFileHoldsBothHalves(t *testing.T) {
	t.Parallel()
	s := setupSeeding(t)
	_, err := provision.Seed(t.Context(), s.config(withRole("reader"), func(c *provision.SeedConfig) { c.Generate = false }))
	var unseeded *provision.UnseededError
	if !errors.As(err, &unseeded) || len(unseeded.Missing) != 3 || !strings.Contains(err.Error(), secret.Name(s.node, "reporting_username")) {
		t.Errorf("got %v, want the token and both halves to be missing", err)
	}
	n := s.seed(t, withRole("reader"), lookup(map[string]string{
		secret.Name(s.node, "reporting_username"): "u", secret.Name(s.node, "reporting_password"): "p",
	}))
	if n.Secrets["reporting_username"] != provision.Given || s.stored(t, "reporting_username") != "u" || s.stored(t, "reporting_password") != "p" {
		t.Errorf("seeded %+v", n)
	}
}

// problems are what a store tells of its leases.
type problems struct {
	mu   sync.Mutex
	told map[string]time.Time
}

func (p *problems) lost(_ string, problem error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if problem != nil && p.told[problem.Error()].IsZero() {
		p.told[problem.Error()] = time.Now()
	}
}

func (p *problems) first(text string) (time.Time, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for problem, at := range p.told {
		if strings.Contains(problem, text) {
			return at, true
		}
	}
	return time.Time{}, false
}

// TestSeedVaultMakesDatabaseCredentials: what the policy allows is exactly the declared role; the
// credentials open the database, are prolonged, and their end is told while they still open it.
func TestSeedVaultMakesDatabaseCredentials(t *testing.T) {
	t.Parallel()
	s := setupSeeding(t)
	root, addr := vaultWithDatabase(t, s, map[string]string{"reader-" + s.suffix: "9s", "other-" + s.suffix: "1h"})
	id := config.NewSecret("custom-" + s.suffix)
	n := s.seed(t, withRole("reader-"+s.suffix), lookup(map[string]string{secret.Name(s.node, "vault_secret_id"): id.Reveal()}), func(c *provision.SeedConfig) {
		c.SecretsFile, c.Vault = "", &provision.VaultTarget{Address: addr, Token: config.NewSecret(root)}
	})
	if n.Secrets["reporting"] != provision.Issued {
		t.Errorf("seeded %+v", n)
	}
	told := &problems{told: map[string]time.Time{}}
	st, err := vault.Open(t.Context(), vault.Config{
		Address: addr, AppRole: vault.AppRole{RoleID: vault.Role(s.node), SecretID: id}, Lost: told.lost,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	made := time.Now()
	c, found, err := st.Issue(t.Context(), "reader-"+s.suffix)
	if err != nil || !found {
		t.Fatalf("credentials: %v, %v", found, err)
	}
	again, _, err := st.Issue(t.Context(), "reader-"+s.suffix)
	if err != nil || again != c {
		t.Errorf("asked twice, %v", err)
	}
	var denied *secret.UnavailableError
	if _, _, err := st.Issue(t.Context(), "other-"+s.suffix); !errors.As(err, &denied) || denied.Reason != "denies access" {
		t.Errorf("another role: %v", err)
	}
	if err := s.opens(t, c); err != nil {
		t.Fatal(err)
	}
	ends := s.await(t, told, "vault prolongs it no further")
	if lived := ends.Sub(made); lived < 5*time.Second || lived > 9*time.Second {
		t.Errorf("the end was told after %s; the lease is of 4s and prolonged up to 9s", lived)
	}
	if err := s.opens(t, c); err != nil {
		t.Errorf("told, but already over: %v", err)
	}
	s.await(t, told, "vault does not know the lease any more")
	if err := st.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	for end := time.Now().Add(10 * time.Second); s.opens(t, c) == nil; {
		if time.Now().After(end) {
			t.Fatal("credentials outlive the node")
		}
	}
}

func (s seeding) await(t *testing.T, p *problems, text string) time.Time {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); <-tick.C {
		if at, ok := p.first(text); ok {
			return at
		}
	}
	t.Fatalf("nobody told that %s: %v", text, p.told)
	return time.Time{}
}

// opens connects to the database with credentials.
func (s seeding) opens(t *testing.T, c config.Credentials) error {
	t.Helper()
	cc, err := pgx.ParseConfig(s.adminURL)
	if err != nil {
		t.Fatal(err)
	}
	cc.User, cc.Password = c.Username, c.Password.Reveal()
	conn, err := pgx.ConnectConfig(t.Context(), cc)
	if err != nil {
		return err
	}
	return conn.Close(t.Context())
}

// vaultWithDatabase gives a real Vault the roles of a database engine, each with its longest life, and
// returns its root token and address.
func vaultWithDatabase(t *testing.T, s seeding, roles map[string]string) (root, addr string) {
	t.Helper()
	addr, root = os.Getenv("TEST_VAULT_ADDR"), os.Getenv("TEST_VAULT_TOKEN")
	if addr == "" || root == "" {
		t.Skip("TEST_VAULT_ADDR and TEST_VAULT_TOKEN are not set: no server Vault to make credentials")
	}
	c := api.DefaultConfig()
	c.Address = addr
	raw, err := api.NewClient(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.HttpClient.CloseIdleConnections)
	raw.SetToken(root)
	if err := raw.Sys().MountWithContext(t.Context(), vault.DatabaseMount, &api.MountInput{Type: "database"}); err != nil && !strings.Contains(err.Error(), "in use") {
		t.Fatal(err)
	}
	write := func(path string, data map[string]any) {
		t.Helper()
		if _, err := raw.Logical().WriteWithContext(t.Context(), vault.DatabaseMount+"/"+path, data); err != nil {
			t.Fatal(err)
		}
	}
	admin, err := pgx.ParseConfig(s.adminURL)
	if err != nil {
		t.Fatal(err)
	}
	write("config/"+s.suffix, map[string]any{
		"plugin_name": "postgresql-database-plugin", "allowed_roles": "*", "username": admin.User, "password": admin.Password,
		"connection_url": fmt.Sprintf("postgresql://{{username}}:{{password}}@%s:%d/%s?sslmode=disable", admin.Host, admin.Port, admin.Database),
	})
	for role, most := range roles {
		write("roles/"+role, map[string]any{
			"db_name": s.suffix, "default_ttl": "4s", "max_ttl": most,
			"creation_statements": `CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';`,
		})
	}
	return root, addr
}
