// Package registrytest is the suite every service catalog must pass: Consul and what stands in for it.
package registrytest

import (
	"context"
	"crypto/rand"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/onex/registry"
)

// Backend is what the suite runs on.
type Backend struct {
	Registrar registry.Registrar // started; it rechecks at least once a second
	Catalog   registry.Catalog

	// Forget makes the catalog lose an instance behind the Registrar's back.
	Forget func(ctx context.Context, id string) error
}

// patience is how long the suite waits for what a catalog does by itself: checks run once a second.
const patience = 15 * time.Second

// Exercise runs the suite. newBackend is called once per case; all may be the same catalog, since
// each case uses services of its own.
func Exercise(t *testing.T, newBackend func(t *testing.T) Backend) {
	t.Helper()
	cases := map[string]func(*testing.T, bench){
		"nobody there":               nobody,
		"registered is found":        found,
		"check decides":              checked,
		"unreachable is not passing": unreachable,
		"registering again replaces": replaced,
		"instances are sorted":       sorted,
		"long metadata":              longMeta,
		"metadata like a digest":     digestMeta,
		"metadata limits":            metaLimits,
		"incomplete is refused":      incomplete,
		"deregistered is gone":       gone,
		"forgotten comes back":       forgotten,
		"deregistered stays gone":    staysGone,
	}
	for name, run := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, bench{Backend: newBackend(t), service: "suite-" + strings.ToLower(rand.Text()[:10])})
		})
	}
}

// bench is one case's backend and service.
type bench struct {
	Backend
	service string
}

// node is an HTTP server a check can ask; ready says what it answers.
type node struct {
	*httptest.Server
	ready atomic.Bool
}

func startNode(t *testing.T) *node {
	t.Helper()
	n := &node{}
	n.ready.Store(true)
	n.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !n.ready.Load() {
			http.Error(w, "database is away", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("all is well"))
	}))
	t.Cleanup(n.Close)
	return n
}

func (b bench) registration(t *testing.T, n *node, instance string) registry.Registration {
	t.Helper()
	u, err := url.Parse(n.URL)
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(u.Host)
	if err != nil {
		t.Fatal(err)
	}
	p, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return registry.Registration{
		Service: b.service, ID: registry.ServiceID(b.service, instance), Address: host, Port: p,
		Tags: []string{"onex"}, CheckURL: n.URL, CheckInterval: time.Second,
		Meta: registry.Meta(registry.Facts{
			NodeType: "effect", Version: "2.0.1", ContractSHA256: strings.Repeat("ab", 32),
			EventsConsumed: []string{"payment/refund-card.v1", "payment/charge-card.v1"},
			EventsEmitted:  []string{"payment/card-charged.v1"}, Capabilities: []string{"payment.charge"},
		}),
	}
}

func (b bench) register(t *testing.T, r registry.Registration) {
	t.Helper()
	if err := b.Registrar.Register(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Registrar.Deregister(context.WithoutCancel(t.Context()), r.ID) })
}

// await polls the service's instances until they are as wanted.
func (b bench) await(t *testing.T, what string, wanted func([]registry.Instance) bool) []registry.Instance {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var last []registry.Instance
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		var err error
		if last, err = b.Catalog.Instances(t.Context(), b.service); err != nil {
			t.Fatal(err)
		}
		if wanted(last) {
			return last
		}
	}
	t.Fatalf("%s: not within %s; last seen: %+v", what, patience, last)
	return nil
}

func count(n int) func([]registry.Instance) bool {
	return func(in []registry.Instance) bool { return len(in) == n }
}

func passing(want bool) func([]registry.Instance) bool {
	return func(in []registry.Instance) bool { return len(in) == 1 && in[0].Passing == want }
}

func equalMeta(t *testing.T, in registry.Instance, want map[string]string) {
	t.Helper()
	if in.MetaErr != nil || !maps.Equal(in.Meta, want) {
		t.Errorf("metadata of %s = %v, %v; want %v", in.ID, in.Meta, in.MetaErr, want)
	}
}
