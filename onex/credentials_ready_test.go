package onex

import (
	"errors"
	"log/slog"
	"slices"
	"testing"
)

// TestCredentialsThatEndKeepANodeFromBeingReady: and no longer than they do.
func TestCredentialsThatEndKeepANodeFromBeingReady(t *testing.T) {
	t.Parallel()
	nodes := []Node{{Name: "orders"}}
	p := &process{ready: newReadiness(nodes), log: slog.New(slog.DiscardHandler)}
	p.ready.set("orders", partStart, "")
	p.credentials(t.Context(), nodes, "reader", errors.New("ends soon"))
	want := []string{"credentials of database role reader: ends soon"}
	if r, _ := p.ready.of("orders"); r.Ready || !slices.Equal(r.Nodes[0].Reasons, want) {
		t.Errorf("report %+v, want the reason %q", r, want)
	}
	p.credentials(t.Context(), nodes, "reader", nil)
	if r, _ := p.ready.of("orders"); !r.Ready {
		t.Errorf("prolonged again, but %+v", r)
	}
}
