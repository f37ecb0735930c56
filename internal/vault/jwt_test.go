package vault_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
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

	"github.com/omninode-ai/omninode/internal/vault"
	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/secret"
)

// issuer signs tokens that an auth mount of this test trusts, as a cluster does for its pods.
type issuer struct {
	mount string
	key   *ecdsa.PrivateKey
}

func (s server) issuer(t *testing.T) issuer {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	i := issuer{mount: "jwt-" + randomName(), key: private}
	if err := s.raw.Sys().EnableAuthWithOptionsWithContext(t.Context(), i.mount, &api.EnableAuthOptions{Type: "jwt"}); err != nil {
		t.Fatal(err)
	}
	s.set(t, "auth/"+i.mount+"/config", map[string]any{
		"jwt_validation_pubkeys": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
	})
	return i
}

// role lets tokens about subject log in as node.
func (i issuer) role(t *testing.T, s server, node, subject string) {
	t.Helper()
	s.set(t, "auth/"+i.mount+"/role/"+vault.Role(node), map[string]any{
		"role_type": "jwt", "user_claim": "sub", "bound_subject": subject, "bound_audiences": "vault",
		"token_policies": vault.Role(node), "token_no_default_policy": true,
	})
}

func (s server) set(t *testing.T, path string, data map[string]any) {
	t.Helper()
	if _, err := s.raw.Logical().WriteWithContext(t.Context(), path, data); err != nil {
		t.Fatal(err)
	}
}

type claims struct {
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	Issued   int64  `json:"iat"`
	Expires  int64  `json:"exp"`
}

func claim(node string) claims {
	now := time.Now()
	return claims{Subject: node, Audience: "vault", Issued: now.Unix(), Expires: now.Add(time.Hour).Unix()}
}

func (i issuer) sign(t *testing.T, c any) string {
	t.Helper()
	signed := encode(t, map[string]string{"alg": "ES256", "typ": "JWT"}) + "." + encode(t, c)
	hash := sha256.Sum256([]byte(signed))
	x, y, err := ecdsa.Sign(rand.Reader, i.key, hash[:])
	if err != nil {
		t.Fatal(err)
	}
	signature := append(x.FillBytes(make([]byte, 32)), y.FillBytes(make([]byte, 32))...)
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func unsigned(t *testing.T, c claims) string {
	t.Helper()
	return encode(t, map[string]string{"alg": "none", "typ": "JWT"}) + "." + encode(t, c) + "."
}

func encode(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// file writes text to a file of this test, in place of what it held.
func file(t *testing.T, path, text string) string {
	t.Helper()
	if path == "" {
		path = filepath.Join(t.TempDir(), "secret")
	}
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// withJWT logs in by JWT in place of AppRole.
func withJWT(i issuer, node, file string) func(*vault.Config) {
	return func(c *vault.Config) {
		c.AppRole, c.JWT = vault.AppRole{}, vault.JWT{Role: vault.Role(node), File: file, Mount: i.mount}
		c.CacheTTL = time.Nanosecond
	}
}

func TestJWTReadsOnlyItsOwnSecrets(t *testing.T) {
	t.Parallel()
	s := setup(t)
	i := s.issuer(t)
	a, _ := s.node(t)
	b, _ := s.node(t)
	s.write(t, a, map[string]string{"token": "of-a"})
	s.write(t, b, map[string]string{"token": "of-b"})
	i.role(t, s, a, a)
	st := s.open(t, a, config.Secret{}, withJWT(i, a, file(t, "", i.sign(t, claim(a)))))
	if v, ok, err := st.Get(t.Context(), a, "token"); v != "of-a" || !ok || err != nil {
		t.Fatalf("own secret = %q, %v, %v", v, ok, err)
	}
	v, ok, err := st.Get(t.Context(), b, "token")
	if u, is := errors.AsType[*secret.UnavailableError](err); v != "" || ok || !is || u.Reason != "denies access" {
		t.Errorf("reads b's secret: %q, %v, %v", v, ok, err)
	}
}

func TestJWTIsRefused(t *testing.T) {
	t.Parallel()
	s := setup(t)
	i, stranger := s.issuer(t), s.issuer(t)
	a, _ := s.node(t)
	i.role(t, s, a, a)
	wrongAudience, expired := claim(a), claim(a)
	wrongAudience.Audience = "elsewhere"
	expired.Issued, expired.Expires = expired.Issued-7200, expired.Expires-7200
	for name, tt := range map[string]struct{ jwt, says string }{
		"wrong audience":   {i.sign(t, wrongAudience), "audience"},
		"wrong subject":    {i.sign(t, claim("other")), "(sub) claim"},
		"expired":          {i.sign(t, expired), "expired"},
		"unsigned":         {unsigned(t, claim(a)), "signature"},
		"signed by others": {stranger.sign(t, claim(a)), "signature"},
		"no JWT":           {"canary", "JWT"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := vault.Config{Address: s.addr}
			withJWT(i, a, file(t, "", tt.jwt))(&c)
			_, err := vault.Open(t.Context(), c)
			u, ok := errors.AsType[*secret.UnavailableError](err)
			if !ok || !strings.Contains(u.Reason, "refuses the login of role "+vault.Role(a)) || !strings.Contains(u.Fix, "vault read auth/"+i.mount) {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), tt.jwt) {
				t.Errorf("got %v, want %q and not the JWT", err, tt.says)
			}
		})
	}
}

// TestRotatedJWTIsUsed: the first token is no longer good for a login when the second is needed.
func TestRotatedJWTIsUsed(t *testing.T) {
	t.Parallel()
	s := setup(t)
	i := s.issuer(t)
	a, _ := s.node(t)
	s.write(t, a, map[string]string{"token": "one"})
	i.role(t, s, a, a)
	path := file(t, "", i.sign(t, claim(a)))
	st := s.open(t, a, config.Secret{}, withJWT(i, a, path))
	i.role(t, s, a, "renamed")
	s.revokeLogins(t, "auth/"+i.mount+"/login")
	if _, _, err := st.Get(t.Context(), a, "token"); err == nil || st.Health() == nil {
		t.Errorf("with the old JWT: %v, health %v", err, st.Health())
	}
	file(t, path, i.sign(t, claim("renamed")))
	if v, _, err := st.Get(t.Context(), a, "token"); v != "one" || err != nil || st.Health() != nil {
		t.Errorf("with the file's new JWT: %q, %v, health %v", v, err, st.Health())
	}
}

func TestJWTFileIsMissingOrEmpty(t *testing.T) {
	t.Parallel()
	for want, path := range map[string]string{"no such file": filepath.Join(t.TempDir(), "none"), "is empty": file(t, "", "")} {
		_, err := vault.Open(t.Context(), vault.Config{Address: "http://127.0.0.1:1", JWT: vault.JWT{Role: "r", File: path}})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// TestKubernetes logs in at the default mount. Vault asks this test in place of a cluster whether the
// token is good, so it must run on this machine.
func TestKubernetes(t *testing.T) {
	t.Parallel()
	s := setup(t)
	i := s.issuer(t)
	a, _ := s.node(t)
	s.write(t, a, map[string]string{"token": "of-a"})
	pod := func(account string) string {
		return i.sign(t, map[string]any{
			"sub": "system:serviceaccount:omninode:" + account, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
			"kubernetes.io": map[string]any{"namespace": "omninode", "serviceaccount": map[string]string{"name": account, "uid": "1"}},
		})
	}
	mine := pod(a)
	cluster := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked, _ := io.ReadAll(r.Body)
		answer := map[string]any{"status": map[string]any{
			"authenticated": strings.Contains(string(asked), mine),
			"user":          map[string]string{"username": "system:serviceaccount:omninode:" + a, "uid": "1"},
		}}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(cluster.Close)
	if err := s.raw.Sys().EnableAuthWithOptionsWithContext(t.Context(), "kubernetes", &api.EnableAuthOptions{Type: "kubernetes"}); err != nil && !strings.Contains(err.Error(), "in use") {
		t.Fatal(err)
	}
	s.set(t, "auth/kubernetes/config", map[string]any{"kubernetes_host": cluster.URL, "disable_local_ca_jwt": true})
	s.set(t, "auth/kubernetes/role/"+vault.Role(a), map[string]any{
		"bound_service_account_names": a, "bound_service_account_namespaces": "omninode",
		"token_policies": vault.Role(a), "token_no_default_policy": true,
	})
	byDefault := issuer{mount: ""}
	st := s.open(t, a, config.Secret{}, withJWT(byDefault, a, file(t, "", mine)))
	if v, _, err := st.Get(t.Context(), a, "token"); v != "of-a" || err != nil {
		t.Errorf("Get = %q, %v", v, err)
	}
	forged := mine[:len(mine)-8] + "AAAAAAAA"
	for name, jwt := range map[string]string{"another pod": pod("other"), "not of the cluster": forged} {
		c := vault.Config{Address: s.addr}
		withJWT(byDefault, a, file(t, "", jwt))(&c)
		_, err := vault.Open(t.Context(), c)
		if u, ok := errors.AsType[*secret.UnavailableError](err); !ok || !strings.HasSuffix(u.Reason, "at auth/kubernetes") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
