// Package secrettest is the suite every secret.Store must pass, whatever keeps the secrets.
package secrettest

import (
	"sync"
	"testing"

	"github.com/omninode-ai/omninode/onex/secret"
)

// Secrets is what a store is filled with: values by node and key.
type Secrets map[string]map[string]string

// Exercise runs the suite. newStore returns a store that holds exactly the given secrets of the given
// nodes and may read all of them; it is called once per case.
func Exercise(t *testing.T, newStore func(t *testing.T, secrets Secrets) secret.Store) {
	t.Helper()
	cases := map[string]func(*testing.T, func(*testing.T, Secrets) secret.Store){
		"present":       present,
		"absent":        absent,
		"exact text":    exactText,
		"nodes apart":   nodesApart,
		"concurrent":    concurrent,
		"tells a place": tellsPlace,
	}
	for name, run := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, newStore)
		})
	}
}

func present(t *testing.T, newStore func(*testing.T, Secrets) secret.Store) {
	s := newStore(t, Secrets{"payment": {"gateway_token": "s3cr3t", "database_url": "postgres://x"}})
	want(t, s, "payment", "gateway_token", "s3cr3t")
	want(t, s, "payment", "database_url", "postgres://x")
}

func absent(t *testing.T, newStore func(*testing.T, Secrets) secret.Store) {
	s := newStore(t, Secrets{"payment": {"gateway_token": "s3cr3t", "empty": ""}, "orders": {}})
	wantNone(t, s, "payment", "other")
	wantNone(t, s, "payment", "empty")
	wantNone(t, s, "orders", "gateway_token")
}

func exactText(t *testing.T, newStore func(*testing.T, Secrets) secret.Store) {
	texts := map[string]string{
		"dollar": "pa$$word${HOME}", "quotes": `"double" and 'single'`, "hash": "a #b", "backslash": `c:\new\t`,
		"lines": "-----BEGIN-----\nabc\r\n-----END-----\n", "spaces": "  kept  ", "equals": "a=b==", "unicode": "Zürich ☂",
	}
	s := newStore(t, Secrets{"payment": texts})
	for key, text := range texts {
		want(t, s, "payment", key, text)
	}
}

func nodesApart(t *testing.T, newStore func(*testing.T, Secrets) secret.Store) {
	s := newStore(t, Secrets{"order-sync": {"token": "one"}, "order": {"token": "two"}})
	want(t, s, "order-sync", "token", "one")
	want(t, s, "order", "token", "two")
}

func concurrent(t *testing.T, newStore func(*testing.T, Secrets) secret.Store) {
	s := newStore(t, Secrets{"payment": {"token": "one"}})
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if got, ok, err := s.Get(t.Context(), "payment", "token"); got != "one" || !ok || err != nil {
				t.Errorf("Get = %q, %v, %v", got, ok, err)
			}
		})
	}
	wg.Wait()
}

func tellsPlace(t *testing.T, newStore func(*testing.T, Secrets) secret.Store) {
	l, ok := newStore(t, Secrets{"payment": {"token": "one"}}).(secret.Locator)
	if !ok {
		t.Fatal("the store does not implement secret.Locator, so a missing secret cannot name its place")
	}
	if l.Where("payment", "token") == "" || l.Where("payment", "token") == l.Where("orders", "token") {
		t.Errorf("Where(payment) = %q, Where(orders) = %q", l.Where("payment", "token"), l.Where("orders", "token"))
	}
}

func want(t *testing.T, s secret.Store, node, key, text string) {
	t.Helper()
	got, ok, err := s.Get(t.Context(), node, key)
	if err != nil || !ok || got != text {
		t.Errorf("Get(%s, %s) = %q, %v, %v; want %q", node, key, got, ok, err, text)
	}
}

func wantNone(t *testing.T, s secret.Store, node, key string) {
	t.Helper()
	if got, ok, err := s.Get(t.Context(), node, key); got != "" || ok || err != nil {
		t.Errorf("Get(%s, %s) = %q, %v, %v; want nothing", node, key, got, ok, err)
	}
}
