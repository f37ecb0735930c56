package config_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/onex/config"
)

// reader returns a Reader whose settings have the given texts; a key that begins with "secret" is one.
func reader(t *testing.T, texts map[string]string) *config.Reader {
	t.Helper()
	var list []config.Setting
	env := map[string]string{}
	for key, text := range texts {
		s := config.Setting{Key: key, Env: "N_" + strings.ToUpper(key), Secret: strings.HasPrefix(key, "secret")}
		if text == "" {
			s.Default = new("")
		}
		list, env[s.Env] = append(list, s), text
	}
	v, err := config.Resolve(t.Context(), "n", list, environ(env))
	if err != nil {
		t.Fatal(err)
	}
	return config.Read(v)
}

func TestReadTyped(t *testing.T) {
	t.Parallel()
	r := reader(t, map[string]string{
		"text": "hello", "int": "-42", "big": "9223372036854775807", "float": "19.5", "yes": "true", "no": "0",
		"wait": "1m30s", "secret": "s", "empty": "",
	})
	if got := r.String("text"); got != "hello" {
		t.Errorf("String = %q", got)
	}
	if got := r.Int("int", config.Min(-42), config.Max(0)); got != -42 {
		t.Errorf("Int = %d", got)
	}
	if got := r.Int("big"); got != math.MaxInt64 {
		t.Errorf("Int = %d", got)
	}
	if got := r.Float("float", config.Min(0), config.Max(100)); got != 19.5 {
		t.Errorf("Float = %v", got)
	}
	if !r.Bool("yes") || r.Bool("no") {
		t.Error("Bool is wrong")
	}
	if got := r.Duration("wait"); got != 90*time.Second {
		t.Errorf("Duration = %s", got)
	}
	if got := r.Secret("secret").Reveal(); got != "s" {
		t.Errorf("Secret = %q", got)
	}
	if got := r.String("empty"); got != "" {
		t.Errorf("a default that is empty = %q", got)
	}
	if err := r.Err(); err != nil {
		t.Error(err)
	}
}

func TestReadReportsEveryViolation(t *testing.T) {
	t.Parallel()
	r := reader(t, map[string]string{"int": "7.5", "float": "120", "url": "nowhere", "secret": "canary", "level": "loud"})
	r.Int("int")
	r.Float("float", config.Max(100))
	r.String("url", config.URI())
	r.Secret("secret", config.MinLen(20))
	r.String("level", config.OneOf("debug", "info"))
	r.String("undeclared")
	err := r.Err()
	var ie *config.InvalidError
	if !errors.As(err, &ie) || len(ie.Violations) != 6 {
		t.Fatalf("got %v, want six violations", err)
	}
	const want = `node n: 6 settings are invalid
  int (N_INT, from environment): must be an integer, is "7.5"
  float (N_FLOAT, from environment): must be at most 100, is "120"
  url (N_URL, from environment): must be an absolute URI such as https://host/path, is "nowhere"
  secret (N_SECRET, from environment): must have at least 20 characters
  level (N_LEVEL, from environment): must be one of debug, info, is "loud"
  undeclared (, from nowhere): is not declared as a setting`
	if err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
}

func TestSecretsAreNotInMessages(t *testing.T) {
	t.Parallel()
	r := reader(t, map[string]string{"secret": "canary-value"})
	r.Int("secret")
	r.Float("secret")
	r.Bool("secret")
	r.Duration("secret")
	r.String("secret")
	r.Secret("secret", config.OneOf("a"), config.URI())
	r.Secret("secret", config.Pattern("^x$"))
	err := r.Err()
	if err == nil || strings.Count(err.Error(), "\n") != 7 {
		t.Fatalf("got %v, want seven violations", err)
	}
	if strings.Contains(err.Error(), "canary") {
		t.Errorf("a message shows the secret: %v", err)
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		rule      config.TextRule
		good, bad []string
	}{
		"URI":      {config.URI(), []string{"http://h", "urn:x:y", "kafka://h:1/p?q"}, []string{"", "h", "/p", "://h", "http:// h"}},
		"UUID":     {config.UUID(), []string{"6ba7b810-9dad-11d1-80b4-00c04fd430c8"}, []string{"", "6ba7b8109dad11d180b400c04fd430c8", "6ba7b810-9dad-11d1-80b4-00c04fd430c8 "}},
		"Email":    {config.Email(), []string{"a@b.c"}, []string{"", "a", "A <a@b.c>", "a@b.c "}},
		"DateTime": {config.DateTime(), []string{"2026-01-31T08:00:00Z", "2026-01-31T08:00:00.5+02:00"}, []string{"", "2026-01-31", "2026-02-30T08:00:00Z"}},
		"Date":     {config.Date(), []string{"2026-01-31"}, []string{"", "2026-02-30", "31.1.2026"}},
		"Pattern":  {config.Pattern("^a+$"), []string{"a", "aa"}, []string{"", "ab"}},
		"broken":   {config.Pattern("("), nil, []string{"a"}},
		"OneOf":    {config.OneOf("x", "y"), []string{"x", "y"}, []string{"", "X", "x,y"}},
		"MinLen":   {config.MinLen(2), []string{"üü", "abc"}, []string{"", "ü"}},
		"MaxLen":   {config.MaxLen(2), []string{"", "üü"}, []string{"abc"}},
	}
	for name, tt := range tests {
		for _, s := range tt.good {
			if said := tt.rule(s); said != "" {
				t.Errorf("%s: %q: %s", name, s, said)
			}
		}
		for _, s := range tt.bad {
			if tt.rule(s) == "" {
				t.Errorf("%s accepts %q", name, s)
			}
		}
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"NaN", "Inf", "-Inf", "1e999", "0x", "1,5", "1 "} {
		r := reader(t, map[string]string{"x": text})
		if got := r.Float("x"); got != 0 || r.Err() == nil {
			t.Errorf("Float accepts %q as %v", text, got)
		}
	}
	for _, text := range []string{"9223372036854775808", "1.0", "0x10", "1_000", " 1"} {
		r := reader(t, map[string]string{"x": text})
		if got := r.Int("x"); got != 0 || r.Err() == nil {
			t.Errorf("Int accepts %q as %v", text, got)
		}
	}
}
