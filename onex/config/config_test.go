package config_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/omninode-ai/omninode/onex/config"
)

func settings() []config.Setting {
	return []config.Setting{
		{Key: "tax_percent", Env: "PRICING_TAX_PERCENT", Default: new("20"), Description: "VAT applied to each line."},
		{Key: "gateway_url", Env: "PRICING_GATEWAY_URL", Description: "Address of the gateway."},
		{Key: "gateway_token", Env: "PRICING_GATEWAY_TOKEN", Secret: true, Description: "Bearer token."},
	}
}

func environ(values map[string]string) config.Source {
	return config.Environ(func(name string) (string, bool) { v, ok := values[name]; return v, ok })
}

// store is a secrets-only source.
func store(values map[string]string, err error) config.Source {
	return config.Source{
		Name: "vault", SecretsOnly: true,
		Lookup: func(_ context.Context, node string, s config.Setting) (string, bool, error) {
			v, ok := values[node+"/"+s.Key]
			return v, ok, err
		},
		Where: func(node string, s config.Setting) string {
			return "write " + s.Key + " to Vault at secret/omninode/" + node
		},
	}
}

func TestCascade(t *testing.T) {
	t.Parallel()
	secrets := map[string]string{"pricing/gateway_token": "of-vault", "pricing/gateway_url": "not-asked-for", "pricing/tax_percent": "not-asked-for"}
	env := map[string]string{"PRICING_GATEWAY_TOKEN": "of-env", "PRICING_GATEWAY_URL": "http://env"}
	tests := map[string]struct {
		sources []config.Source
		want    map[string][2]string // key: value, source
	}{
		"store first, for secrets only": {
			sources: []config.Source{store(secrets, nil), environ(env)},
			want:    map[string][2]string{"gateway_token": {"of-vault", "vault"}, "gateway_url": {"http://env", "environment"}, "tax_percent": {"20", "contract default"}},
		},
		"absence continues": {
			sources: []config.Source{store(nil, nil), environ(env)},
			want:    map[string][2]string{"gateway_token": {"of-env", "environment"}},
		},
		"an empty value is absent": {
			sources: []config.Source{store(map[string]string{"pricing/gateway_token": ""}, nil), environ(env), environ(map[string]string{"PRICING_TAX_PERCENT": ""})},
			want:    map[string][2]string{"gateway_token": {"of-env", "environment"}, "tax_percent": {"20", "contract default"}},
		},
		"the environment overrides a default": {
			sources: []config.Source{environ(env), environ(map[string]string{"PRICING_TAX_PERCENT": "7"})},
			want:    map[string][2]string{"tax_percent": {"7", "environment"}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, err := config.Resolve(t.Context(), "pricing", settings(), tt.sources...)
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range v.Explain() {
				want, ok := tt.want[row.Key]
				if !ok {
					continue
				}
				got := config.Read(v).Secret(row.Key).Reveal()
				if got != want[0] || row.Source != want[1] {
					t.Errorf("%s = %q from %s, want %q from %s", row.Key, got, row.Source, want[0], want[1])
				}
			}
		})
	}
}

func TestAnErrorOfTheStoreStopsTheCascade(t *testing.T) {
	t.Parallel()
	sealed := errors.New("sealed")
	asked := false
	env := config.Environ(func(name string) (string, bool) {
		asked = asked || name == "PRICING_GATEWAY_TOKEN"
		return "x", true
	})
	_, err := config.Resolve(t.Context(), "pricing", settings(), store(nil, sealed), env)
	var se *config.SourceError
	if !errors.As(err, &se) || !errors.Is(err, sealed) || se.Source != "vault" || se.Setting.Key != "gateway_token" {
		t.Fatalf("got %v", err)
	}
	if asked {
		t.Error("the environment was asked although the store failed")
	}
	if !strings.Contains(err.Error(), "PRICING_GATEWAY_TOKEN") {
		t.Errorf("%v does not name the variable", err)
	}
}

func TestAllThatIsMissingIsListed(t *testing.T) {
	t.Parallel()
	_, err := config.Resolve(t.Context(), "pricing", settings(), store(nil, nil), environ(nil))
	var me *config.MissingError
	if !errors.As(err, &me) || len(me.Settings) != 2 {
		t.Fatalf("got %v", err)
	}
	const want = `node pricing: 2 required settings are missing
  secret gateway_token (PRICING_GATEWAY_TOKEN): Bearer token.
    fix: write gateway_token to Vault at secret/omninode/pricing, or export PRICING_GATEWAY_TOKEN
  setting gateway_url (PRICING_GATEWAY_URL): Address of the gateway.
    fix: export PRICING_GATEWAY_URL`
	if err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
}

func TestASettingDeclaredTwiceIsRefused(t *testing.T) {
	t.Parallel()
	twice := []config.Setting{{Key: "a", Env: "N_A", Default: new("1")}, {Key: "a", Env: "N_A", Default: new("2")}}
	if _, err := config.Resolve(t.Context(), "n", twice); err == nil || !strings.Contains(err.Error(), "a is declared twice") {
		t.Errorf("got %v", err)
	}
}

func TestExplainRedacts(t *testing.T) {
	t.Parallel()
	v, err := config.Resolve(t.Context(), "pricing", settings(), environ(map[string]string{
		"PRICING_GATEWAY_TOKEN": "canary", "PRICING_GATEWAY_URL": "https://user:canary@host/path",
	}))
	if err != nil {
		t.Fatal(err)
	}
	table := v.Explain().String()
	if strings.Contains(table, "canary") {
		t.Errorf("the table shows a secret:\n%s", table)
	}
	for _, want := range []string{"KEY", "https://user:xxxxx@host/path", "contract default", "[redacted]", "PRICING_TAX_PERCENT"} {
		if !strings.Contains(table, want) {
			t.Errorf("%q is not in the table:\n%s", want, table)
		}
	}
}
