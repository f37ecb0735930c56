package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestExecuteKeepsTheTail(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	script := "echo answer; exec >&2; seq 100; echo trouble; exit 3"
	out, err := execute(t.Context(), command{name: "sh", args: []string{"-c", script}, log: &log})
	failed, ok := errors.AsType[*commandError](err)
	if !ok {
		t.Fatalf("execute() = %v, want a commandError", err)
	}
	if lines := strings.Split(failed.tail, "\n"); len(lines) != tailLines || !slices.Contains(lines, "trouble") {
		t.Errorf("the tail is %q", lines)
	}
	if out != "answer\n" || !strings.Contains(log.String(), "+ sh -c") {
		t.Errorf("standard output or log is incomplete: %q, %q", out, log.String())
	}
}

func TestExecuteEndsTheWholeGroup(t *testing.T) {
	t.Parallel()
	pidFile := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancelCause(t.Context())
	interrupted := errors.New("interrupted")
	go func() {
		for {
			if content, err := os.ReadFile(pidFile); err == nil && len(content) > 0 {
				cancel(interrupted)
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	script := "sleep 60 & echo $! >" + pidFile + "; wait"
	_, err := execute(ctx, command{name: "sh", args: []string{"-c", script}})
	if !errors.Is(err, interrupted) {
		t.Errorf("execute() = %v, want the cause of the interruption", err)
	}
	pid, err := readPid(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	for range 200 {
		if startTicks(pid) == "" {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("process %d of the group still runs", pid)
}

func TestExecuteNamesAMissingProgram(t *testing.T) {
	t.Parallel()
	_, err := execute(t.Context(), command{name: "no-such-program"})
	if err == nil || !strings.Contains(err.Error(), "not installed") {
		t.Errorf("execute() = %v", err)
	}
}

func TestHeal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	alive, stale := filepath.Join(dir, "alive.sock"), filepath.Join(dir, "stale.sock")
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", alive)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	leaveSocket(t, stale)
	// The number of a living process that is no dockerd: this one.
	pidFile := filepath.Join(dir, "docker.pid")
	writeFile(t, pidFile, fmt.Sprint(os.Getpid()))
	writeFile(t, filepath.Join(dir, "containerd.pid"), "1")

	runtime := dockerRuntime{pidFile: pidFile, sockets: []string{alive, stale, filepath.Join(dir, "none.sock")}}
	if err := runtime.heal(t.Context(), io.Discard); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{alive: true, stale: false, pidFile: false} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s is there: %v, want %v", filepath.Base(path), err == nil, want)
		}
	}
}

// leaveSocket makes a socket file at which nobody listens, as a kill does.
func leaveSocket(t *testing.T, path string) {
	t.Helper()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	listener.SetUnlinkOnClose(false)
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOurDockerdIsRecognised(t *testing.T) {
	t.Parallel()
	s := newTestSite(t, answering(nil))
	if s.ourDockerd() != 0 {
		t.Error("a dockerd is ours without a record")
	}
	// A record of this process: alive, same start, but no dockerd.
	if err := s.rememberDockerd(os.Getpid()); err != nil {
		t.Fatal(err)
	}
	if s.ourDockerd() != 0 {
		t.Error("any process with the recorded number counts as dockerd")
	}
	if startTicks(os.Getpid()) == "" {
		t.Error("no start time for this process")
	}
}

func TestCheckDisk(t *testing.T) {
	t.Parallel()
	p := plan{{name: "compile dagger", disk: 5 * gib}, {name: "dockerd"}, {name: "engine", disk: 3 * gib}}
	if err := p.checkDisk(8*gib, "/cache"); err != nil {
		t.Errorf("checkDisk() with just enough = %v", err)
	}
	err := p.checkDisk(6*gib, "/cache")
	remedy, ok := errors.AsType[*remedied](err)
	if !ok {
		t.Fatalf("checkDisk() = %v, want an error with a remedy", err)
	}
	if want := "6.0 GiB are free at /cache, 8.0 GiB are needed for: compile dagger, engine"; err.Error() != want {
		t.Errorf("checkDisk() = %q, want %q", err, want)
	}
	if !strings.HasPrefix(remedy.next, "free 2.0 GiB") {
		t.Errorf("the remedy is %q", remedy.next)
	}
}

func TestMirrorManifest(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v2/library/postgres/manifests/17.5" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Docker-Content-Digest", "sha256:manifest")
		fmt.Fprint(w, `{"config": {"digest": "sha256:config"}}`)
	}))
	defer server.Close()
	m := mirror{address: server.Listener.Addr().String(), client: server.Client()}
	got, err := m.manifest(t.Context(), "postgres:17.5")
	if err != nil || got != (manifest{digest: "sha256:manifest", config: "sha256:config"}) {
		t.Errorf("manifest() = %v, %v", got, err)
	}
	if _, err := m.manifest(t.Context(), "alpine:3"); err == nil || !strings.Contains(err.Error(), "alpine:3") {
		t.Errorf("manifest() of an image that is not there = %v", err)
	}

	s := newTestSite(t, answering(nil))
	img := image{refs: []reference{"postgres:17.5"}}
	for id, want := range map[string]bool{"sha256:config": true, "sha256:older": false, "": false} {
		if s.served(t.Context(), m, img, id) != want {
			t.Errorf("served(%q) = %v, want %v", id, !want, want)
		}
	}
}
