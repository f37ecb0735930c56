package onex

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestVariablesOfAnEnvironment(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "dev", "fleet.env")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set := map[string]string{"ONEX_ENV": "dev", "ONEX_ENV_DIR": dir, "CONSUL_HTTP_ADDR": "process:8500"}
	cfg := Config{Lookup: func(name string) (string, bool) { v, ok := set[name]; return v, ok }}
	write("ONEX_KAFKA_BROKERS=kafka:9092\nCONSUL_HTTP_ADDR=file:8500\n")
	v, err := readVariables(cfg)
	if err != nil {
		t.Fatal(err)
	}
	env, err := readEnvironment(v.lookup)
	if err != nil || env.Consul != "process:8500" || len(env.Brokers) != 1 || env.Brokers[0] != "kafka:9092" {
		t.Errorf("environment is %+v, %v", env, err)
	}
	write("VAULT_TOKEN=hunter2\n")
	if _, err := readVariables(cfg); err == nil || !strings.Contains(err.Error(), "fleet.env:1: VAULT_TOKEN is a secret") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a token in a file that git keeps: %v", err)
	}
	delete(set, "ONEX_ENV")
	if v, err := readVariables(cfg); err != nil || v.files != nil {
		t.Errorf("without ONEX_ENV: %+v, %v", v.files, err)
	}
}
