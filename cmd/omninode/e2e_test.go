package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/e2e"
	"github.com/omninode-ai/omninode/internal/console"
	"github.com/omninode-ai/omninode/internal/process"
)

func nothingSet(string) (string, bool) { return "", false }

func setupJudge(t *testing.T, o e2eOptions) (*judge, *bytes.Buffer, *bytes.Buffer) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	a := &app{env: nothingSet, stdout: &stdout, stderr: &stderr, nodes: "nodes"}
	j := a.newJudge(o)
	t.Cleanup(j.console.Close)
	return j, &stdout, &stderr
}

func lastLines(out string, n int) []string {
	lines := strings.Split(strings.TrimRight(out, "\n"), "\n")
	return lines[max(0, len(lines)-n):]
}

func TestVerdictIsLastAndTheNextCommandBeforeIt(t *testing.T) {
	t.Parallel()
	junit := filepath.Join(t.TempDir(), "e2e.xml")
	j, stdout, _ := setupJudge(t, e2eOptions{on: onEmbedded, junit: junit})
	j.results = []e2e.Result{{Name: "checkout", Took: time.Second}, {Name: "poison", Error: "no dead letter\nseen: nothing"}}
	err := j.conclude(t.Context(), nil)
	if s, ok := errors.AsType[silent](err); !ok || s != exitMistake {
		t.Errorf("conclude = %v, want exit code %d", err, exitMistake)
	}
	want := []string{"next: omninode e2e --on embedded --cases poison", "1 passed, 1 failed"}
	if got := lastLines(stdout.String(), 2); got[0] != want[0] || got[1] != want[1] {
		t.Errorf("last lines %q, want %q", got, want)
	}
	if !strings.Contains(stdout.String(), "\n  seen: nothing\n") {
		t.Errorf("what was seen is missing in:\n%s", stdout)
	}
	if text, err := os.ReadFile(junit); err != nil || !bytes.Contains(text, []byte(`failures="1"`)) {
		t.Errorf("JUnit %s, %v", text, err)
	}
}

func TestAllGreen(t *testing.T) {
	t.Parallel()
	j, stdout, _ := setupJudge(t, e2eOptions{on: onEmbedded})
	j.results = []e2e.Result{{Name: "checkout"}}
	if err := j.conclude(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if got := lastLines(stdout.String(), 1)[0]; got != "1 passed, 0 failed" || strings.Contains(stdout.String(), "next:") {
		t.Errorf("got:\n%s", stdout)
	}
}

// TestStackThatDoesNotStart wants every scenario that was not reached to count as failed: a report
// without a failure would read as green.
func TestStackThatDoesNotStart(t *testing.T) {
	t.Parallel()
	j, stdout, _ := setupJudge(t, e2eOptions{on: onEmbedded, cases: []string{"checkout", "deregistered"}})
	if err := j.conclude(t.Context(), errors.New("port 1 is occupied\ndetails")); err == nil {
		t.Error("no error")
	}
	lines := strings.Split(stdout.String(), "\n")
	if lines[0] != "FAIL port 1 is occupied" || lastLines(stdout.String(), 1)[0] != "0 passed, 2 failed" {
		t.Errorf("got:\n%s", stdout)
	}
	if !strings.Contains(stdout.String(), "next: omninode doctor") {
		t.Errorf("no next command in:\n%s", stdout)
	}
}

func TestInterruptedRunJudgesNothing(t *testing.T) {
	t.Parallel()
	j, stdout, _ := setupJudge(t, e2eOptions{on: onEmbedded})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := j.conclude(ctx, errors.New("cut off")); !errors.Is(err, context.Canceled) || stdout.Len() > 0 {
		t.Errorf("conclude = %v, wrote %q", err, stdout)
	}
}

func TestE2EJSON(t *testing.T) {
	t.Parallel()
	j, stdout, stderr := setupJudge(t, e2eOptions{on: onStack, asJSON: true})
	_ = j.console.Step("start").End(nil)
	j.results = []e2e.Result{{Name: "checkout"}}
	if err := j.conclude(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	var s e2eSummary
	if err := json.Unmarshal(stdout.Bytes(), &s); err != nil || s.Verdict != "1 passed, 0 failed" || len(s.Steps) != 1 {
		t.Errorf("%+v, %v in %s", s, err, stdout)
	}
	if got := lastLines(stderr.String(), 1)[0]; got != "1 passed, 0 failed" {
		t.Errorf("standard error ends with %q", got)
	}
}

func TestE2ERefusesBadFlags(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"there is no scenario": {"--cases", "poisson"},
		"--break needs":        {"--break", "vault"},
		"--on \"moon\"":        {"--on", "moon"},
		"--phase \"later\"":    {"--on", "stack", "--phase", "later"},
		"E2E_DATABASE_URL":     {"--on", "stack"},
	} {
		var out bytes.Buffer
		if code := run(t.Context(), append([]string{"e2e"}, args...), nothingSet, &out, &out); code == 0 || !strings.Contains(out.String(), want) {
			t.Errorf("e2e %v: exit code %d, %s", args, code, &out)
		}
	}
}

func TestSplitReport(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ report, table, verdict string }{
		{"steps\n ok\n3 passed, 1 failed\n", "steps\n ok", "3 passed, 1 failed"},
		{"steps\n3 passed, 0 failed", "steps", "3 passed, 1 failed"},
		{"cut off", "cut off", "0 passed, 1 failed"},
		{"", "", "0 passed, 1 failed"},
	} {
		if table, verdict := split(c.report); table != c.table || verdict != c.verdict {
			t.Errorf("split(%q) = %q, %q", c.report, table, verdict)
		}
	}
}

func setupReal(t *testing.T, files map[string]string) (*realRun, *bytes.Buffer) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	c := console.New(console.Config{W: &out, Env: nothingSet})
	t.Cleanup(c.Close)
	return &realRun{console: c, out: dir, tail: process.NewTail(0)}, &out
}

func TestRealIsGreenOnlyIfAllAgree(t *testing.T) {
	t.Parallel()
	const green, junit = "table\n12 passed, 0 failed\n", `<testsuites failures="0">`
	r, out := setupReal(t, map[string]string{"junit.xml": junit})
	if err := r.conclude(green, nil, nil); err != nil || lastLines(out.String(), 1)[0] != "12 passed, 0 failed" {
		t.Errorf("%v, %s", err, out)
	}
	for name, c := range map[string]struct {
		text, junit string
		err         error
	}{
		"exit code":      {green, junit, errors.New("exit status 1")},
		"no text":        {"", junit, nil},
		"red text":       {"1 passed, 2 failed", junit, nil},
		"nothing judged": {"0 passed, 0 failed", junit, nil},
		"no JUnit":       {green, "", nil},
		"red JUnit":      {green, `<a failures="0"><b failures="1">`, nil},
	} {
		r, out := setupReal(t, map[string]string{"junit.xml": c.junit, "report.txt": c.text})
		if err := r.conclude(c.text, c.err, nil); err == nil || strings.HasSuffix(lastLines(out.String(), 1)[0], " 0 failed") {
			t.Errorf("%s: %v, %s", name, err, out)
		}
	}
}

func TestRealShowsStepsAsTheyEnd(t *testing.T) {
	t.Parallel()
	r, out := setupReal(t, nil)
	s := r.console.Step("call")
	for _, line := range []string{
		"12  : ┆ File.contents DONE [0.1s]",
		"\x1b[95m13  : \x1b[0m\x1b[90m[1m18s] |\x1b[0m   77.2s  ok     start the card gateway (2.3s)",
		"13  : [1m20s] |   79.0s  FAILED checkout is ready (60.0s)",
	} {
		r.progress(s, line)
	}
	s.Drop()
	if want := "ok     start the card gateway  2.3s\nFAILED checkout is ready  60.0s\n"; out.String() != want {
		t.Errorf("got %q, want %q", out, want)
	}
}

func TestRealShowsTheCauseFirst(t *testing.T) {
	t.Parallel()
	r, out := setupReal(t, map[string]string{
		"failure.txt": "vault: it is sealed (step: vault is ready)\nlast lines of vault:\n  x\nnext: dagger call -i e-2-e\n",
		"report.txt":  "steps\n  bad\n4 passed, 1 failed\n",
	})
	if err := r.conclude("", errors.New("exit status 1"), nil); err == nil {
		t.Error("no error")
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if lines[0] != "FAIL vault: it is sealed (step: vault is ready)" || lines[len(lines)-1] != "4 passed, 1 failed" || lines[len(lines)-2] != "next: dagger call -i e-2-e" {
		t.Errorf("got:\n%s", out)
	}
}
