// Package consultest runs the catalog's suite against an address that speaks Consul's HTTP API, be it
// an agent or what stands in for one in the embedded stack.
package consultest

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/omninode-ai/omninode/internal/consul"
	"github.com/omninode-ai/omninode/onex/registry"
	"github.com/omninode-ai/omninode/onex/registry/registrytest"
)

// Exercise runs the suite, and what can only be seen with Consul's own API, against the agent at addr.
func Exercise(t *testing.T, addr string) {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	raw, err := api.NewClient(&api.Config{Address: addr, Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	registrytest.Exercise(t, func(t *testing.T) registrytest.Backend {
		c := open(t, addr)
		return registrytest.Backend{Registrar: c, Catalog: c, Forget: forget(raw)}
	})
	t.Run("stored metadata is checked", func(t *testing.T) { t.Parallel(); overflow(t, open(t, addr), raw) })
	t.Run("watched values", func(t *testing.T) { t.Parallel(); watched(t, open(t, addr), raw) })
	t.Run("ping", func(t *testing.T) {
		t.Parallel()
		if err := open(t, addr).Ping(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func open(t *testing.T, addr string) *consul.Client {
	t.Helper()
	c, err := consul.New(consul.Config{Address: addr, Recheck: 500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return c
}

func forget(raw *api.Client) func(context.Context, string) error {
	return func(ctx context.Context, id string) error {
		return raw.Agent().ServiceDeregisterOpts(id, (&api.QueryOptions{}).WithContext(ctx))
	}
}

// overflow registers a value that is too long and looks at it, alters it and deletes it in KV.
func overflow(t *testing.T, c *consul.Client, raw *api.Client) {
	const service = "suite-overflow"
	long := strings.Repeat("payment/card-charged.v1,", 100)
	r := registry.Registration{
		Service: service, ID: service + "-one", Address: "127.0.0.1", Port: 1, CheckURL: "http://127.0.0.1:1/",
		Meta: map[string]string{registry.MetaVersion: "1.0.0", registry.MetaEventsEmitted: long},
	}
	if err := c.Register(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Deregister(context.WithoutCancel(t.Context()), r.ID) })
	const key = "omninode/meta/" + service + "/1.0.0/" + registry.MetaEventsEmitted
	pair, _, err := raw.KV().Get(key, nil)
	if err != nil || pair == nil || string(pair.Value) != long {
		t.Fatalf("KV %s = %v, %v; want the long value", key, pair, err)
	}
	expectMeta(t, c, service, "")
	if _, err := raw.KV().Put(&api.KVPair{Key: key, Value: []byte(long + "x")}, nil); err != nil {
		t.Fatal(err)
	}
	expectMeta(t, c, service, "does not have the registered hash")
	if _, err := raw.KV().Delete(key, nil); err != nil {
		t.Fatal(err)
	}
	expectMeta(t, c, service, "is missing")
}

// watched asks for values below a prefix and is told of a change while it waits.
func watched(t *testing.T, c *consul.Client, raw *api.Client) {
	const prefix = "omninode/flags/suite-watched/"
	t.Cleanup(func() { _, _ = raw.KV().DeleteTree(prefix, nil) })
	put := func(key, value string) {
		if _, err := raw.KV().Put(&api.KVPair{Key: prefix + key, Value: []byte(value)}, nil); err != nil {
			t.Error(err)
		}
	}
	values, index, err := c.Watch(t.Context(), prefix, 0)
	if err != nil || len(values) != 0 || index == 0 {
		t.Fatalf("Watch of nothing = %v, %d, %v", values, index, err)
	}
	expect := func(want map[string]string, change func()) {
		t.Helper()
		time.AfterFunc(50*time.Millisecond, change)
		for !maps.Equal(values, want) { // an index may rise for other keys too
			if values, index, err = c.Watch(t.Context(), prefix, index); err != nil {
				t.Fatalf("waiting for %v: %v", want, err)
			}
		}
	}
	expect(map[string]string{"a": "true"}, func() { put("a", "true") })
	expect(map[string]string{"a": "true", "b": "false"}, func() { put("b", "false") })
	expect(map[string]string{"a": "false", "b": "false"}, func() { put("a", "false") })
	expect(map[string]string{"b": "false"}, func() { _, _ = raw.KV().Delete(prefix+"a", nil) })
}

// expectMeta wants the service's metadata to have the given error, which leaves the digest in place,
// or none, which leaves none.
func expectMeta(t *testing.T, c *consul.Client, service, problem string) {
	t.Helper()
	in, err := c.Instances(t.Context(), service)
	if err != nil || len(in) != 1 {
		t.Fatalf("Instances = %+v, %v", in, err)
	}
	digest := strings.HasPrefix(in[0].Meta[registry.MetaEventsEmitted], "sha256:")
	switch {
	case problem == "" && (in[0].MetaErr != nil || digest):
		t.Errorf("metadata has error %v, digest left: %v", in[0].MetaErr, digest)
	case problem != "" && (in[0].MetaErr == nil || !strings.Contains(in[0].MetaErr.Error(), problem) || !digest):
		t.Errorf("metadata has error %v, want %q and the digest", in[0].MetaErr, problem)
	}
}
