package vault_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"go.uber.org/goleak"

	"github.com/omninode-ai/omninode/internal/vault"
	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/secret"
	"github.com/omninode-ai/omninode/onex/secret/secrettest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a real Vault with its mounts enabled.
type server struct {
	addr, root string
	admin      *vault.Admin
	raw        *api.Client
}

func setup(t *testing.T) server {
	t.Helper()
	s := server{addr: os.Getenv("TEST_VAULT_ADDR"), root: os.Getenv("TEST_VAULT_TOKEN")}
	if s.addr == "" || s.root == "" {
		t.Skip("TEST_VAULT_ADDR and TEST_VAULT_TOKEN are not set: no real Vault to run on")
	}
	var err error
	if s.admin, err = vault.OpenAdmin(vault.AdminConfig{Address: s.addr, Token: config.NewSecret(s.root)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.admin.Close)
	if err := s.admin.EnableMounts(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := api.DefaultConfig()
	c.Address = s.addr
	if s.raw, err = api.NewClient(c); err != nil {
		t.Fatal(err)
	}
	s.raw.SetToken(s.root)
	t.Cleanup(c.HttpClient.CloseIdleConnections)
	return s
}

// node makes up a node of this test with a granted role and returns its name and secret id.
func (s server) node(t *testing.T) (string, config.Secret) {
	t.Helper()
	node, id := "t-"+randomName(), config.NewSecret(rand.Text())
	if err := s.admin.GrantNode(t.Context(), node); err != nil {
		t.Fatal(err)
	}
	if _, err := s.admin.SetSecretID(t.Context(), node, id); err != nil {
		t.Fatal(err)
	}
	return node, id
}

func randomName() string { return strings.ToLower(rand.Text()[:12]) }

func (s server) write(t *testing.T, node string, values map[string]string) {
	t.Helper()
	secrets := map[string]config.Secret{}
	for k, v := range values {
		secrets[k] = config.NewSecret(v)
	}
	if _, err := s.admin.WriteSecrets(t.Context(), node, secrets); err != nil {
		t.Fatal(err)
	}
}

func (s server) open(t *testing.T, node string, id config.Secret, adjust ...func(*vault.Config)) *vault.Store {
	t.Helper()
	c := vault.Config{Address: s.addr, AppRole: vault.AppRole{RoleID: vault.Role(node), SecretID: id}}
	for _, a := range adjust {
		a(&c)
	}
	st, err := vault.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Stop(context.WithoutCancel(t.Context())) })
	return st
}

// TestStore runs the suite on a real Vault. The suite's nodes share one Vault, so a prefix keeps each
// store's apart, and one role reads them all.
func TestStore(t *testing.T) {
	t.Parallel()
	s := setup(t)
	secrettest.Exercise(t, func(t *testing.T, secrets secrettest.Secrets) secret.Store {
		owner, id := s.node(t)
		rules := vault.Policy(owner)
		for node, values := range secrets {
			s.write(t, owner+"-"+node, values)
			rules += vault.Policy(owner + "-" + node)
		}
		for _, node := range []string{"payment", "orders"} { // absent ones must be readable to be absent
			if _, ok := secrets[node]; !ok {
				rules += vault.Policy(owner + "-" + node)
			}
		}
		if err := s.raw.Sys().PutPolicyWithContext(t.Context(), vault.Role(owner), rules); err != nil {
			t.Fatal(err)
		}
		return prefixed{store: s.open(t, owner, id), prefix: owner + "-"}
	})
}

type prefixed struct {
	store  *vault.Store
	prefix string
}

func (p prefixed) Get(ctx context.Context, node, key string) (string, bool, error) {
	return p.store.Get(ctx, p.prefix+node, key)
}
func (p prefixed) Where(node, key string) string { return p.store.Where(p.prefix+node, key) }

func TestNodeReadsOnlyItsOwnSecrets(t *testing.T) {
	t.Parallel()
	s := setup(t)
	a, idA := s.node(t)
	b, idB := s.node(t)
	s.write(t, a, map[string]string{"token": "of-a"})
	s.write(t, b, map[string]string{"token": "of-b"})
	storeA, storeB := s.open(t, a, idA), s.open(t, b, idB)
	if v, ok, err := storeB.Get(t.Context(), b, "token"); v != "of-b" || !ok || err != nil {
		t.Fatalf("b's own secret = %q, %v, %v", v, ok, err)
	}
	v, ok, err := storeA.Get(t.Context(), b, "token")
	var denied *secret.UnavailableError
	if v != "" || ok || !errors.As(err, &denied) || denied.Reason != "denies access" {
		t.Errorf("a reads b's secret: %q, %v, %v", v, ok, err)
	}
}

func TestNodeCanDoNothingElse(t *testing.T) {
	t.Parallel()
	s := setup(t)
	a, id := s.node(t)
	s.write(t, a, map[string]string{"token": "of-a"})
	c := api.DefaultConfig()
	c.Address = s.addr
	raw, err := api.NewClient(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.HttpClient.CloseIdleConnections)
	raw.ClearToken()
	login, err := raw.Logical().WriteWithContext(t.Context(), "auth/approle/login", map[string]any{"role_id": vault.Role(a), "secret_id": id.Reveal()})
	if err != nil {
		t.Fatal(err)
	}
	raw.SetToken(login.Auth.ClientToken)
	own := "secret/data/" + vault.Path(a)
	if _, err := raw.Logical().ReadWithContext(t.Context(), own); err != nil {
		t.Fatalf("own path: %v", err) // else the refusals below would prove nothing
	}
	for _, path := range []string{own, "secret/data/omninode/other", "sys/policies/acl/x", "auth/approle/role/x", "cubbyhole/x", "sys/wrapping/wrap"} {
		if _, err := raw.Logical().WriteWithContext(t.Context(), path, map[string]any{"data": map[string]any{"x": "y"}}); err == nil {
			t.Errorf("may write %s", path)
		}
	}
	for _, path := range []string{"secret/metadata/omninode", "auth/approle/role"} {
		if _, err := raw.Logical().ListWithContext(t.Context(), path); err == nil {
			t.Errorf("may list %s", path)
		}
	}
}

func TestAdminMayBeRepeated(t *testing.T) {
	t.Parallel()
	s := setup(t)
	a, id := s.node(t)
	for range 2 {
		if err := errors.Join(s.admin.EnableMounts(t.Context()), s.admin.GrantNode(t.Context(), a)); err != nil {
			t.Fatal(err)
		}
		if fresh, err := s.admin.SetSecretID(t.Context(), a, id); fresh || err != nil {
			t.Errorf("SetSecretID of a known one = %v, %v", fresh, err)
		}
	}
	s.write(t, a, map[string]string{"kept": "k", "token": "one"})
	changed, err := s.admin.WriteSecrets(t.Context(), a, map[string]config.Secret{"token": config.NewSecret("two"), "kept": config.NewSecret("k")})
	if err != nil || len(changed) != 1 || changed[0] != "token" {
		t.Errorf("WriteSecrets changed %v, %v; want token only", changed, err)
	}
	got, err := s.admin.ReadSecrets(t.Context(), a)
	if err != nil || got["kept"].Reveal() != "k" || got["token"].Reveal() != "two" {
		t.Errorf("ReadSecrets has kept=%q token=%q, %v", got["kept"].Reveal(), got["token"].Reveal(), err)
	}
}

func TestOpenRefusesAWrongSecretID(t *testing.T) {
	t.Parallel()
	s := setup(t)
	a, _ := s.node(t)
	_, err := vault.Open(t.Context(), vault.Config{
		Address: s.addr, AppRole: vault.AppRole{RoleID: vault.Role(a), SecretID: config.NewSecret("canary-secret-id")},
	})
	var u *secret.UnavailableError
	if !errors.As(err, &u) || !strings.Contains(u.Reason, "refuses the login") || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v", err)
	}
}

func TestSecretIDFileIsReadAtEveryLogin(t *testing.T) {
	t.Parallel()
	s := setup(t)
	a, id := s.node(t)
	s.write(t, a, map[string]string{"token": "one"})
	file := filepath.Join(t.TempDir(), "secret-id")
	if err := os.WriteFile(file, []byte(id.Reveal()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	st := s.open(t, a, config.Secret{}, func(c *vault.Config) { c.AppRole.SecretIDFile = file; c.CacheTTL = time.Nanosecond })
	next := config.NewSecret(rand.Text())
	if _, err := s.admin.SetSecretID(t.Context(), a, next); err != nil {
		t.Fatal(err)
	}
	_, err := s.raw.Logical().WriteWithContext(t.Context(), "auth/approle/role/"+vault.Role(a)+"/secret-id/destroy", map[string]any{"secret_id": id.Reveal()})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(next.Reveal()), 0o600); err != nil {
		t.Fatal(err)
	}
	s.revokeAll(t, a)
	if v, _, err := st.Get(t.Context(), a, "token"); v != "one" || err != nil {
		t.Errorf("with the file's new secret id: %q, %v", v, err)
	}
}

// The answers below cannot be had from a development server without breaking it for other tests.
func TestOpenWhenVaultCannotAnswer(t *testing.T) {
	t.Parallel()
	sealed := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"errors":["Vault is sealed"]}`))
	}))
	t.Cleanup(sealed.Close)
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server see the client hang up
		<-r.Context().Done()
	}))
	t.Cleanup(silent.Close)
	tests := map[string]struct {
		addr, reason, fix string
		is                error
	}{
		"sealed":      {addr: sealed.URL, reason: "is sealed", fix: "vault operator unseal", is: vault.ErrSealed},
		"silent":      {addr: silent.URL, reason: "does not answer within 100ms", fix: "vault status", is: context.DeadlineExceeded},
		"unreachable": {addr: "http://127.0.0.1:1", reason: "cannot be reached", fix: "VAULT_ADDR"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begin := time.Now()
			_, err := vault.Open(context.WithoutCancel(t.Context()), vault.Config{
				Address: tt.addr, Timeout: 100 * time.Millisecond,
				AppRole: vault.AppRole{RoleID: "omninode-x", SecretID: config.NewSecret("canary")},
			})
			var u *secret.UnavailableError
			if !errors.As(err, &u) || u.Reason != tt.reason || !strings.Contains(u.Fix, tt.fix) {
				t.Fatalf("got %v, want %q", err, tt.reason)
			}
			if !errors.Is(err, cmp.Or(tt.is, err)) || strings.Contains(err.Error(), "canary") {
				t.Errorf("got %v", err)
			}
			if took := time.Since(begin); took > 3*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	x := config.NewSecret("canary")
	whole := vault.AppRole{RoleID: "r", SecretID: x}
	tests := map[string]struct {
		config vault.Config
		says   []string
	}{
		"no login":        {vault.Config{Address: "http://v"}, []string{"VAULT_ROLE_ID", "VAULT_ROLE,", "VAULT_TOKEN_FILE"}},
		"no role id":      {vault.Config{Address: "http://v", AppRole: vault.AppRole{SecretID: x}}, []string{"export VAULT_ROLE_ID"}},
		"no secret id":    {vault.Config{Address: "http://v", AppRole: vault.AppRole{RoleID: "r"}}, []string{"export VAULT_SECRET_ID"}},
		"no role":         {vault.Config{Address: "http://v", JWT: vault.JWT{Mount: "jwt"}}, []string{"export VAULT_ROLE="}},
		"two tokens":      {vault.Config{Address: "http://v", Token: vault.Token{Value: x, File: "f"}}, []string{"VAULT_TOKEN or VAULT_TOKEN_FILE"}},
		"AppRole and JWT": {vault.Config{Address: "http://v", AppRole: whole, JWT: vault.JWT{Role: "r"}}, []string{"2 logins", "VAULT_ROLE_ID", "VAULT_ROLE,"}},
		"all": {
			vault.Config{Address: "http://v", AppRole: whole, JWT: vault.JWT{Role: "r"}, Token: vault.Token{Value: x}},
			[]string{"3 logins", "VAULT_ROLE_ID", "VAULT_ROLE,", "VAULT_TOKEN"},
		},
		"no address": {vault.Config{AppRole: whole}, []string{"VAULT_ADDR"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := vault.Open(t.Context(), tt.config)
			for _, want := range tt.says {
				if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
					t.Errorf("got %v, want it to name %s", err, want)
				}
			}
		})
	}
}
