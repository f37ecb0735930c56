package config_test

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/omninode-ai/omninode/onex/config"
)

func TestParseDotenv(t *testing.T) {
	t.Parallel()
	const text = "\ufeff# comment\n\nBARE=a b c\nCOMMENT=a # b\nHASH=a#b\nEMPTY=\nONLY_COMMENT= # x\n" +
		"export EXPORTED=yes\n SPACED = x \nSINGLE='a \"$b\" \\n # c'\nDOUBLE=\"a\\n\\t\\\"\\\\ $b # c\" # end\nDOLLAR=pa$$word\r\nEQUALS=a=b==\n"
	got, err := config.ParseDotenv(".env", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"BARE": "a b c", "COMMENT": "a", "HASH": "a#b", "EMPTY": "", "ONLY_COMMENT": "", "EXPORTED": "yes", "SPACED": "x",
		"SINGLE": `a "$b" \n # c`, "DOUBLE": "a\n\t\"\\ $b # c", "DOLLAR": "pa$$word", "EQUALS": "a=b==",
	}
	if !maps.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestParseDotenvNamesTheLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"A=1\nnothing": ".env:2: expected NAME=value", "=x": "not the name of an environment variable",
		"1A=x": "not the name", "A B=x": "not the name", "A='x": "A: the closing quote is missing",
		`A="x\q"`: "unknown escape", `A="x" y`: "text after the closing quote", "A=1\n\nA=2": ".env:3: A is set twice",
		`A="canary\`: "closing quote",
	} {
		_, err := config.ParseDotenv(".env", []byte(text))
		var de *config.DotenvError
		if !errors.As(err, &de) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestDotenvRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.MapOf(rapid.StringMatching(`[A-Z_][A-Z0-9_]{0,8}`), rapid.String()).Draw(t, "values")
		got, err := config.ParseDotenv("x", config.FormatDotenv(values))
		if err != nil || !maps.Equal(got, values) {
			t.Fatalf("wrote %q, read %q, %v", values, got, err)
		}
	})
}

func FuzzParseDotenv(f *testing.F) {
	f.Add([]byte("A=b\nexport C='d'\nE=\"f\\n\"\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		values, err := config.ParseDotenv("x", text)
		if err != nil {
			return
		}
		again, err := config.ParseDotenv("x", config.FormatDotenv(values))
		if err != nil || !maps.Equal(values, again) {
			t.Errorf("%q read as %q and again as %q, %v", text, values, again, err)
		}
	})
}
