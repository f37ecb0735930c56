package provision_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/omninode-ai/omninode/internal/provision"
	"github.com/omninode-ai/omninode/internal/vault"
	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/secret"
)

// seeding is a migrated database with one node, and a secrets file to be.
type seeding struct {
	*bench

	node string
	file string
}

func setupSeeding(t *testing.T) seeding {
	t.Helper()
	b := setup(t)
	s := seeding{bench: b, node: b.name("payment"), file: filepath.Join(t.TempDir(), "kept", "secrets.env")}
	b.migrate(t, provision.Up, s.node)
	return s
}

func (s seeding) config(adjust ...func(*provision.SeedConfig)) provision.SeedConfig {
	c := provision.SeedConfig{
		AdminURL: s.adminURL, SecretsFile: s.file, Generate: true,
		Nodes: []provision.Node{{Name: s.node, Secrets: []provision.Secret{{Key: "gateway_token", Description: "Bearer token."}}}},
	}
	for _, a := range adjust {
		a(&c)
	}
	return c
}

func (s seeding) seed(t *testing.T, adjust ...func(*provision.SeedConfig)) provision.NodeSeed {
	t.Helper()
	r, err := provision.Seed(t.Context(), s.config(adjust...))
	if err != nil {
		t.Fatal(err)
	}
	return r.Nodes[0]
}

func (s seeding) stored(t *testing.T, key string) string {
	t.Helper()
	f, err := secret.OpenFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	v, _, err := f.Get(t.Context(), s.node, key)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// wantLogin wants the stored URL to reach the node's own schema with its role.
func (s seeding) wantLogin(t *testing.T, url string) {
	t.Helper()
	conn := connect(t, url)
	var user, schema, timeout string
	err := conn.QueryRow(t.Context(), `SELECT current_user, current_schema(), current_setting('idle_in_transaction_session_timeout')`).Scan(&user, &schema, &timeout)
	if err != nil || user != provision.Schema(s.node) || schema != user || timeout != "30s" {
		t.Errorf("user %q, schema %q, timeout %q, %v", user, schema, timeout, err)
	}
	var unsafe string
	err = s.admin.QueryRow(t.Context(), `SELECT rolpassword FROM pg_authid WHERE rolname = $1`, user).Scan(&unsafe)
	if err != nil || !strings.HasPrefix(unsafe, "SCRAM-SHA-256$4096:") {
		t.Errorf("the role's password is stored as %.20q…, %v", unsafe, err)
	}
}

func lookup(values map[string]string) func(*provision.SeedConfig) {
	return func(c *provision.SeedConfig) {
		c.Lookup = func(name string) (string, bool) { v, ok := values[name]; return v, ok }
	}
}

func rotate(c *provision.SeedConfig) { c.Rotate = true }

func TestSeedGeneratesAndKeeps(t *testing.T) {
	t.Parallel()
	s := setupSeeding(t)
	first := s.seed(t)
	if first.Secrets["gateway_token"] != provision.Generated || first.Secrets["database_url"] != provision.Generated {
		t.Errorf("first: %+v", first)
	}
	dbURL, token := s.stored(t, "database_url"), s.stored(t, "gateway_token")
	if len(token) < 20 {
		t.Errorf("generated token has %d characters", len(token))
	}
	s.wantLogin(t, dbURL)
	if info, err := os.Stat(s.file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("secrets file: %v, %v", info.Mode(), err)
	}
	second := s.seed(t)
	if second.Secrets["gateway_token"] != provision.Kept || second.Secrets["database_url"] != provision.Kept {
		t.Errorf("second: %+v", second)
	}
	if s.stored(t, "database_url") != dbURL || s.stored(t, "gateway_token") != token {
		t.Error("seeding again changed what was there")
	}
}

func TestSeedTakesFromTheEnvironmentAndRotatesOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	s := setupSeeding(t)
	name := secret.Name(s.node, "gateway_token")
	s.seed(t, lookup(map[string]string{name: "one"}))
	dbURL := s.stored(t, "database_url")
	if n := s.seed(t, lookup(map[string]string{name: "two"})); n.Secrets["gateway_token"] != provision.Kept || s.stored(t, "gateway_token") != "one" {
		t.Errorf("without rotate: %+v, %q", n, s.stored(t, "gateway_token"))
	}
	n := s.seed(t, lookup(map[string]string{name: "two"}), rotate)
	if n.Secrets["gateway_token"] != provision.Given || s.stored(t, "gateway_token") != "two" {
		t.Errorf("with rotate: %+v, %q", n, s.stored(t, "gateway_token"))
	}
	if s.stored(t, "database_url") == dbURL {
		t.Error("rotate kept the database password")
	}
	s.wantLogin(t, s.stored(t, "database_url"))
	if !passwordRefused(t, dbURL) {
		t.Error("the old password still works")
	}
	if n := s.seed(t, rotate); n.Secrets["gateway_token"] != provision.Kept || s.stored(t, "gateway_token") != "two" {
		t.Errorf("rotate without a new value: %+v, %q", n, s.stored(t, "gateway_token"))
	}
}

// passwordRefused reports whether the server refuses the password of a URL. The embedded server and
// the usual images trust or check local connections differently; one that trusts cannot tell.
func passwordRefused(t *testing.T, url string) bool {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err == nil {
		_ = conn.Close(t.Context())
		return false
	}
	var pe *pgconn.PgError
	return errors.As(err, &pe) && pe.Code == "28P01"
}

func TestSeedHealsADatabaseThatLostItsPassword(t *testing.T) {
	t.Parallel()
	s := setupSeeding(t)
	s.seed(t)
	dbURL := s.stored(t, "database_url")
	if _, err := s.admin.Exec(t.Context(), `ALTER ROLE `+provision.Schema(s.node)+` PASSWORD NULL`); err != nil {
		t.Fatal(err)
	}
	if !passwordRefused(t, dbURL) {
		t.Fatal("the password still works")
	}
	s.seed(t)
	s.wantLogin(t, dbURL)
}

func TestSeedMovesTheAddressAndKeepsThePassword(t *testing.T) {
	t.Parallel()
	s := setupSeeding(t)
	s.seed(t)
	before, err := url.Parse(s.stored(t, "database_url"))
	if err != nil {
		t.Fatal(err)
	}
	n := s.seed(t, func(c *provision.SeedConfig) { c.NodeDatabaseAddr = "postgres:5432" })
	after, err := url.Parse(s.stored(t, "database_url"))
	if err != nil {
		t.Fatal(err)
	}
	if n.Secrets["database_url"] != provision.Moved || after.Host != "postgres:5432" || after.User.String() != before.User.String() || after.Path != before.Path {
		t.Errorf("%+v: host %q", n, after.Host)
	}
}

func TestSeedListsAllThatIsMissingAndChangesNothing(t *testing.T) {
	t.Parallel()
	s := setupSeeding(t)
	c := s.config(func(c *provision.SeedConfig) {
		c.Generate = false
		c.Nodes[0].Secrets = append(c.Nodes[0].Secrets, provision.Secret{Key: "api_key", Description: "Of the API."})
	})
	_, err := provision.Seed(t.Context(), c)
	var unseeded *provision.UnseededError
	if !errors.As(err, &unseeded) || len(unseeded.Missing) != 2 {
		t.Fatalf("got %v, want two missing", err)
	}
	for _, want := range []string{secret.Name(s.node, "gateway_token"), "Bearer token.", secret.Name(s.node, "api_key")} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
	if _, err := os.Stat(s.file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the secrets file is there: %v", err)
	}
	var has bool
	err = s.admin.QueryRow(t.Context(), `SELECT rolpassword IS NOT NULL FROM pg_authid WHERE rolname = $1`, provision.Schema(s.node)).Scan(&has)
	if err != nil || has {
		t.Errorf("the role has a password: %v, %v", has, err)
	}
}

func TestSeedRefuses(t *testing.T) {
	t.Parallel()
	s := setupSeeding(t)
	tests := map[string]struct {
		adjust func(*provision.SeedConfig)
		want   string
	}{
		"no store":    {func(c *provision.SeedConfig) { c.SecretsFile = "" }, "either a Vault or a secrets file"},
		"both stores": {func(c *provision.SeedConfig) { c.Vault = &provision.VaultTarget{} }, "either a Vault or a secrets file"},
		"no token": {func(c *provision.SeedConfig) {
			c.SecretsFile, c.Vault = "", &provision.VaultTarget{Address: "http://v"}
		}, "VAULT_TOKEN"},
		"not migrated":  {func(c *provision.SeedConfig) { c.Nodes[0].Name = s.name("other") }, "omninode migrate up"},
		"the superuser": {func(c *provision.SeedConfig) { c.Nodes[0].Name = "postgres" }, "taken by the database"},
	}
	for name, tt := range tests {
		_, err := provision.Seed(t.Context(), s.config(tt.adjust))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
}

func TestSeedRefusesAnOpenSecretsFile(t *testing.T) {
	t.Parallel()
	s := setupSeeding(t)
	s.seed(t)
	if err := os.Chmod(s.file, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := provision.Seed(t.Context(), s.config())
	if _, ok := errors.AsType[*secret.FileModeError](err); !ok {
		t.Errorf("got %v, want a FileModeError", err)
	}
}

func TestSeedKeepsOthersLinesInTheFile(t *testing.T) {
	t.Parallel()
	s := setupSeeding(t)
	if err := os.MkdirAll(filepath.Dir(s.file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.file, []byte("OTHER_TOKEN='of $another'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.seed(t)
	f, err := secret.OpenFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	if v, _, _ := f.Get(t.Context(), "other", "token"); v != "of $another" {
		t.Errorf("the other line is %q", v)
	}
}

func TestSeedTellsNoValues(t *testing.T) {
	t.Parallel()
	s := setupSeeding(t)
	var log bytes.Buffer
	c := s.config(lookup(map[string]string{secret.Name(s.node, "gateway_token"): "canary-token"}), func(c *provision.SeedConfig) {
		c.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	r, err := provision.Seed(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	report, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(s.stored(t, "database_url"))
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	told := string(report) + log.String()
	if !strings.Contains(told, "gateway_token") {
		t.Errorf("nothing was told: %s", told)
	}
	if strings.Contains(told, "canary") || strings.Contains(told, password) {
		t.Errorf("a value was told: %s", told)
	}
}

func TestSeedVault(t *testing.T) {
	t.Parallel()
	addr, token := os.Getenv("TEST_VAULT_ADDR"), os.Getenv("TEST_VAULT_TOKEN")
	if addr == "" || token == "" {
		t.Skip("TEST_VAULT_ADDR and TEST_VAULT_TOKEN are not set: no server Vault to seed")
	}
	s := setupSeeding(t)
	out := filepath.Join(t.TempDir(), "wrapped")
	toVault := func(c *provision.SeedConfig) {
		c.SecretsFile, c.Vault = "", &provision.VaultTarget{Address: addr, Token: config.NewSecret(token), Out: out}
	}
	given := lookup(map[string]string{secret.Name(s.node, "vault_secret_id"): "custom-" + s.suffix, secret.Name(s.node, "gateway_token"): "t"})
	if n := s.seed(t, toVault, given); n.SecretID != "given" || n.Wrapped != "" {
		t.Errorf("given: %+v", n)
	}
	if n := s.seed(t, toVault, given); n.SecretID != "kept" || n.Secrets["database_url"] != provision.Kept {
		t.Errorf("given again: %+v", n)
	}
	n := s.seed(t, toVault)
	if n.SecretID != "wrapped" || n.Secrets["gateway_token"] != provision.Kept {
		t.Errorf("wrapped: %+v", n)
	}
	info, err := os.Stat(n.Wrapped)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%s: %v, %v", n.Wrapped, info, err)
	}
	wrapped, err := os.ReadFile(n.Wrapped)
	if err != nil {
		t.Fatal(err)
	}
	logins := map[string]vault.AppRole{
		"custom":  {SecretID: config.NewSecret("custom-" + s.suffix)},
		"wrapped": {WrappedSecretID: config.NewSecret(strings.TrimSpace(string(wrapped)))},
	}
	for name, login := range logins {
		login.RoleID = vault.Role(s.node)
		st, err := vault.Open(t.Context(), vault.Config{Address: addr, AppRole: login})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		dbURL, _, err := st.Get(t.Context(), s.node, "database_url")
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		s.wantLogin(t, dbURL)
		if err := st.Stop(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSeedVaultNeedsASecretIDOrAFolder(t *testing.T) {
	t.Parallel()
	addr, token := os.Getenv("TEST_VAULT_ADDR"), os.Getenv("TEST_VAULT_TOKEN")
	if addr == "" || token == "" {
		t.Skip("TEST_VAULT_ADDR and TEST_VAULT_TOKEN are not set: no server Vault to seed")
	}
	s := setupSeeding(t)
	_, err := provision.Seed(t.Context(), s.config(func(c *provision.SeedConfig) {
		c.SecretsFile, c.Vault = "", &provision.VaultTarget{Address: addr, Token: config.NewSecret(token)}
	}))
	if err == nil || !strings.Contains(err.Error(), secret.Name(s.node, "vault_secret_id")) {
		t.Errorf("got %v", err)
	}
}

func TestDialOverridesTheDatabasesHost(t *testing.T) {
	t.Parallel()
	b := setup(t)
	u, err := url.Parse(b.adminURL)
	if err != nil {
		t.Fatal(err)
	}
	server := u.Host
	u.Host = "postgres.internal:5432"
	asked := make(chan string, 100)
	r, err := provision.Migrate(t.Context(), provision.MigrateConfig{AdminURL: u.String(), Direction: provision.Up, Dial: dialer(server, asked)})
	if err != nil || len(r.Schemas) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if first := <-asked; first != "postgres.internal:5432" {
		t.Errorf("dialed %q", first)
	}
}

func dialer(server string, asked chan<- string) provision.Dial {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		asked <- address
		return (&net.Dialer{}).DialContext(ctx, network, server)
	}
}
