package onex_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/internal/consul"
	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// TestFailingCheckShowsEverywhere: while a check fails the node is not ready and says why, at
// /readyz, in its metrics and in the catalog; it works on, and is ready again by itself.
func TestFailingCheckShowsEverywhere(t *testing.T) {
	t.Parallel()
	f := setup(t)
	name := f.name("effect")
	var down atomic.Bool
	down.Store(true)
	node := echo(onex.Effect, name, engine.RetryPolicy{}, succeed)
	build := node.Build
	node.Build = func(ctx context.Context, v *config.Values) (onex.Wiring, error) {
		w, err := build(ctx, v)
		w.Checks = []onex.Check{{Name: "gateway", Every: 20 * time.Millisecond, Timeout: 10 * time.Millisecond, Run: func(context.Context) error {
			if down.Load() {
				return errors.New("the gateway is closed")
			}
			return nil
		}}}
		return w, err
	}
	r := f.launch(f.env([]onex.Node{node}, "a"), node)
	const reason = "check gateway: the gateway is closed"
	shown := func(status, metric int, wanted bool) {
		t.Helper()
		f.eventually(fmt.Sprintf("the check's outcome is %d everywhere", metric), func() error {
			if err := r.get("/readyz", status); err != nil {
				return err
			}
			if _, body := r.read("/readyz"); strings.Contains(body, reason) != wanted {
				return fmt.Errorf("/readyz says %s", body)
			}
			want := fmt.Sprintf(`onex_check_passes{check="gateway",node="%s"} %d`, name, metric)
			if _, body := r.read("/metrics"); !strings.Contains(body, want) {
				return fmt.Errorf("the metrics do not say %s", want)
			}
			return f.catalogSays(name, reason, wanted)
		})
	}
	shown(http.StatusServiceUnavailable, 0, true)
	f.produce(root(event.Command, ref(name, "ask"), "k", number{N: 1}))
	f.collect(1, topicOf(event.Event, ref(name, "answer")))
	down.Store(false)
	shown(http.StatusOK, 1, false)
	down.Store(true)
	shown(http.StatusServiceUnavailable, 0, true)
}

// catalogSays wants the only instance of a service to be critical for the reason, or to pass.
func (f *fixture) catalogSays(service, reason string, critical bool) error {
	f.t.Helper()
	c, err := consul.New(consul.Config{Address: shared.consul})
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = c.Stop(f.t.Context()) }()
	in, err := c.Instances(f.t.Context(), service)
	if err != nil || len(in) != 1 {
		return fmt.Errorf("catalog has %+v, %w", in, err)
	}
	if in[0].Passing == critical || strings.Contains(in[0].Output, reason) != critical {
		return fmt.Errorf("catalog: passing %t, output %s", in[0].Passing, in[0].Output)
	}
	return nil
}

// TestNodeIsNotReadyBeforeItsFirstCheck: a check that has not come back is no check that passed.
func TestNodeIsNotReadyBeforeItsFirstCheck(t *testing.T) {
	t.Parallel()
	f := setup(t)
	node := echo(onex.Effect, f.name("effect"), engine.RetryPolicy{}, succeed)
	asked, answer := make(chan struct{}, 1), make(chan struct{})
	build := node.Build
	node.Build = func(ctx context.Context, v *config.Values) (onex.Wiring, error) {
		w, err := build(ctx, v)
		w.Checks = []onex.Check{{Name: "gateway", Every: time.Hour, Timeout: time.Minute, Run: func(context.Context) error {
			asked <- struct{}{}
			<-answer
			return nil
		}}}
		return w, err
	}
	r := f.launch(f.env([]onex.Node{node}, "a"), node)
	<-asked
	if status, body := r.read("/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, "check gateway: not checked yet") {
		t.Errorf("/readyz: %d %s", status, body)
	}
	close(answer)
	f.eventually("it is ready", func() error { return r.get("/readyz", http.StatusOK) })
}
