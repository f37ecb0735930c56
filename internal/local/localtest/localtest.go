// Package localtest has the shop run for tests that look at what a run leaves behind.
package localtest

import (
	"bytes"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/e2e"
	"github.com/omninode-ai/omninode/internal/console"
	"github.com/omninode-ai/omninode/internal/local"
)

// Shop runs the shop on embedded backends until the scenarios have passed so many times, and stops its
// nodes; the backends stay until the test ends. root is the folder of the repository.
func Shop(t *testing.T, root string, rounds int, scenarios ...string) *local.Session {
	t.Helper()
	out := console.New(console.Config{W: io.Discard})
	t.Cleanup(out.Close)
	var log bytes.Buffer
	s, err := local.Open(t.Context(), local.Config{
		Root: root, Contracts: filepath.Join(root, "nodes"), Console: out, Log: &log,
		Env: func(string) (string, bool) { return "", false },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	stack, err := e2e.Open(t.Context(), s.E2E(""), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer stack.Close()
	chosen, err := e2e.Select(e2e.Running, scenarios)
	if err != nil {
		t.Fatal(err)
	}
	for range rounds {
		for _, r := range e2e.Run(t.Context(), stack, chosen, nil) {
			if !r.Passed() {
				t.Fatalf("%s: %s\n%s", r.Name, r.Error, &log)
			}
		}
	}
	if err := s.StopFleet(); err != nil { // what waits in outboxes is sent
		t.Fatal(err)
	}
	return s
}
