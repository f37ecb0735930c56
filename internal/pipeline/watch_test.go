package pipeline

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestEngineThatIsReplacedEndsTheCall puts a docker into PATH that says what a file says.
func TestEngineThatIsReplacedEndsTheCall(t *testing.T) {
	dir := t.TempDir()
	state := filepath.Join(dir, "state")
	say := func(text string) {
		if err := os.WriteFile(state, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "docker"), []byte("#!/bin/sh\nexec cat '"+state+"'\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	say("true 2026-01-01T00:00:00Z")
	ctx, stop := watched(t.Context(), []string{runnerHost + "=" + airgapEngine})
	defer stop()
	if ctx.Err() != nil {
		t.Fatalf("ended at once: %v", context.Cause(ctx))
	}
	say("true 2026-01-01T00:00:09Z")
	select {
	case <-ctx.Done():
	case <-time.After(10 * watchInterval):
		t.Fatal("a new engine was not noticed")
	}
	if cause := context.Cause(ctx); !errors.Is(cause, ErrEngineGone) {
		t.Errorf("cause is %v, want %v", cause, ErrEngineGone)
	}
}

func TestEngineElsewhereIsNotWatched(t *testing.T) {
	t.Parallel()
	ctx, stop := watched(t.Context(), []string{runnerHost + "=tcp://engine.example:1234"})
	defer stop()
	if ctx.Err() != nil {
		t.Errorf("ended: %v", context.Cause(ctx))
	}
}
