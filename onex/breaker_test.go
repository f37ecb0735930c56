package onex_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// TestBreakerIsSeen: a node whose world is down says so in its metrics and its log, stays ready, and
// answers everything once the world is back.
func TestBreakerIsSeen(t *testing.T) {
	t.Parallel()
	f := setup(t)
	var down atomic.Bool
	down.Store(true)
	policy := engine.RetryPolicy{Attempts: 2, First: 50 * time.Millisecond, Max: 50 * time.Millisecond}
	node := echo(onex.Effect, f.name("breaker"), policy, func(onex.Input[number]) error {
		if down.Load() {
			return errors.New("gateway is down")
		}
		return nil
	})
	node.Inputs[0].Breaker = engine.Breaker{Failures: 1, Open: time.Second}
	r := f.start("a", node)
	ask := ref(node.Name, "ask")
	f.produce(root(event.Command, ask, "k", number{N: 0}), root(event.Command, ask, "k2", number{N: 1}))
	metric := func(state int) func() error {
		want := fmt.Sprintf("onex_breaker_state{input=%q,node=%q} %d\n", ask, node.Name, state)
		return func() error {
			if _, body := r.read("/metrics"); !strings.Contains(body, want) {
				return fmt.Errorf("metrics lack %s", want)
			}
			return nil
		}
	}
	f.eventually("the breaker is open", metric(2))
	if err := r.get("/readyz", http.StatusOK); err != nil {
		t.Error(err)
	}
	down.Store(false)
	f.collect(2, topicOf(event.Event, ref(node.Name, "answer")))
	f.eventually("the breaker is closed", metric(0))
	for _, to := range []string{"open", "half-open", "closed"} {
		if said := " to=" + to; !strings.Contains(f.logs.String(), said) {
			t.Errorf("the log lacks %s", said)
		}
	}
}
