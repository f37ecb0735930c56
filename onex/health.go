package onex

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"sync"
)

// readiness holds what keeps each node of a process from being ready.
type readiness struct {
	mu      sync.Mutex
	reasons map[string]map[string]string // by node and part
	paused  map[string][]string          // by node: what a person paused
}

func newReadiness(nodes []Node) *readiness {
	r := &readiness{reasons: map[string]map[string]string{}, paused: map[string][]string{}}
	for _, n := range nodes {
		r.reasons[n.Name] = map[string]string{partStart: "starting"}
	}
	return r
}

// The parts of a node that readiness depends on.
const (
	partStart        = "start"
	partSecrets      = "secrets"
	partDatabase     = "database"
	partRegistration = "registration"
	partTopics       = "topics"
	partBroker       = "broker"
	partFlags        = "flags"
	partDelivery     = "delivery"
	partStop         = "stop"
)

// set says why a part of a node is not ready; "" is that it is. It reports whether that is news.
func (r *readiness) set(node, part, reason string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reasons[node][part] == reason {
		return false
	}
	if reason == "" {
		delete(r.reasons[node], part)
	} else {
		r.reasons[node][part] = reason
	}
	return true
}

// pause says what a person paused of a node.
func (r *readiness) pause(node string, said []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.paused[node] = said
}

// report is the body of /readyz.
type report struct {
	Ready bool         `json:"ready"`
	Nodes []nodeReport `json:"nodes"`
}

type nodeReport struct {
	Node    string   `json:"node"`
	Ready   bool     `json:"ready"`
	Reasons []string `json:"reasons,omitempty"`
	Paused  []string `json:"paused,omitempty"` // what a person paused, and why: that is no reason not to be ready
}

// of reports on one node, or on all if node is "". It returns false if there is no such node.
func (r *readiness) of(node string) (report, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := report{Ready: true}
	for _, name := range slices.Sorted(maps.Keys(r.reasons)) {
		if node != "" && name != node {
			continue
		}
		n := nodeReport{Node: name, Ready: len(r.reasons[name]) == 0}
		n.Paused = r.paused[name]
		for _, part := range slices.Sorted(maps.Keys(r.reasons[name])) {
			n.Reasons = append(n.Reasons, part+": "+r.reasons[name][part])
		}
		out.Nodes = append(out.Nodes, n)
		out.Ready = out.Ready && n.Ready
	}
	return out, len(out.Nodes) > 0
}

// routes serves the health of the process.
func (r *readiness) routes(metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, req *http.Request) {
		out, ok := r.of(req.URL.Query().Get("node"))
		w.Header().Set("Content-Type", "application/json")
		switch {
		case !ok:
			w.WriteHeader(http.StatusNotFound)
		case !out.Ready:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(out)
	})
	mux.Handle("GET /metrics", metrics)
	return mux
}
