package embedded

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
)

func setupCatalog(t *testing.T, cfg CatalogConfig) *api.Client {
	t.Helper()
	c, err := StartCatalog(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	client, err := api.NewClient(&api.Config{Address: c.Addr()})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// setupNode returns the URL of a node's readiness and a switch for it.
func setupNode(t *testing.T) (string, *atomic.Bool) {
	t.Helper()
	var ready atomic.Bool
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !ready.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL, &ready
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := poll(ctx, 10*time.Millisecond, func() (bool, error) { return f(), nil }); err != nil {
		t.Fatalf("never seen: %s", what)
	}
}

func TestCatalogFollowsHealth(t *testing.T) {
	t.Parallel()
	client := setupCatalog(t, CatalogConfig{})
	url, ready := setupNode(t)
	err := client.Agent().ServiceRegister(&api.AgentServiceRegistration{
		ID: "pricing-1", Name: "pricing", Address: "127.0.0.1", Port: 8080, Tags: []string{"node"},
		Meta:  map[string]string{"version": "1.2.0"},
		Check: &api.AgentServiceCheck{HTTP: url, Interval: "20ms", Timeout: "1s"},
	})
	if err != nil {
		t.Fatal(err)
	}
	passing := func() int {
		entries, _, err := client.Health().Service("pricing", "", true, nil)
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	eventually(t, "the check's output", func() bool {
		entries, _, err := client.Health().Service("pricing", "", false, nil)
		return err == nil && len(entries) == 1 && strings.Contains(entries[0].Checks[0].Output, "503")
	})
	if passing() != 0 {
		t.Error("a node that is not ready passes")
	}
	ready.Store(true)
	eventually(t, "a ready node passes", func() bool { return passing() == 1 })
	s, _, err := client.Agent().Service("pricing-1", nil)
	if err != nil || s.Meta["version"] != "1.2.0" || s.Port != 8080 {
		t.Errorf("Service = %+v, %v", s, err)
	}
	if err := client.Agent().ServiceDeregister("pricing-1"); err != nil {
		t.Fatal(err)
	}
	if names, _, err := client.Catalog().Services(nil); err != nil || len(names) != 0 {
		t.Errorf("Services after deregistration = %v, %v", names, err)
	}
}

func TestCatalogForgetsWhatStaysCritical(t *testing.T) {
	t.Parallel()
	client := setupCatalog(t, CatalogConfig{minDeregisterAfter: 50 * time.Millisecond})
	url, _ := setupNode(t)
	for _, id := range []string{"forgotten", "kept"} {
		check := &api.AgentServiceCheck{HTTP: url, Interval: "10ms"}
		if id == "forgotten" {
			check.DeregisterCriticalServiceAfter = "1ms"
		}
		err := client.Agent().ServiceRegister(&api.AgentServiceRegistration{ID: id, Name: id, Check: check})
		if err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "only the service without a limit is left", func() bool {
		services, err := client.Agent().Services()
		return err == nil && len(services) == 1 && services["kept"] != nil
	})
}

func TestCatalogRefusesWhatConsulRefuses(t *testing.T) {
	t.Parallel()
	client := setupCatalog(t, CatalogConfig{})
	long := map[string]string{"events_consumed": strings.Repeat("x", 513)}
	for name, reg := range map[string]*api.AgentServiceRegistration{
		"Value is too long":      {Name: "a", Meta: long},
		"Key is too long":        {Name: "a", Meta: map[string]string{strings.Repeat("k", 129): "v"}},
		"Key cannot be blank":    {Name: "a", Meta: map[string]string{"": "v"}},
		"Missing service name":   {ID: "a"},
		"Interval must be > 0":   {Name: "a", Check: &api.AgentServiceCheck{HTTP: "http://127.0.0.1"}},
		"executes only HTTP":     {Name: "a", Check: &api.AgentServiceCheck{TTL: "1s"}},
		"Timeout: time: invalid": {Name: "a", Check: &api.AgentServiceCheck{HTTP: "http://127.0.0.1", Interval: "1s", Timeout: "x"}},
	} {
		if err := client.Agent().ServiceRegister(reg); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := client.Agent().ServiceDeregister("nobody"); err == nil {
		t.Error("deregistering an unknown service is no error")
	}
}

func TestCatalogKV(t *testing.T) {
	t.Parallel()
	kv := setupCatalog(t, CatalogConfig{}).KV()
	if p, _, err := kv.Get("omninode/meta/a", nil); p != nil || err != nil {
		t.Fatalf("Get of nothing = %v, %v", p, err)
	}
	for _, k := range []string{"omninode/meta/a", "omninode/meta/b"} {
		if _, err := kv.Put(&api.KVPair{Key: k, Value: []byte("value of " + k)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	p, _, err := kv.Get("omninode/meta/a", nil)
	if err != nil || string(p.Value) != "value of omninode/meta/a" {
		t.Errorf("Get = %v, %v", p, err)
	}
	if list, _, err := kv.List("omninode/", nil); err != nil || len(list) != 2 {
		t.Errorf("List = %v, %v", list, err)
	}
	if _, err := kv.DeleteTree("omninode/", nil); err != nil {
		t.Fatal(err)
	}
	if list, _, err := kv.List("omninode/", nil); err != nil || len(list) != 0 {
		t.Errorf("List after DeleteTree = %v, %v", list, err)
	}
}

func TestCatalogHoldsAQuestionUntilItsAnswerChanges(t *testing.T) {
	t.Parallel()
	kv := setupCatalog(t, CatalogConfig{}).KV()
	ask := func(index uint64, wait time.Duration) (string, uint64, time.Duration) {
		t.Helper()
		begin := time.Now()
		p, meta, err := kv.Get("flag", &api.QueryOptions{WaitIndex: index, WaitTime: wait})
		if err != nil {
			t.Fatal(err)
		}
		if p == nil {
			return "", meta.LastIndex, time.Since(begin)
		}
		return string(p.Value), meta.LastIndex, time.Since(begin)
	}
	_, index, _ := ask(0, 0)
	if got, next, took := ask(index, 50*time.Millisecond); got != "" || next != index || took < 50*time.Millisecond {
		t.Errorf("nothing changed and the answer is %q, %d after %s, want index %d", got, next, took, index)
	}
	time.AfterFunc(10*time.Millisecond, func() {
		if _, err := kv.Put(&api.KVPair{Key: "flag", Value: []byte("true")}, nil); err != nil {
			t.Error(err)
		}
	})
	if got, next, took := ask(index, time.Minute); got != "true" || next <= index || took > 30*time.Second {
		t.Errorf("the answer is %q, %d after %s", got, next, took)
	}
}

func TestCatalogStopsWhileAQuestionIsHeld(t *testing.T) {
	t.Parallel()
	c, err := StartCatalog(CatalogConfig{})
	if err != nil {
		t.Fatal(err)
	}
	client, err := api.NewClient(&api.Config{Address: c.Addr()})
	if err != nil {
		t.Fatal(err)
	}
	_, meta, err := client.KV().Get("flag", nil)
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		_, _, _ = client.KV().Get("flag", &api.QueryOptions{WaitIndex: meta.LastIndex, WaitTime: time.Minute})
	}()
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	<-asked
}
