package vault_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/internal/vault"
	"github.com/omninode-ai/omninode/onex/config"
)

func TestWrappedSecretID(t *testing.T) {
	t.Parallel()
	s := setup(t)
	a, _ := s.node(t)
	s.write(t, a, map[string]string{"token": "of-a"})
	wrapped, err := s.admin.WrapSecretID(t.Context(), a, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	useWrapped := func(w config.Secret) vault.Config {
		return vault.Config{Address: s.addr, AppRole: vault.AppRole{RoleID: vault.Role(a), WrappedSecretID: w}}
	}
	st, err := vault.Open(t.Context(), useWrapped(wrapped))
	if err != nil {
		t.Fatal(err)
	}
	if v, _, err := st.Get(t.Context(), a, "token"); v != "of-a" || err != nil {
		t.Fatalf("Get = %q, %v", v, err)
	}
	if err := st.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	refused := map[string]config.Secret{
		"used": wrapped, "unknown": config.NewSecret("hvs.none"),
		"of another path": s.wrapAnything(t), "of another role": s.wrapOfOther(t), "ended": s.wrapEnded(t, a),
	}
	for name, w := range refused {
		_, err := vault.Open(t.Context(), useWrapped(w))
		if _, ok := errors.AsType[*vault.WrapError](err); !ok {
			t.Errorf("%s: got %v, want a WrapError", name, err)
		}
		if err != nil && strings.Contains(err.Error(), w.Reveal()) {
			t.Errorf("%s: the error shows the token: %v", name, err)
		}
	}
}

// wrapAnything wraps a made-up secret id, as somebody in the middle would.
func (s server) wrapAnything(t *testing.T) config.Secret {
	t.Helper()
	c, err := s.raw.Clone()
	if err != nil {
		t.Fatal(err)
	}
	c.SetToken(s.root)
	c.SetWrappingLookupFunc(func(string, string) string { return "1m" })
	got, err := c.Logical().WriteWithContext(t.Context(), "sys/wrapping/wrap", map[string]any{"secret_id": "forged"})
	if err != nil {
		t.Fatal(err)
	}
	return config.NewSecret(got.WrapInfo.Token)
}

func (s server) wrapOfOther(t *testing.T) config.Secret {
	t.Helper()
	other, _ := s.node(t)
	w, err := s.admin.WrapSecretID(t.Context(), other, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (s server) wrapEnded(t *testing.T, node string) config.Secret {
	t.Helper()
	w, err := s.admin.WrapSecretID(t.Context(), node, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.raw.Auth().Token().RevokeTreeWithContext(t.Context(), w.Reveal()); err != nil {
		t.Fatal(err)
	}
	return w
}
