// Package env holds templates; its test keeps them true.
package env

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/onex/config"
)

// known says of each variable what it is: "runtime", "required", "setting" or "secret".
func known(t *testing.T) map[string]string {
	t.Helper()
	vars := map[string]string{}
	src, err := os.ReadFile(filepath.Join("..", "onex", "environment.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`r\.(\w+)\("([A-Z_]+)"`).FindAllStringSubmatch(string(src), -1) {
		vars[m[2]] = "runtime"
		if m[1] == "required" {
			vars[m[2]] = "required"
		}
	}
	fleet, err := contract.LoadFleet(filepath.Join("..", "nodes"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range fleet.Contracts {
		for _, s := range c.Settings {
			vars[contract.Env(c.Node, s.Key)] = "setting"
			if s.Default == nil {
				vars[contract.Env(c.Node, s.Key)] = "required"
			}
		}
		for _, s := range c.Secrets {
			vars[contract.Env(c.Node, s.Key)] = "secret"
		}
	}
	for _, name := range []string{"VAULT_SECRET_ID", "VAULT_WRAPPED_SECRET_ID", "VAULT_TOKEN", "CONSUL_HTTP_TOKEN"} {
		if vars[name] == "" {
			t.Fatalf("the runtime does not read %s any more", name)
		}
		vars[name] = "secret"
	}
	return vars
}

func TestTemplates(t *testing.T) {
	t.Parallel()
	vars := known(t)
	if len(vars) < 15 {
		t.Fatalf("only %d variables are known: %v", len(vars), vars)
	}
	for _, file := range []string{"development/omninode.env", "production/omninode.env"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		set, err := config.ParseDotenv(file, text)
		if err != nil {
			t.Fatal(err)
		}
		offered, err := config.ParseDotenv(file, uncomment(text))
		if err != nil {
			t.Fatal(err)
		}
		for name := range offered {
			if vars[name] == "" {
				t.Errorf("%s: nothing reads %s", file, name)
			}
		}
		for name, value := range set {
			if vars[name] == "secret" || strings.ContainsAny(value, `'" `) {
				t.Errorf("%s: %s is a secret or holds a quote or a space", file, name)
			}
		}
		for name, kind := range vars {
			if _, ok := set[name]; !ok && kind == "required" {
				t.Errorf("%s: %s is missing", file, name)
			}
		}
	}
}

// uncomment turns "#NAME=value" lines into assignments.
func uncomment(text []byte) []byte {
	return regexp.MustCompile(`(?m)^#([A-Z_]+=)`).ReplaceAll(text, []byte("$1"))
}
