package secret_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/secret"
	"github.com/omninode-ai/omninode/onex/secret/secrettest"
)

func TestFile(t *testing.T) {
	t.Parallel()
	secrettest.Exercise(t, func(t *testing.T, secrets secrettest.Secrets) secret.Store {
		lines := map[string]string{}
		for node, values := range secrets {
			for key, v := range values {
				lines[secret.Name(node, key)] = v
			}
		}
		f, err := secret.OpenFile(write(t, 0o600, string(config.FormatDotenv(lines))))
		if err != nil {
			t.Fatal(err)
		}
		return f
	})
}

func TestOpenFileRefusesOthersAccess(t *testing.T) {
	t.Parallel()
	for _, mode := range []fs.FileMode{0o644, 0o640, 0o620, 0o602, 0o666, 0o601} {
		_, err := secret.OpenFile(write(t, mode, "A_B=c\n"))
		var bad *secret.FileModeError
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %#o: got %v, want a FileModeError with the remedy", mode, err)
		}
	}
}

func TestOpenFileNamesTheLineAndNotTheValue(t *testing.T) {
	t.Parallel()
	_, err := secret.OpenFile(write(t, 0o600, "A=b\nPAYMENT_TOKEN=\"canary\n"))
	if err == nil || !strings.Contains(err.Error(), ":2: PAYMENT_TOKEN: the closing quote is missing") {
		t.Fatalf("got %v", err)
	}
	if strings.Contains(err.Error(), "canary") {
		t.Errorf("the error shows the value: %v", err)
	}
}

func TestOpenFileMissing(t *testing.T) {
	t.Parallel()
	_, err := secret.OpenFile(filepath.Join(t.TempDir(), "none"))
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "omninode seed") {
		t.Errorf("got %v, want fs.ErrNotExist with the remedy", err)
	}
	if _, err := secret.OpenFile(t.TempDir()); err == nil {
		t.Error("a folder was accepted as secrets file")
	}
}

func TestSourceIsForSecretsAndNamesThePlace(t *testing.T) {
	t.Parallel()
	f, err := secret.OpenFile(write(t, 0o600, "PAYMENT_GATEWAY_TOKEN=t\nPAYMENT_GATEWAY_URL=u\n"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = config.Resolve(t.Context(), "payment", []config.Setting{
		{Key: "gateway_url", Env: "PAYMENT_GATEWAY_URL"},
		{Key: "gateway_token", Env: "PAYMENT_GATEWAY_TOKEN", Secret: true},
		{Key: "other", Env: "PAYMENT_OTHER", Secret: true},
	}, secret.Source("file", f))
	var missing *config.MissingError
	if !errors.As(err, &missing) || len(missing.Settings) != 2 {
		t.Fatalf("got %v, want gateway_url (no secret) and other to be missing", err)
	}
	if !strings.Contains(err.Error(), "add PAYMENT_OTHER=… to ") {
		t.Errorf("the place is not named: %v", err)
	}
}

func write(t *testing.T, mode fs.FileMode, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secrets.env")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}
