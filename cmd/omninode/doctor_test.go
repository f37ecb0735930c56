package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

func TestMemAvailable(t *testing.T) {
	t.Parallel()
	if got := memAvailable("MemTotal: 8 kB\nMemAvailable:   2048 kB\n"); got != 2<<20 {
		t.Errorf("got %d", got)
	}
	if got := memAvailable("nothing"); got != 0 {
		t.Errorf("got %d", got)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	for have, want := range map[uint64]string{0: levelBroken, 15: levelMissing, 20: levelOK} {
		f := limits(finding{Level: levelOK}, have, 10, 20, "remedy")
		if f.Level != want || (want == levelOK) != (f.Cost+f.Remedy == "") {
			t.Errorf("limits(%d) = %+v, want %s", have, f, want)
		}
	}
}

func TestExistingAncestor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if got := existing(filepath.Join(dir, "a", "b")); got != dir {
		t.Errorf("got %s, want %s", got, dir)
	}
}

// TestDoctor looks at this machine: it must at least be able to run the tests.
func TestDoctor(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if code := run(t.Context(), []string{"doctor", "--json"}, nothingSet, &out, &out); code != 0 {
		t.Fatalf("exit code %d: %s", code, &out)
	}
	var findings []finding
	if err := json.Unmarshal(out.Bytes(), &findings); err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		if f.Found == "" || (f.Level != levelOK) != (f.Cost != "" && f.Remedy != "") {
			t.Errorf("finding %+v", f)
		}
	}
}

func TestDoctorIsBrokenWithoutGo(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	var out bytes.Buffer
	code := run(t.Context(), []string{"doctor"}, nothingSet, &out, &out)
	if code != exitEnvironment || !strings.Contains(out.String(), "broken  go") || !strings.Contains(out.String(), installGo) {
		t.Errorf("exit code %d: %s", code, &out)
	}
}

func TestRedactedURL(t *testing.T) {
	t.Parallel()
	if got := redacted("postgres://a:secret@h/d"); strings.Contains(got, "secret") || !strings.Contains(got, "a:") {
		t.Errorf("got %s", got)
	}
	if got := redacted("://secret"); strings.Contains(got, "secret") {
		t.Errorf("got %s", got)
	}
}
