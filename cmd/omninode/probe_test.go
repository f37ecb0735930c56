package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// probeLine runs `omninode probe` against a server that answers every request alike.
func probeLine(t *testing.T, kind string, status int, body string) (code int, stderr string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	var out, errs bytes.Buffer
	code = run(t.Context(), []string{"probe", kind, server.URL, "--timeout", "300ms"}, noEnv, &out, &errs)
	return code, errs.String()
}

func noEnv(string) (string, bool) { return "", false }

func TestProbeTellsWhatIsMissing(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, kind string
		status     int
		body       string
		want       string // in the error; "" if ready
	}{
		{"vault unsealed", "vault", 200, "{}", ""},
		{"vault sealed", "vault", 503, "{}", "it is sealed"},
		{"vault new", "vault", 501, "{}", "it is not initialized"},
		{"consul with leader", "consul", 200, `"127.0.0.1:8300"`, ""},
		{"consul without leader", "consul", 200, `""`, "it has no leader"},
		{"consul broken", "consul", 500, "No cluster leader", "it has no leader"},
		{"node ready", "node", 200, "{}", ""},
		{"node not ready", "node", 503, `{"pricing":["no database"]}`, "no database"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			code, stderr := probeLine(t, tt.kind, tt.status, tt.body)
			if tt.want == "" && code != exitOK {
				t.Errorf("exit code %d: %s", code, stderr)
			}
			if tt.want != "" && (code != exitEnvironment || !strings.Contains(stderr, tt.want)) {
				t.Errorf("exit code %d and %q, want %d and %q", code, stderr, exitEnvironment, tt.want)
			}
		})
	}
}

func TestProbeWaits(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(server.Close)
	var errs bytes.Buffer
	if code := run(t.Context(), []string{"probe", "vault", server.URL}, noEnv, io.Discard, &errs); code != exitOK || asked.Load() != 3 {
		t.Errorf("exit code %d after %d questions: %s", code, asked.Load(), errs.String())
	}
}

func TestProbeRefusesUnknownKinds(t *testing.T) {
	t.Parallel()
	var errs bytes.Buffer
	if code := run(t.Context(), []string{"probe", "redis", "x"}, noEnv, io.Discard, &errs); code != exitUsage {
		t.Errorf("exit code %d, want %d: %s", code, exitUsage, errs.String())
	}
}

func TestCaptureKeepsOutputAndExitCode(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "node.log")
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"capture", "--log", log, "--", "sh", "-c", "echo said; exit 7"}, noEnv, &out, &errs)
	kept, err := os.ReadFile(log)
	if code != 7 || err != nil || string(kept) != "said\n" || out.String() != "said\n" {
		t.Errorf("exit code %d, kept %q (%v), shown %q: %s", code, kept, err, out.String(), errs.String())
	}
}

// A node that is told to stop must get the signal and the time to act on it.
func TestCapturePassesTheSignalOn(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	started, said := &stopOn{text: "up", stop: cancel}, "bye"
	code := run(ctx, []string{
		"capture", "--log", filepath.Join(t.TempDir(), "log"), "--",
		"sh", "-c", "trap 'echo " + said + "; exit 0' TERM; echo up; while :; do sleep 0.05; done",
	}, noEnv, started, io.Discard)
	if code != exitOK || !strings.Contains(started.String(), said) {
		t.Errorf("exit code %d, shown %q, want %q", code, started.String(), said)
	}
}

// stopOn calls stop as soon as text was written to it.
type stopOn struct {
	bytes.Buffer
	text string
	stop func()
}

func (s *stopOn) Write(p []byte) (int, error) {
	n, err := s.Buffer.Write(p)
	if strings.Contains(s.String(), s.text) {
		s.stop()
	}
	return n, err
}

func TestForwardJoinsBothWays(t *testing.T) {
	t.Parallel()
	upstream, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go echoOnce(upstream)
	front, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- forward(ctx, front, upstream.Addr().String()) }()
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(t.Context(), "tcp", front.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "hello"); err != nil {
		t.Fatal(err)
	}
	_ = conn.(*net.TCPConn).CloseWrite()
	if got, err := io.ReadAll(conn); err != nil || string(got) != "hello" {
		t.Errorf("got %q, %v", got, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("forward ends with %v", err)
	}
}

func echoOnce(l net.Listener) {
	conn, err := l.Accept()
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = io.Copy(conn, conn)
}
