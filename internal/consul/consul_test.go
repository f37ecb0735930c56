package consul_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/omninode-ai/omninode/internal/consul"
	"github.com/omninode-ai/omninode/internal/consul/consultest"
	"github.com/omninode-ai/omninode/onex/registry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestAgent runs the suite on a real agent.
func TestAgent(t *testing.T) {
	t.Parallel()
	addr := os.Getenv("TEST_CONSUL_ADDR")
	if addr == "" {
		t.Skip("TEST_CONSUL_ADDR is not set: no real Consul agent to run the suite on")
	}
	consultest.Exercise(t, addr)
}

func TestNewNeedsAnAddress(t *testing.T) {
	t.Parallel()
	if _, err := consul.New(consul.Config{}); err == nil || !strings.Contains(err.Error(), "CONSUL_HTTP_ADDR") {
		t.Errorf("got %v, want the variable to export", err)
	}
}

func TestSilentAgentIsBounded(t *testing.T) {
	t.Parallel()
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer silent.Close()
	c := open(t, consul.Config{Address: silent.URL, Timeout: 50 * time.Millisecond})
	begin := time.Now()
	err := c.Deregister(t.Context(), "payment-one")
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no answer within 50ms") {
		t.Errorf("got %v, want a deadline with its length", err)
	}
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestDialOverridesTheHost(t *testing.T) {
	t.Parallel()
	agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`"10.0.0.1:8300"`)) }))
	defer agent.Close()
	asked := ""
	c := open(t, consul.Config{Address: "consul.internal:8500", Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		asked = address
		return (&net.Dialer{}).DialContext(ctx, network, agent.Listener.Addr().String())
	}})
	if err := c.Ping(t.Context()); err != nil || asked != "consul.internal:8500" {
		t.Errorf("Ping = %v, asked for %q", err, asked)
	}
}

func TestStartStop(t *testing.T) {
	t.Parallel()
	c, err := consul.New(consul.Config{Address: "127.0.0.1:1", Recheck: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		if err := errors.Join(c.Start(t.Context()), c.Start(t.Context()), c.Stop(t.Context()), c.Stop(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRegisterNamesTheAgent(t *testing.T) {
	t.Parallel()
	c := open(t, consul.Config{Address: "127.0.0.1:1"})
	err := c.Register(t.Context(), registry.Registration{Service: "s", ID: "s-1", Address: "h", CheckURL: "http://h/"})
	if err == nil || !strings.Contains(err.Error(), "consul at 127.0.0.1:1: register s-1") {
		t.Errorf("got %v", err)
	}
}

func open(t *testing.T, cfg consul.Config) *consul.Client {
	t.Helper()
	c, err := consul.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Stop(context.WithoutCancel(t.Context())) })
	return c
}
