package local

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/omninode-ai/omninode/internal/console"
	"github.com/omninode-ai/omninode/internal/process"
)

func setup(t *testing.T) Config {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	out := console.New(console.Config{W: io.Discard})
	t.Cleanup(out.Close)
	return Config{Root: root, Contracts: filepath.Join(root, "nodes"), Console: out, Env: os.LookupEnv}
}

func status(t *testing.T, url string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// TestSession is not parallel: it counts goroutines.
func TestSession(t *testing.T) { //nolint:paralleltest // see above
	if testing.Short() {
		t.Skip("builds and starts the fleet")
	}
	cfg := setup(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	defer http.DefaultClient.CloseIdleConnections()
	var log bytes.Buffer
	cfg.Log = &log
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := status(t, s.URL()+"/readyz"); got != http.StatusOK {
		t.Errorf("readyz answers %d", got)
	}
	before := s.process.Pid()
	if err := errors.Join(s.Rebuild(t.Context()), s.Restart(t.Context())); err != nil {
		t.Fatal(err)
	}
	if s.process.Pid() == before || status(t, s.URL()+"/readyz") != http.StatusOK {
		t.Error("the nodes were not replaced")
	}
	for range 2 { // closing twice is fine
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(log.String(), "deregistered") {
		t.Errorf("the nodes did not stop in good order:\n%s", &log)
	}
}

func TestOpenReportsEveryMistakeInTheContracts(t *testing.T) {
	t.Parallel()
	cfg := setup(t)
	cfg.Contracts = t.TempDir()
	write(t, cfg.Contracts, "a/contract.yaml", "omninode: 1\nnodde: a\n")
	if _, err := Open(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "contract.yaml:2:1") {
		t.Errorf("Open = %v", err)
	}
}

func TestBuildErrors(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, root, "go.mod", "module example.com/broken\n\ngo 1.26\n")
	to := filepath.Join(root, "bin", "fleet")
	err := build(t.Context(), root, filepath.Join(root, "nodes", "cmd"), to)
	if err == nil || !strings.Contains(err.Error(), "omninode generate") {
		t.Errorf("without generated code: %v", err)
	}
	write(t, root, "nodes/cmd/main.gen.go", "package main\n\nfunc main() { undefined() }\n")
	err = build(t.Context(), root, filepath.Join(root, "nodes", "cmd"), to)
	if b, ok := errors.AsType[*BuildError](err); !ok || !strings.Contains(b.Output, "main.gen.go:3:15: undefined") {
		t.Errorf("code that does not compile: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := build(ctx, root, filepath.Join(root, "nodes", "cmd"), to); !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupted build: %v", err)
	}
	if left, _ := os.ReadDir(filepath.Dir(to)); len(left) != 0 {
		t.Errorf("failed builds leave %v", left)
	}
}

func startScript(t *testing.T, script, url string) *fleetProcess {
	t.Helper()
	p, err := process.Start(exec.CommandContext(t.Context(), "sh", "-c", script), process.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Stop(0) })
	return &fleetProcess{Process: p, url: url}
}

func TestFleetThatEndsShowsItsLastLines(t *testing.T) {
	t.Parallel()
	p := startScript(t, "echo starting; echo error: why it ended; exit 3", "http://127.0.0.1:1")
	err := p.waitReady(t.Context(), []string{"a"}, func(string) {})
	if err == nil || !strings.HasPrefix(err.Error(), "the nodes ended at start: exit status 3: why it ended\n") {
		t.Errorf("waitReady = %v", err)
	}
}

func TestFleetThatIsNotReadySaysWhy(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{ "a": "waiting for topics" }`)
	})}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	p := startScript(t, "sleep 60", "http://"+l.Addr().String())
	ctx, cancel := context.WithCancel(t.Context())
	err = p.waitReady(ctx, []string{"a"}, func(string) { cancel() })
	if err == nil || !strings.Contains(err.Error(), `{"a":"waiting for topics"}`) {
		t.Errorf("waitReady = %v", err)
	}
}

func TestOccupiedPortIsNamed(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	if _, err := httpAddr(t.Context(), port); err == nil || !strings.Contains(err.Error(), strconv.Itoa(port)) {
		t.Errorf("httpAddr = %v", err)
	}
	if _, err := StartGateway(t.Context(), port, "token"); err == nil || !strings.Contains(err.Error(), "choose another port") {
		t.Errorf("StartGateway = %v", err)
	}
}
