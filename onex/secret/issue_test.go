package secret_test

import (
	"context"
	"strings"
	"testing"

	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/secret"
)

// issuing is a store that makes credentials for one role.
type issuing struct {
	secret.Store

	role string
}

func (i issuing) Issue(_ context.Context, role string) (config.Credentials, bool, error) {
	return config.Credentials{Username: "v-" + role, Password: config.NewSecret("p")}, role == i.role, nil
}

func (i issuing) WhereRole(role string) string  { return "make role " + role }
func (i issuing) Where(node, key string) string { return "write " + node + " " + key }

func TestSourceAsksForCredentialsByRole(t *testing.T) {
	t.Parallel()
	half := func(suffix string) config.Setting {
		return config.Setting{Key: "reporting" + suffix, Env: "ORDERS_REPORTING" + strings.ToUpper(suffix), Secret: true, DatabaseRole: "reader"}
	}
	settings := []config.Setting{half(config.UsernameSuffix), half(config.PasswordSuffix)}
	v, err := config.Resolve(t.Context(), "orders", settings, secret.Source("vault", issuing{role: "reader"}))
	if err != nil {
		t.Fatal(err)
	}
	r := config.Read(v)
	if c := r.Credentials("reporting"); r.Err() != nil || c.Username != "v-reader" || c.Password.Reveal() != "p" {
		t.Errorf("read %+v, %v", c, r.Err())
	}
	_, err = config.Resolve(t.Context(), "orders", settings, secret.Source("vault", issuing{role: "other"}))
	if err == nil || !strings.Contains(err.Error(), "fix: make role reader") {
		t.Errorf("a role nobody made: %v", err)
	}
	f, err := secret.OpenFile(write(t, 0o600, "ORDERS_REPORTING_USERNAME=u\nORDERS_REPORTING_PASSWORD=p\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := config.Resolve(t.Context(), "orders", settings, secret.Source("file", f)); err != nil {
		t.Errorf("a file that holds both: %v", err)
	}
}
