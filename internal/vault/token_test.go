package vault_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/omninode-ai/omninode/internal/vault"
	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/secret"
)

// token makes a token with a node's policy only.
func (s server) token(t *testing.T, node string, adjust ...func(*api.TokenCreateRequest)) string {
	t.Helper()
	r := &api.TokenCreateRequest{Policies: []string{vault.Role(node)}, NoDefaultPolicy: true, NoParent: true, TTL: "1h"}
	for _, a := range adjust {
		a(r)
	}
	got, err := s.raw.Auth().Token().CreateWithContext(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return got.Auth.ClientToken
}

func (s server) revoke(t *testing.T, token string) {
	t.Helper()
	if err := s.raw.Auth().Token().RevokeTreeWithContext(t.Context(), token); err != nil {
		t.Fatal(err)
	}
}

// withToken uses a token in place of AppRole.
func withToken(token vault.Token, log *recorder) func(*vault.Config) {
	return func(c *vault.Config) {
		c.AppRole, c.Token, c.CacheTTL, c.Log = vault.AppRole{}, token, time.Nanosecond, log.logger()
	}
}

func TestTokenIsUsedAsItIs(t *testing.T) {
	t.Parallel()
	s := setup(t)
	a, _ := s.node(t)
	s.write(t, a, map[string]string{"token": "of-a"})
	text, log := s.token(t, a), &recorder{}
	st := s.open(t, a, config.Secret{}, withToken(vault.Token{Value: config.NewSecret(text)}, log))
	if v, _, err := st.Get(t.Context(), a, "token"); v != "of-a" || err != nil {
		t.Fatalf("Get = %q, %v", v, err)
	}
	if _, _, err := st.Get(t.Context(), "other", "token"); err == nil || st.Health() != nil {
		t.Errorf("another node's secret: %v, health %v; want a refusal that is not about the token", err, st.Health())
	}
	if err := st.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	log.await(t, "vault token renewed", 1)
	if err := st.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.raw.Auth().Token().LookupWithContext(t.Context(), text); err != nil {
		t.Errorf("the store revoked a token it was given: %v", err)
	}
}

func TestRevokedTokenHasARemedy(t *testing.T) {
	t.Parallel()
	s := setup(t)
	a, _ := s.node(t)
	s.write(t, a, map[string]string{"token": "of-a"})
	text := s.token(t, a)
	given := vault.Token{Value: config.NewSecret(text)}
	st := s.open(t, a, config.Secret{}, withToken(given, &recorder{}))
	s.revoke(t, text)
	_, _, err := st.Get(t.Context(), a, "token")
	_, openErr := vault.Open(t.Context(), vault.Config{Address: s.addr, Token: given})
	for _, err := range []error{err, st.Health(), openErr} {
		u, ok := errors.AsType[*secret.UnavailableError](err)
		if !ok || u.Reason != "refuses the token of VAULT_TOKEN" || !strings.Contains(u.Fix, "start the node again") || strings.Contains(err.Error(), text) {
			t.Errorf("got %v", err)
		}
	}
}

// TestTokenThatEnds: a token of 2 s that cannot be renewed. Without a file its end is told once; with
// one the node goes on with what the file holds by then.
func TestTokenThatEnds(t *testing.T) {
	t.Parallel()
	s := setup(t)
	a, _ := s.node(t)
	s.write(t, a, map[string]string{"token": "one"})
	short := func(r *api.TokenCreateRequest) { r.TTL, r.Renewable = "2s", new(bool) }
	start := func(t *testing.T, given vault.Token) (*vault.Store, *recorder) {
		t.Helper()
		log := &recorder{}
		st := s.open(t, a, config.Secret{}, withToken(given, log))
		if err := st.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		return st, log
	}
	t.Run("given", func(t *testing.T) {
		t.Parallel()
		st, log := start(t, vault.Token{Value: config.NewSecret(s.token(t, a, short))})
		log.await(t, "vault token has ended", 1)
		time.Sleep(2 * time.Second) // longer than the pause after which a login is tried again
		if n := log.count("vault token has ended") + log.count("vault login failed, trying again"); n != 1 || st.Health() == nil {
			t.Errorf("the end was told %d times, health %v", n, st.Health())
		}
	})
	t.Run("file", func(t *testing.T) {
		t.Parallel()
		path := file(t, "", s.token(t, a, short))
		st, log := start(t, vault.Token{File: path})
		log.await(t, "vault login failed, trying again", 1)
		file(t, path, s.token(t, a))
		log.await(t, "vault token renewed", 1)
		if v, _, err := st.Get(t.Context(), a, "token"); v != "one" || err != nil || st.Health() != nil {
			t.Errorf("with the file's new token: %q, %v, health %v", v, err, st.Health())
		}
	})
}

// TestTokenAtItsMaximum: in its last second a token can be renewed without getting any longer, which
// must not make the store ask again and again.
func TestTokenAtItsMaximum(t *testing.T) {
	t.Parallel()
	s := setup(t)
	a, _ := s.node(t)
	text := s.token(t, a, func(r *api.TokenCreateRequest) { r.TTL, r.ExplicitMaxTTL = "2s", "4s" })
	log := &recorder{}
	st := s.open(t, a, config.Secret{}, withToken(vault.Token{Value: config.NewSecret(text)}, log))
	if err := st.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	log.await(t, "vault token has ended", 1)
	if n := log.count("vault token ends, logging in again"); n > 5 {
		t.Errorf("asked %d times in its last second", n)
	}
}

// TestTokenThatNeverEnds is watched without being renewed. It is made here, so that a store that
// revokes what it was given cannot take the server's own token from the other tests.
func TestTokenThatNeverEnds(t *testing.T) {
	t.Parallel()
	s := setup(t)
	text := s.token(t, "", func(r *api.TokenCreateRequest) { r.Policies, r.TTL, r.NoDefaultPolicy = []string{"root"}, "", false })
	t.Cleanup(func() { _ = s.raw.Auth().Token().RevokeTreeWithContext(context.WithoutCancel(t.Context()), text) })
	log := &recorder{}
	st := s.open(t, "", config.Secret{}, withToken(vault.Token{Value: config.NewSecret(text)}, log))
	if err := st.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond) // one that is thought to end is looked up many times by then
	if err := errors.Join(st.Health(), st.Stop(t.Context())); err != nil || log.count("vault token ends, logging in again") != 0 {
		t.Errorf("health and stop: %v; ends %d times", err, log.count("vault token ends, logging in again"))
	}
}
