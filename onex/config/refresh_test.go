package config_test

import (
	"context"
	"errors"
	"testing"

	"github.com/omninode-ai/omninode/onex/config"
)

// TestRefresh: a secret that its source changed is another for everybody who holds it; what breaks a rule, is gone
// or cannot be asked for leaves the old one.
func TestRefresh(t *testing.T) {
	t.Parallel()
	stored := map[string]string{"token": "first", "other": "same"}
	var down error
	source := config.Source{Name: "store", SecretsOnly: true, Lookup: func(_ context.Context, _ string, s config.Setting) (string, bool, error) {
		text, ok := stored[s.Key]
		return text, ok, down
	}}
	settings := []config.Setting{{Key: "token", Env: "N_TOKEN", Secret: true}, {Key: "other", Env: "N_OTHER", Secret: true}}
	v, err := config.Resolve(t.Context(), "n", settings, source)
	if err != nil {
		t.Fatal(err)
	}
	token := config.Read(v).Secret("token", config.MinLen(3))
	held := token // as a handler holds it
	refresh := func(want int) []config.Refreshed {
		t.Helper()
		list, err := v.Refresh(t.Context(), source)
		if err != nil || len(list) != want {
			t.Fatalf("refreshed %+v, %v", list, err)
		}
		return list
	}
	refresh(0)
	stored["token"] = "second"
	if r := refresh(1)[0]; r.Err != nil || r.Key != "token" || r.Source != "store" || held.Reveal() != "second" {
		t.Errorf("%+v, reveals %s", r, held.Reveal())
	}
	stored["token"] = "x"
	if r := refresh(1)[0]; r.Err == nil || held.Reveal() != "second" {
		t.Errorf("a value that breaks a rule: %+v, reveals %s", r, held.Reveal())
	}
	delete(stored, "token")
	if _, gone := errors.AsType[*config.MissingError](refresh(1)[0].Err); !gone || held.Reveal() != "second" {
		t.Error("a value that is gone is not reported as missing")
	}
	stored["token"], down = "third", errors.New("sealed")
	if _, err := v.Refresh(t.Context(), source); err == nil || held.Reveal() != "second" {
		t.Errorf("a source that does not answer: %v", err)
	}
	down = nil
	refresh(1)
	if token.Reveal() != "third" {
		t.Error("the secret did not change after the source came back")
	}
}
