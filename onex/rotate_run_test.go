package onex_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omninode-ai/omninode/internal/provision"
	"github.com/omninode-ai/omninode/internal/vault"
	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
	"github.com/omninode-ai/omninode/onex/secret"
)

// shelf is a secret store that a test writes to.
type shelf interface {
	// env returns how a node finds the store.
	env() map[string]string
	write(t testing.TB, database, token string)
}

type fileShelf struct{ path, node string }

func (s fileShelf) env() map[string]string { return map[string]string{"ONEX_SECRETS_FILE": s.path} }

func (s fileShelf) write(t testing.TB, database, token string) {
	t.Helper()
	text := fmt.Sprintf("%s='%s'\n%s='%s'\n", secret.Name(s.node, onex.DatabaseURL), database, secret.Name(s.node, "token"), token)
	next := s.path + ".next"
	if err := errors.Join(os.WriteFile(next, []byte(text), 0o600), os.Rename(next, s.path)); err != nil {
		t.Fatal(err)
	}
}

type vaultShelf struct {
	addr, node string
	raw        *api.Client
}

func (s vaultShelf) env() map[string]string {
	return map[string]string{"VAULT_ADDR": s.addr, "VAULT_ROLE_ID": vault.Role(s.node), "VAULT_SECRET_ID": "id-" + s.node}
}

func (s vaultShelf) write(t testing.TB, database, token string) {
	t.Helper()
	if _, err := s.raw.KVv2(vault.Mount).Put(t.Context(), vault.Path(s.node), map[string]any{onex.DatabaseURL: database, "token": token}); err != nil {
		t.Fatal(err)
	}
}

func TestSecretsAreRotated(t *testing.T) {
	t.Parallel()
	f := setup(t)
	name := f.name("effect")
	f.rotates(name, fileShelf{filepath.Join(t.TempDir(), "secrets.env"), name})
}

func TestVaultSecretsAreRotated(t *testing.T) {
	t.Parallel()
	root, addr := os.Getenv("TEST_VAULT_TOKEN"), os.Getenv("TEST_VAULT_ADDR")
	if root == "" || addr == "" {
		t.Skip("TEST_VAULT_ADDR and TEST_VAULT_TOKEN are not set: no server Vault to keep secrets")
	}
	f := setup(t)
	name := f.name("effect")
	f.migrate(name)
	f.seed(addr, root, name)
	cfg := api.DefaultConfig()
	cfg.Address = addr
	raw, err := api.NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cfg.HttpClient.CloseIdleConnections)
	raw.SetToken(root)
	f.rotates(name, vaultShelf{addr, name, raw})
}

// rotates: under load the token of a handler and the password of the database change, and the server ends
// every connection. The handler that runs gets the new token, the node goes on with the new password, no input is
// lost or handled twice, and nothing is restarted. A token that breaks its rule is not taken.
func (f *fixture) rotates(name string, store shelf) {
	t := f.t
	t.Helper()
	node := echo(onex.Effect, name, engine.RetryPolicy{}, succeed)
	node.Settings = []config.Setting{{Key: "token", Env: secret.Name(node.Name, "token"), Secret: true}}
	var seen atomic.Pointer[string]
	build := node.Build
	node.Build = func(ctx context.Context, v *config.Values) (onex.Wiring, error) {
		token := config.Read(v).Secret("token", config.MinLen(5))
		w, err := build(ctx, v)
		answer := w.Routes[ref(node.Name, "ask")]
		w.Routes[ref(node.Name, "ask")] = func(ctx context.Context, c engine.Call) engine.Outcome {
			seen.Store(new(token.Reveal()))
			return answer(ctx, c)
		}
		return w, err
	}
	database := f.migrate(node.Name)
	store.write(t, database, "first")
	env := f.env(nil, "a")
	maps.Copy(env, store.env())
	env["ONEX_SECRETS_INTERVAL"] = "1s"
	r := f.launch(env, node)
	f.eventually("the node is ready", func() error { return r.get("/readyz", http.StatusOK) })

	const keys, each = 10, 60
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for n := range each {
			var records []*kgo.Record
			for k := range keys {
				records = append(records, root(event.Command, ref(node.Name, "ask"), fmt.Sprint("k", k), number{N: n}))
			}
			f.produce(records...)
			time.Sleep(50 * time.Millisecond)
		}
	}()
	sees := func(want string) {
		t.Helper()
		f.eventually("the handler has the token "+want, func() error {
			if got := seen.Load(); got == nil || *got != want {
				return fmt.Errorf("it has %v", got)
			}
			return nil
		})
	}
	sees("first")
	role := provision.Schema(node.Name)
	for _, sql := range []string{
		fmt.Sprintf(`ALTER ROLE %q PASSWORD 'next'`, role),
		fmt.Sprintf(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '%s'`, role),
	} {
		if _, err := f.db.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	next := strings.Replace(database, ":test@", ":next@", 1)
	store.write(t, next, "second")
	sees("second")
	store.write(t, next, "bad")
	f.eventually("the refused token is reported", func() error { return f.logged("secret is not taken over") })
	<-sent
	f.exactlyOnce(node, keys, each)
	if got := *seen.Load(); got != "second" {
		t.Errorf("after a token that breaks its rule the handler has %q", got)
	}
	f.eventually("the node is ready", func() error { return r.get("/readyz", http.StatusOK) }) // a renewal may have met the old password
	for _, text := range []string{"second", ":next@", "'bad'"} {
		if f.logged(text) == nil {
			t.Errorf("the log holds %q", text)
		}
	}
	if f.logged("starting") != nil || strings.Count(f.logs.String(), "msg=ready") != 1 {
		t.Error("the node was ready more than once")
	}
	r.halt()
}

// logged wants a text in the log.
func (f *fixture) logged(text string) error {
	if !strings.Contains(f.logs.String(), text) {
		return fmt.Errorf("%q is not logged", text)
	}
	return nil
}
