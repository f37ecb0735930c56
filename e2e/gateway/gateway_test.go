package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestGateway(t *testing.T) {
	t.Parallel()
	g := New("token")
	const good, bad = `{"card":"4242424242424242","amount_cents":1200}`, `{"card":"4000000000000002","amount_cents":1200}`
	steps := []struct {
		name, method, path, key, token, body string

		status int
		want   Charge
	}{
		{"charge", "POST", "/charges", "a", "token", good, 201, Charge{ID: "a", Status: Charged, AmountCents: 1200, Requests: 1, Charges: 1}},
		{"again", "POST", "/charges", "a", "token", good, 200, Charge{ID: "a", Status: Charged, AmountCents: 1200, Requests: 2, Charges: 1}},
		{"another charge under the key", "POST", "/charges", "a", "token", bad, 409, Charge{}},
		{"decline", "POST", "/charges", "b", "token", bad, 402, Charge{ID: "b", Status: Declined, AmountCents: 1200, Reason: "card declined", Requests: 1}},
		{"refund", "POST", "/charges/a/refund", "", "token", "", 200, Charge{ID: "a", Status: Refunded, AmountCents: 1200, Requests: 2, Charges: 1, Refunds: 1}},
		{"refund again", "POST", "/charges/a/refund", "", "token", "", 200, Charge{ID: "a", Status: Refunded, AmountCents: 1200, Requests: 2, Charges: 1, Refunds: 1}},
		{"refund of a decline", "POST", "/charges/b/refund", "", "token", "", 402, Charge{ID: "b", Status: Declined, AmountCents: 1200, Reason: "card declined", Requests: 1}},
		{"refund of nothing", "POST", "/charges/c/refund", "", "token", "", 404, Charge{}},
		{"show", "GET", "/charges/b", "", "token", "", 200, Charge{ID: "b", Status: Declined, AmountCents: 1200, Reason: "card declined", Requests: 1}},
		{"show nothing", "GET", "/charges/c", "", "token", "", 404, Charge{}},
		{"no key", "POST", "/charges", "", "token", good, 400, Charge{}},
		{"no card", "POST", "/charges", "d", "token", `{}`, 400, Charge{}},
		{"wrong token", "GET", "/charges/a", "", "other", "", 401, Charge{}},
		{"health needs no token", "GET", "/healthz", "", "", "", 200, Charge{}},
	}
	for _, s := range steps { // in order: each builds on those before
		r := httptest.NewRequestWithContext(t.Context(), s.method, s.path, strings.NewReader(s.body))
		r.Header.Set("Authorization", "Bearer "+s.token)
		r.Header.Set("Idempotency-Key", s.key)
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		if w.Code != s.status {
			t.Fatalf("%s: status %d, want %d: %s", s.name, w.Code, s.status, w.Body)
		}
		var got Charge
		if w.Header().Get("Content-Type") == "application/json" {
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
		}
		if got != s.want {
			t.Errorf("%s: %+v, want %+v", s.name, got, s.want)
		}
	}
}

func TestEmptyTokenIsNoPassword(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/charges/a", nil)
	w := httptest.NewRecorder()
	New("token").ServeHTTP(w, r)
	if w.Code != http.StatusUnauthorized {
		t.Errorf("status %d without a token, want 401", w.Code)
	}
}

func TestSlowCardIsNotChargedForAClientThatIsGone(t *testing.T) {
	t.Parallel()
	g := New("token")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/charges",
		strings.NewReader(`{"card":"424242424242`+SlowSuffix+`","amount_cents":1}`))
	r.Header.Set("Authorization", "Bearer token")
	r.Header.Set("Idempotency-Key", "slow")
	g.ServeHTTP(httptest.NewRecorder(), r)
	if len(g.charges) != 0 {
		t.Errorf("charged %v", g.charges)
	}
}
