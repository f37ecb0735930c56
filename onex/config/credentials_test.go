package config_test

import (
	"strings"
	"testing"

	"github.com/omninode-ai/omninode/onex/config"
)

func credentialSettings() []config.Setting {
	return []config.Setting{
		{Key: "reporting_username", Env: "ORDERS_REPORTING_USERNAME", Secret: true, DatabaseRole: "reader"},
		{Key: "reporting_password", Env: "ORDERS_REPORTING_PASSWORD", Secret: true, DatabaseRole: "reader"},
	}
}

func TestCredentialsAreReadTogether(t *testing.T) {
	t.Parallel()
	v, err := config.Resolve(t.Context(), "orders", credentialSettings(), environ(map[string]string{
		"ORDERS_REPORTING_USERNAME": "v-reader", "ORDERS_REPORTING_PASSWORD": canary,
	}))
	if err != nil {
		t.Fatal(err)
	}
	r := config.Read(v)
	c := r.Credentials("reporting")
	if r.Err() != nil || c.Username != "v-reader" || c.Password.Reveal() != canary {
		t.Errorf("read %q, %v", c.Username, r.Err())
	}
	if r.Credentials("other"); r.Err() == nil {
		t.Error("credentials that are not declared were read")
	}
}

// TestCredentialsComeFromOneSource: a user name of one place does not go with a password of another.
func TestCredentialsComeFromOneSource(t *testing.T) {
	t.Parallel()
	store := environ(map[string]string{"ORDERS_REPORTING_USERNAME": "v-reader"})
	store.Name = "vault"
	v, err := config.Resolve(t.Context(), "orders", credentialSettings(), store, environ(map[string]string{"ORDERS_REPORTING_PASSWORD": canary}))
	if err != nil {
		t.Fatal(err)
	}
	r := config.Read(v)
	r.Credentials("reporting")
	if r.Err() == nil || !strings.Contains(r.Err().Error(), "comes from environment, its user name from vault; give both in one place") {
		t.Errorf("error %v", r.Err())
	}
}
