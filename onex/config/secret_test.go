package config_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/omninode-ai/omninode/onex/config"
)

const canary = "canary-4711"

// holders are the shapes a secret hides in.
func holders() map[string]any {
	s := config.NewSecret(canary)
	type exported struct{ Token config.Secret }
	type unexported struct{ token config.Secret }
	type nested struct{ inner unexported }
	return map[string]any{
		"bare": s, "pointer": &s, "exported field": exported{s}, "pointer to struct": &exported{s},
		"unexported field": unexported{s}, "nested": nested{unexported{s}}, "pointer to nested": &nested{unexported{s}},
		"slice": []config.Secret{s}, "map": map[string]config.Secret{"k": s}, "map key": map[config.Secret]int{s: 1},
		"unexported map": struct{ m map[string]config.Secret }{map[string]config.Secret{"k": s}},
		"any":            []any{s, &s},
	}
}

func TestSecretIsNeverPrinted(t *testing.T) {
	t.Parallel()
	for name, h := range holders() {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T %v", "%10.3s"} {
			hidden(t, name+" "+verb, strings.ReplaceAll(fmt.Sprintf(verb, h), " ", ""))
		}
		hidden(t, name+" Print", fmt.Sprint(h)+fmt.Sprintln(h))
		hidden(t, name+" error", fmt.Errorf("bad %v: %w", h, errors.New("x")).Error())
		raw, err := json.Marshal(h)
		hidden(t, name+" json", fmt.Sprint(string(raw), err))
		raw, err = yaml.Marshal(h)
		hidden(t, name+" yaml", fmt.Sprint(string(raw), err))
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "a", h)
		slog.New(slog.NewTextHandler(&log, nil)).Info("m", "a", h, slog.Group("g", "b", h))
		hidden(t, name+" slog", log.String())
	}
}

func hidden(t *testing.T, where, text string) {
	t.Helper()
	if strings.Contains(text, canary) || strings.Contains(strings.ToLower(text), fmt.Sprintf("%x", canary)) {
		t.Errorf("%s: %s", where, text)
	}
}

func TestSecretPrintsThatItIsOne(t *testing.T) {
	t.Parallel()
	s := config.NewSecret(canary)
	inJSON, err := json.Marshal(map[config.Secret]any{s: s})
	if err != nil {
		t.Fatal(err)
	}
	inYAML, err := yaml.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{fmt.Sprint(s), fmt.Sprintf("%q", s), string(inJSON), string(inYAML), fmt.Sprintf("%#v", s), s.String(), s.GoString()}
	for i, got := range texts {
		if !strings.Contains(got, "[redacted]") {
			t.Errorf("%d: got %q", i, got)
		}
	}
}

func TestSecretReveals(t *testing.T) {
	t.Parallel()
	var zero config.Secret
	if !zero.IsZero() || zero.Reveal() != "" || !config.NewSecret("").IsZero() {
		t.Error("the zero secret is not empty")
	}
	if s := config.NewSecret(canary); s.IsZero() || s.Reveal() != canary {
		t.Error("a secret does not reveal its text")
	}
}

func TestValuesHideEverything(t *testing.T) {
	t.Parallel()
	v, err := config.Resolve(t.Context(), "pricing", settings(), environ(map[string]string{
		"PRICING_GATEWAY_TOKEN": canary, "PRICING_GATEWAY_URL": "http://h",
	}))
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		hidden(t, verb, fmt.Sprintf(verb, v)+fmt.Sprintf(verb, *v)+fmt.Sprintf(verb, config.Read(v)))
	}
}
