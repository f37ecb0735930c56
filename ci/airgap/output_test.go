package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestWriteStatus(t *testing.T) {
	t.Parallel()
	rows := []row{
		{step: step{name: "compile dagger", lane: compiling, key: "0123456789ab"}, state: ready, size: 231 << 20},
		{step: step{name: "compile vault", lane: compiling, key: "ba9876543210", expect: 4 * time.Minute}, state: missing},
		{step: step{name: "dockerd", lane: assembling, expect: 4 * time.Second}, state: missing},
		{step: step{name: "engine", lane: assembling, key: "0123456789ab"}, state: unknown},
	}
	var out bytes.Buffer
	if err := writeStatus(&out, rows); err != nil {
		t.Fatal(err)
	}
	want := `ITEM            STATE    KEY           SIZE     UP WOULD
compile dagger  ready    0123456789ab  231 MiB  nothing
compile vault   missing  ba9876543210  -        make it, ~4m00s
dockerd         missing  -             -        make it, ~4s
engine          unknown  0123456789ab  -        look again
2 missing; up needs about 4m00s
`
	if out.String() != want {
		t.Errorf("status:\n%s\nwant:\n%s", out.String(), want)
	}
}

func TestShort(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		340 * time.Millisecond: "0.3s",
		4 * time.Second:        "4s",
		70 * time.Second:       "70s",
		241 * time.Second:      "4m01s",
	} {
		if got := short(d); got != want {
			t.Errorf("short(%v) = %s, want %s", d, got, want)
		}
	}
}

func TestProgressInALog(t *testing.T) {
	t.Parallel()
	logs := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := newProgress(&out, logs, 2)
		vault := step{name: "compile vault", expect: 4 * time.Minute}
		p.inPlace(step{name: "dockerd"})
		log := p.started(vault)
		time.Sleep(45*time.Second + time.Millisecond)
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		p.finished(vault, 45*time.Second)
		p.close()
		p.summary()
		want := `[   0s] compile vault … (expected ~4m00s)
[  30s] compile vault … at work, 30s of ~4m00s
[  45s] compile vault … done in 45s (expected ~4m00s)
[  45s] up: 1 of 2 steps made in 45s, the others were in place
`
		if out.String() != want {
			t.Errorf("progress:\n%s\nwant:\n%s", out.String(), want)
		}
	})
}

func TestReportFailure(t *testing.T) {
	t.Parallel()
	command := &commandError{command: "docker build x", tail: "E: no such package\nfailed", err: errors.New("exit status 1")}
	for name, tc := range map[string]struct {
		err         error
		first, last string
	}{
		"a step": {
			&stepError{step: "image kafka", log: "kafka.log", err: command},
			`airgap: step "image kafka": docker build x: exit status 1`,
			"next: go run -C ci/airgap . up   # goes on where it stopped",
		},
		"with a remedy": {
			&stepError{step: "dockerd", err: &remedied{err: io.EOF, next: "less dockerd.log"}},
			`airgap: step "dockerd": EOF`,
			"next: less dockerd.log",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			reportFailure(&out, tc.err)
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			if lines[0] != tc.first || lines[len(lines)-1] != tc.last {
				t.Errorf("report:\n%s\nwant it to begin %q and end %q", out.String(), tc.first, tc.last)
			}
			if tail, ok := errors.AsType[*commandError](tc.err); ok && !strings.Contains(out.String(), "| failed") {
				t.Errorf("the output of %s is missing:\n%s", tail.command, out.String())
			}
		})
	}
}

func TestEnv(t *testing.T) {
	t.Parallel()
	s := newTestSite(t, answering(nil))
	if err := s.env(io.Discard, false); err == nil {
		t.Fatal("env names an engine that is not there")
	}
	if err := s.linkCLI(); err != nil {
		t.Fatal(err)
	}
	var shell, object bytes.Buffer
	if err := errors.Join(s.env(&shell, false), s.env(&object, true)); err != nil {
		t.Fatal(err)
	}
	var got map[string]string
	if err := json.Unmarshal(object.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(got["PATH"], s.binDir()+":") {
		t.Errorf("PATH = %s, want %s in front", got["PATH"], s.binDir())
	}
	for name, value := range got {
		if line := "export " + name + "=" + shellQuote(value) + "\n"; !strings.Contains(shell.String(), line) {
			t.Errorf("the shell's lines lack %s", line)
		}
	}
}

func TestShellQuote(t *testing.T) {
	t.Parallel()
	if got, want := shellQuote(`it's $HOME`), `'it'\''s $HOME'`; got != want {
		t.Errorf("shellQuote() = %s, want %s", got, want)
	}
}
