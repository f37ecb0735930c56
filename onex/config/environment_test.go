package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/omninode-ai/omninode/onex/config"
)

// place writes files below a new folder and returns it.
func place(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestDotenvIsBelowTheProcess(t *testing.T) {
	t.Parallel()
	dir := place(t, map[string]string{"dev/a.env": "A=file\nB=file\nC=file\n", "dev/local.env": "B=local\n"})
	d, err := config.OpenDotenv(dir, "dev")
	if err != nil {
		t.Fatal(err)
	}
	process := map[string]string{"A": "process", "C": "", "E": ""}
	lookup := d.Under(func(name string) (string, bool) { v, ok := process[name]; return v, ok })
	for name, want := range map[string]string{"A": "process", "B": "local", "C": "file", "D": "", "E": ""} {
		if got, ok := lookup(name); got != want || ok != (name != "D") {
			t.Errorf("%s is %q, %v; want %q", name, got, ok, want)
		}
	}
	s := config.Setting{Key: "b", Env: "B", Default: new("default")}
	tr := config.NewTrace(t.Context(), "node", []config.Setting{s}, config.Environ(os.LookupEnv), d.Source())
	row := tr.Explain()[0]
	if row.Value != "local" || row.Place != filepath.Join(dir, "dev", "local.env")+":1" || len(row.Overrides) != 1 || row.Overrides[0].Value != "default" {
		t.Errorf("explained as %+v", row)
	}
}

func TestDotenvRefusals(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		files map[string]string
		env   string
		want  string
	}{
		"traversal": {nil, "../etc", `environment "../etc"`},
		"absolute":  {nil, "/etc", `environment "/etc"`},
		"absent":    {nil, "dev", "there is no folder"},
		"malformed": {map[string]string{"dev/a.env": "A=1\nhunter2\n"}, "dev", "a.env:2: expected NAME=value"},
		"twice":     {map[string]string{"dev/a.env": "A=1\n", "dev/b.env": "\nA=2\n"}, "dev", "b.env:2: A is set in"},
		"again":     {map[string]string{"dev/a.env": "A=1\n\nA=hunter2\n"}, "dev", "a.env:3: A is set twice, first in line 1"},
		"too large": {map[string]string{"dev/a.env": "A=" + strings.Repeat("x", 10<<20)}, "dev", "a.env: it has more than 1048576 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := config.OpenDotenv(place(t, tc.files), tc.env)
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "hunter2") || len(err.Error()) > 400 {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestDotenvLeavesItsFolderThroughNoLink(t *testing.T) {
	t.Parallel()
	outside := place(t, map[string]string{"secret.env": "A=hunter2\n"})
	dir := place(t, map[string]string{"dev/a.env": ""})
	if err := os.Symlink(filepath.Join(outside, "secret.env"), filepath.Join(dir, "dev", "b.env")); err != nil {
		t.Skip("no symbolic links here")
	}
	if _, err := config.OpenDotenv(dir, "dev"); err == nil || !strings.Contains(err.Error(), "escapes") {
		t.Errorf("got %v", err)
	}
}

func TestSecretInAFileThatGitKeepsIsRefused(t *testing.T) {
	t.Parallel()
	d, err := config.OpenDotenv(place(t, map[string]string{"dev/a.env": "N_TOKEN=hunter2\n"}), "dev")
	if err != nil {
		t.Fatal(err)
	}
	_, err = config.Resolve(t.Context(), "n", []config.Setting{{Key: "token", Env: "N_TOKEN", Secret: true}}, d.Source())
	if err == nil || !strings.Contains(err.Error(), "a.env:1: a secret in a file that git keeps") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
}

func TestHugeValueIsRefused(t *testing.T) {
	t.Parallel()
	huge := config.Environ(func(string) (string, bool) { return strings.Repeat("x", 10<<20), true })
	_, err := config.Resolve(t.Context(), "n", []config.Setting{{Key: "url", Env: "N_URL"}}, huge)
	if err == nil || !strings.Contains(err.Error(), "the value has 10485760 bytes, at most 1048576") || len(err.Error()) > 200 {
		t.Errorf("got %.300v", err)
	}
}
