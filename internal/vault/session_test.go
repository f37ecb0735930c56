package vault_test

import (
	"errors"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/internal/vault"
)

func TestRevokedTokenIsReplaced(t *testing.T) {
	t.Parallel()
	s := setup(t)
	a, id := s.node(t)
	s.write(t, a, map[string]string{"token": "one"})
	st := s.open(t, a, id, func(c *vault.Config) { c.CacheTTL = time.Nanosecond })
	s.revokeAll(t, a)
	s.write(t, a, map[string]string{"token": "two"})
	if v, ok, err := st.Get(t.Context(), a, "token"); v != "two" || !ok || err != nil {
		t.Errorf("after the token was revoked: %q, %v, %v", v, ok, err)
	}
}

// revokeAll revokes every token of a node's AppRole.
func (s server) revokeAll(t *testing.T, node string) {
	t.Helper()
	s.revokeTokens(t, func(data map[string]any) bool {
		meta, _ := data["meta"].(map[string]any)
		return meta["role_name"] == vault.Role(node)
	})
}

// revokeLogins revokes every token that was made by a login at path.
func (s server) revokeLogins(t *testing.T, path string) {
	t.Helper()
	s.revokeTokens(t, func(data map[string]any) bool { return data["path"] == path })
}

func (s server) revokeTokens(t *testing.T, which func(data map[string]any) bool) {
	t.Helper()
	list, err := s.raw.Logical().ListWithContext(t.Context(), "auth/token/accessors")
	if err != nil {
		t.Fatal(err)
	}
	revoked := 0
	for _, accessor := range list.Data["keys"].([]any) {
		info, err := s.raw.Auth().Token().LookupAccessorWithContext(t.Context(), accessor.(string))
		if err != nil || !which(info.Data) {
			continue // another test's, perhaps gone by now
		}
		if err := s.raw.Auth().Token().RevokeAccessorWithContext(t.Context(), accessor.(string)); err != nil {
			t.Fatal(err)
		}
		revoked++
	}
	if revoked == 0 {
		t.Fatal("no token was revoked")
	}
}

func TestTokenIsRenewedAndReplacedWhenItEnds(t *testing.T) {
	t.Parallel()
	s := setup(t)
	a, id := s.node(t)
	s.write(t, a, map[string]string{"token": "one"})
	// Tokens of 2 s that live for 4 s: within 8 s one is renewed and at least one new login happens.
	_, err := s.raw.Logical().WriteWithContext(t.Context(), "auth/approle/role/"+vault.Role(a), map[string]any{"token_ttl": "2s", "token_max_ttl": "4s"})
	if err != nil {
		t.Fatal(err)
	}
	log := &recorder{}
	st := s.open(t, a, id, func(c *vault.Config) { c.CacheTTL = time.Nanosecond; c.Log = log.logger() })
	if err := errors.Join(st.Start(t.Context()), st.Start(t.Context())); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(8 * time.Second); time.Now().Before(end); <-tick.C {
		if v, _, err := st.Get(t.Context(), a, "token"); v != "one" || err != nil {
			t.Fatalf("Get = %q, %v", v, err)
		}
	}
	if log.count("vault token renewed") == 0 || log.count("vault token ends, logging in again") == 0 {
		t.Errorf("renewed %d times, logged in again %d times", log.count("vault token renewed"), log.count("vault token ends, logging in again"))
	}
	if err := st.Health(); err != nil {
		t.Errorf("Health = %v", err)
	}
	if err := errors.Join(st.Stop(t.Context()), st.Stop(t.Context())); err != nil {
		t.Error(err)
	}
}

// TestANewTokenIsWatchedAtOnce: tokens live for an hour, so the watch of the revoked one would not end
// within this test.
func TestANewTokenIsWatchedAtOnce(t *testing.T) {
	t.Parallel()
	s := setup(t)
	a, id := s.node(t)
	s.write(t, a, map[string]string{"token": "one"})
	log := &recorder{}
	st := s.open(t, a, id, func(c *vault.Config) { c.CacheTTL = time.Nanosecond; c.Log = log.logger() })
	if err := st.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	const renewed = "vault token renewed" // happens as soon as a token is watched
	log.await(t, renewed, 1)
	s.revokeAll(t, a)
	if v, _, err := st.Get(t.Context(), a, "token"); v != "one" || err != nil {
		t.Fatalf("Get = %q, %v", v, err)
	}
	log.await(t, renewed, 2)
}

func TestCacheEndsAndSeesRotation(t *testing.T) {
	t.Parallel()
	s := setup(t)
	a, id := s.node(t)
	s.write(t, a, map[string]string{"token": "one"})
	short, long := s.open(t, a, id, func(c *vault.Config) { c.CacheTTL = time.Nanosecond }), s.open(t, a, id)
	for _, st := range []*vault.Store{short, long} {
		if v, _, err := st.Get(t.Context(), a, "token"); v != "one" || err != nil {
			t.Fatalf("Get = %q, %v", v, err)
		}
	}
	s.write(t, a, map[string]string{"token": "two"})
	if v, _, _ := short.Get(t.Context(), a, "token"); v != "two" {
		t.Errorf("after its cache ended: %q, want the rotated secret", v)
	}
	if v, _, _ := long.Get(t.Context(), a, "token"); v != "one" {
		t.Errorf("within its cache's life: %q, want the cached secret", v)
	}
	if err := long.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v, _, _ := long.Get(t.Context(), a, "token"); v != "two" {
		t.Errorf("after Renew: %q, want the rotated secret", v)
	}
}
