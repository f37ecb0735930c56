package pipeline

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestEnvironmentIsSorted(t *testing.T) {
	t.Parallel()
	got, err := environment([]byte(`{"PATH":"/x","A":"1"}`))
	if err != nil || strings.Join(got, " ") != "A=1 PATH=/x" {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := environment([]byte("no json")); err == nil {
		t.Error("no error for what is no JSON")
	}
}

func script(t *testing.T, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestCallUsesTheEnginesCLI(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script(t, dir, "dagger", `echo "$@" "$HELLO"; exit 3`)
	h := Host{Root: dir, Log: io.Discard}
	e := Engine{Env: []string{"PATH=" + dir + ":/usr/bin:/bin", "HELLO=world"}, Lock: "l"}
	got, err := h.Call(t.Context(), e, "e-2-e", "--break=vault")
	if want := "--progress=plain call --lock=l e-2-e --break=vault world\n"; got != want || err == nil {
		t.Errorf("got %q, %v; want %q and exit code 3", got, err, want)
	}
	e.Env = []string{"PATH=" + t.TempDir()}
	if _, err := h.Call(t.Context(), e, "e-2-e"); err == nil || !strings.Contains(err.Error(), "find dagger in PATH") {
		t.Errorf("without a CLI: %v", err)
	}
}

func TestCallInterruptsTheCLI(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script(t, dir, "dagger", `trap 'echo cleaned; exit 1' INT; echo up >&2; while :; do sleep 0.05; done`)
	ctx, cancel := context.WithCancel(t.Context())
	out := &signalWriter{want: "up", seen: cancel}
	h := Host{Root: dir, Log: out}
	begin := time.Now()
	got, err := h.Call(ctx, Engine{Env: []string{"PATH=" + dir + ":/usr/bin:/bin"}})
	if !errors.Is(err, context.Canceled) || !strings.Contains(got, "cleaned") || time.Since(begin) > stopGrace/2 {
		t.Errorf("got %q, %v after %s", got, err, time.Since(begin))
	}
}

// signalWriter calls seen once it was written want.
type signalWriter struct {
	want string
	seen func()
}

func (w *signalWriter) Write(p []byte) (int, error) {
	if strings.Contains(string(p), w.want) {
		w.seen()
	}
	return len(p), nil
}

func TestChooseNeedsThePipeline(t *testing.T) {
	t.Parallel()
	h := Host{Root: t.TempDir(), Env: func(string) (string, bool) { return "", false }}
	if _, err := h.Choose(t.Context()); err == nil || !strings.Contains(err.Error(), "part of the omninode repository") {
		t.Errorf("Choose = %v", err)
	}
}

func TestAdoptKeepsTheLock(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program := script(t, dir, "airgap", `case $1 in env) echo '{"A":"1"}';; lock) echo digest;; esac`)
	var e Engine
	lock := filepath.Join(dir, "images.lock")
	if err := e.adopt(t.Context(), program, dir, lock); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(lock); string(text) != "digest\n" || e.Lock != lock || len(e.Env) != 1 {
		t.Errorf("engine %+v, lock %q", e, text)
	}
}
