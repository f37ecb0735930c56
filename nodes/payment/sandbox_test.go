package payment

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
)

// sandbox is a card gateway in memory: it charges each key once and declines cards that end in 0002.
type sandbox struct {
	mu      sync.Mutex
	charges map[string]charge
}

func newSandbox() http.Handler {
	s := &sandbox{charges: map[string]charge{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /charges", s.charge)
	mux.HandleFunc("POST /charges/{key}/refund", s.refund)
	return mux
}

func (s *sandbox) charge(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var c charge
	if err := json.NewDecoder(r.Body).Decode(&c); err != nil || c.Card == "" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if strings.HasSuffix(c.Card, "0002") {
		c.Reason = "insufficient funds"
	}
	key := r.Header.Get("Idempotency-Key")
	if known, ok := s.charges[key]; ok {
		c = known
	}
	s.charges[key] = c
	answer(w, c)
}

func (s *sandbox) refund(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.charges[r.PathValue("key")]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	answer(w, c)
}

func answer(w http.ResponseWriter, c charge) {
	if c.Reason != "" {
		w.WriteHeader(http.StatusPaymentRequired)
	}
	_ = json.NewEncoder(w).Encode(c) // the client is gone: nobody to tell
}
