// Package gateway is a sandbox of the card gateway that the shop's payment node talks to. It keeps
// everything in memory, charges each idempotency key at most once, counts what it was asked, declines
// cards that end in 0002 and takes its time for cards that end in 0077. The scenarios of package e2e
// look into it.
//
//	POST /charges                 Idempotency-Key: K, {"card": "4242424242424242", "amount_cents": 1200}
//	                              201 the charge, 200 on a repetition, 402 declined, 409 the key stands for another charge
//	POST /charges/{key}/refund    200 the charge, 402 it was declined, 404 nothing was charged
//	GET  /charges/{key}           200 the charge with its counts, 404
//
// Every request carries "Authorization: Bearer TOKEN". Answers other than errors are a Charge.
package gateway

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
)

// What the numbers of special cards end with.
const (
	DeclinedSuffix = "0002" // is declined
	SlowSuffix     = "0077" // takes Slowness
)

// Slowness is how long a charge of a slow card takes; payment gives each attempt five seconds.
const Slowness = 1500 * time.Millisecond

// States of a charge.
const (
	Charged  = "charged"
	Declined = "declined"
	Refunded = "refunded"
)

// Charge is what the gateway knows about one idempotency key.
type Charge struct {
	ID          string `json:"id"` // the idempotency key
	Status      string `json:"status"`
	AmountCents int64  `json:"amount_cents"`
	Reason      string `json:"reason,omitempty"` // of a decline
	Requests    int    `json:"requests"`         // how often it was asked to charge
	Charges     int    `json:"charges"`          // how often money was taken
	Refunds     int    `json:"refunds"`          // how often money was given back

	card string
}

// Gateway is the sandbox's handler. It is safe for concurrent use.
type Gateway struct {
	token   string
	mux     *http.ServeMux
	mu      sync.Mutex
	charges map[string]*Charge
}

// New returns a gateway without charges that accepts token.
func New(token string) *Gateway {
	g := &Gateway{token: token, mux: http.NewServeMux(), charges: map[string]*Charge{}}
	g.mux.HandleFunc("POST /charges", g.charge)
	g.mux.HandleFunc("POST /charges/{key}/refund", g.refund)
	g.mux.HandleFunc("GET /charges/{key}", g.show)
	return g
}

// ServeHTTP implements http.Handler.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/healthz" {
		return
	}
	given := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if subtle.ConstantTimeCompare([]byte(given), []byte(g.token)) != 1 {
		http.Error(w, "the bearer token is not the gateway's", http.StatusUnauthorized)
		return
	}
	g.mux.ServeHTTP(w, r)
}

type chargeRequest struct {
	Card        string `json:"card"`
	AmountCents int64  `json:"amount_cents"`
}

func (g *Gateway) charge(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("Idempotency-Key")
	var req chargeRequest
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<10)).Decode(&req)
	if err != nil || key == "" || req.AmountCents < 0 || !validCard(req.Card) {
		http.Error(w, "a charge needs an Idempotency-Key, a card and an amount_cents of at least 0", http.StatusBadRequest)
		return
	}
	if strings.HasSuffix(req.Card, SlowSuffix) && !pause(r.Context(), Slowness) {
		return // the client is gone: nothing is charged
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	c, known := g.charges[key]
	if known && (c.card != req.Card || c.AmountCents != req.AmountCents) {
		http.Error(w, "the Idempotency-Key stands for another charge", http.StatusConflict)
		return
	}
	if !known {
		c = decide(key, req)
		g.charges[key] = c
	}
	c.Requests++
	switch {
	case c.Status == Declined:
		reply(w, http.StatusPaymentRequired, c)
	case known:
		reply(w, http.StatusOK, c)
	default:
		reply(w, http.StatusCreated, c)
	}
}

// pause waits for d; it reports whether ctx lasted.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func decide(key string, req chargeRequest) *Charge {
	c := &Charge{ID: key, AmountCents: req.AmountCents, card: req.Card}
	if strings.HasSuffix(req.Card, DeclinedSuffix) {
		c.Status, c.Reason = Declined, "card declined"
		return c
	}
	c.Status, c.Charges = Charged, 1
	return c
}

func (g *Gateway) refund(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c, ok := g.charges[r.PathValue("key")]
	switch {
	case !ok:
		http.Error(w, "nothing was charged under this key", http.StatusNotFound)
		return
	case c.Status == Declined:
		reply(w, http.StatusPaymentRequired, c)
		return
	case c.Status == Charged:
		c.Status = Refunded
		c.Refunds++
	}
	reply(w, http.StatusOK, c)
}

func (g *Gateway) show(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c, ok := g.charges[r.PathValue("key")]
	if !ok {
		http.Error(w, "nothing was charged under this key", http.StatusNotFound)
		return
	}
	reply(w, http.StatusOK, c)
}

func validCard(s string) bool {
	ok, _ := regexp.MatchString(`^[0-9]{12,19}$`, s) // the pattern is constant
	return ok
}

func reply(w http.ResponseWriter, status int, c *Charge) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(c) // the client is gone: nobody to tell
}
