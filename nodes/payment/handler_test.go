package payment

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/onextest"
)

const token = "sandbox-token"

// testHandler returns the handler with fakes for what it requires; the generated behaviour test
// calls it. The example payment of the refund was charged before.
func testHandler(t *testing.T) Handler {
	t.Helper()
	h := serve(t, newSandbox())
	in := onextest.Input{Type: refChargeCardV1, Data: example("4242424242424242"), IdempotencyKey: examplePayment}
	onextest.Emitted[Receipt](t, onextest.Call(t, routes(h), in), refCardChargedV1)
	return h
}

// examplePayment is the payment of the contract's examples.
const examplePayment = "70c29c08-e604-5402-aed4-0060997ffb4f"

func example(card string) Charge {
	return Charge{PaymentID: examplePayment, OrderID: "00eb6f24-533e-5d3d-8609-609610007898", Card: card, AmountCents: 1}
}

// serve returns the handler wired to a server.
func serve(t *testing.T, h http.Handler) Handler {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		s.CloseClientConnections() // Close waits without limit for a request that somebody left half sent
		s.Close()
	})
	cfg := Config{GatewayURL: s.URL + "/", GatewayToken: config.NewSecret(token)}
	req, err := wire(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return newHandler(cfg, req)
}

func chargeCard(t *testing.T, h Handler, card string) engine.Outcome {
	t.Helper()
	return onextest.Call(t, routes(h), onextest.Input{
		Type: refChargeCardV1, Data: example(card), IdempotencyKey: examplePayment,
	})
}

func refundCard(t *testing.T, h Handler) engine.Outcome {
	t.Helper()
	return onextest.Call(t, routes(h), onextest.Input{
		Type: refRefundCardV1, Data: Refund{PaymentID: examplePayment, OrderID: example("").OrderID}, IdempotencyKey: examplePayment,
	})
}

func TestChargeAndRefund(t *testing.T) {
	t.Parallel()
	h := serve(t, newSandbox())
	for range 2 { // a redelivery charges once
		r := onextest.Emitted[Receipt](t, chargeCard(t, h, "4242424242424242"), refCardChargedV1)
		if r.AmountCents != 1 || r.PaymentID != examplePayment {
			t.Errorf("receipt is %+v", r)
		}
	}
	if r := onextest.Emitted[Receipt](t, refundCard(t, h), refCardRefundedV1); r.AmountCents != 1 {
		t.Errorf("refunded %d cents, want 1", r.AmountCents)
	}
}

func TestDeclinedCard(t *testing.T) {
	t.Parallel()
	h := serve(t, newSandbox())
	d := onextest.Emitted[Decline](t, chargeCard(t, h, "4000000000000002"), refCardDeclinedV1)
	if d.Reason != "insufficient funds" || d.PaymentID != examplePayment {
		t.Errorf("decline is %+v", d)
	}
	if class := classOf(refundCard(t, h).Err); class != engine.PermanentFailure {
		t.Errorf("refund of a decline fails with class %q, want %q", class, engine.PermanentFailure)
	}
}

func TestRequest(t *testing.T) {
	t.Parallel()
	var got *http.Request
	var mu sync.Mutex
	h := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		got = r.Clone(context.Background())
		_, _ = w.Write([]byte(`{}`))
	}))
	if out := chargeCard(t, h, "4242424242424242"); out.Err != nil {
		t.Fatal(out.Err)
	}
	mu.Lock()
	defer mu.Unlock()
	for name, want := range map[string]string{
		"Authorization": "Bearer " + token, "Idempotency-Key": examplePayment, "Content-Type": "application/json",
	} {
		if got.Header.Get(name) != want {
			t.Errorf("header %s is %q, want %q", name, got.Header.Get(name), want)
		}
	}
	if got.URL.Path != "/charges" {
		t.Errorf("path is %q", got.URL.Path)
	}
}

// TestStatus holds each status to the kind of failure it stands for.
func TestStatus(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		status int
		want   engine.Class // "" is worth another attempt
	}{
		{http.StatusInternalServerError, ""},
		{http.StatusServiceUnavailable, ""},
		{http.StatusTooManyRequests, ""},
		{http.StatusRequestTimeout, ""},
		{http.StatusBadRequest, engine.PermanentFailure},
		{http.StatusUnauthorized, engine.PermanentFailure},
		{http.StatusConflict, engine.PermanentFailure},
		{http.StatusFound, engine.PermanentFailure},
	} {
		t.Run(http.StatusText(tc.status), func(t *testing.T) {
			t.Parallel()
			h := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(tc.status) }))
			out := chargeCard(t, h, "4242424242424242")
			if out.Err == nil || classOf(out.Err) != tc.want {
				t.Errorf("error %v has class %q, want %q", out.Err, classOf(out.Err), tc.want)
			}
			if strings.Contains(out.Err.Error(), token) || strings.Contains(out.Err.Error(), "4242") {
				t.Errorf("error %q reveals the token or the card", out.Err)
			}
		})
	}
}

func TestTimeoutIsRetryable(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	h := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(func() { close(release) }) // before the server is closed, which waits for its handlers
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := h.(handler).gateway.Charge(ctx, examplePayment, "4242424242424242", 1)
	if !errors.Is(err, context.DeadlineExceeded) || classOf(err) != "" {
		t.Errorf("error is %v of class %q, want a retryable deadline", err, classOf(err))
	}
}

func TestLongReasonIsCut(t *testing.T) {
	t.Parallel()
	h := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusPaymentRequired)
		_, _ = w.Write([]byte(`{"reason":"` + strings.Repeat("é", 500) + `"}`))
	}))
	d := onextest.Emitted[Decline](t, chargeCard(t, h, "4242424242424242"), refCardDeclinedV1)
	if len([]rune(d.Reason)) != maxReason {
		t.Errorf("reason has %d characters, want %d", len([]rune(d.Reason)), maxReason)
	}
}

func classOf(err error) engine.Class {
	if c, ok := errors.AsType[engine.Classified](err); ok {
		return c.DeadLetterClass()
	}
	return ""
}

// TestCheck asks gateways of different health; any answer but a failure of its own side will do.
func TestCheck(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for name, tc := range map[string]struct {
		url    string
		status int
		good   bool
	}{
		"there":       {status: http.StatusNotFound, good: true},
		"in trouble":  {status: http.StatusServiceUnavailable},
		"unreachable": {url: gone.URL},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(tc.status) }))
			t.Cleanup(s.Close)
			g, err := newHTTPGateway(cmp.Or(tc.url, s.URL), config.NewSecret(token))
			if err != nil {
				t.Fatal(err)
			}
			if err := g.Check(t.Context()); (err == nil) != tc.good {
				t.Errorf("error is %v", err)
			}
		})
	}
}
