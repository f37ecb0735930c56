package onex

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestProbeIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		var calls atomic.Int32
		p := &prober{Check: Check{Name: "deaf", Every: 10 * time.Second, Timeout: time.Second, Run: func(context.Context) error {
			calls.Add(1)
			<-free
			return nil
		}}}
		for _, want := range []string{"no answer for 1s", "no answer for 2s"} {
			if err := p.probe(t.Context()); err == nil || err.Error() != want {
				t.Errorf("probe says %v, want %q", err, want)
			}
		}
		if calls.Load() != 1 {
			t.Errorf("an attempt that does not come back was joined by %d others", calls.Load()-1)
		}
		close(free)
		if err := errors.Join(p.probe(t.Context()), p.probe(t.Context())); err != nil || calls.Load() != 2 {
			t.Errorf("after it came back: %v, %d calls", err, calls.Load())
		}
	})
}

func TestProbeSurvivesPanics(t *testing.T) {
	t.Parallel()
	var gateway interface{ Check(context.Context) error }
	p := &prober{Check: Check{Name: "gateway", Timeout: time.Second, Run: func(ctx context.Context) error { return gateway.Check(ctx) }}}
	if err := p.probe(t.Context()); err == nil || !strings.Contains(err.Error(), "is it built in wire.go?") {
		t.Errorf("probe says %v", err)
	}
}

func TestChecksThatCannotRunAreRefused(t *testing.T) {
	t.Parallel()
	run := func(context.Context) error { return nil }
	good := Check{Name: "a", Every: 2, Timeout: 1, Run: run}
	if err := checkChecks(Node{}, []Check{good, {Name: "b", Every: 2, Timeout: 1, Run: run}}); err != nil {
		t.Error(err)
	}
	for name, bad := range map[string]Check{
		"no name": {Every: 2, Timeout: 1, Run: run}, "no function": {Name: "b", Every: 2, Timeout: 1},
		"no timeout": {Name: "b", Every: 2, Run: run}, "timeout too long": {Name: "b", Every: 2, Timeout: 2, Run: run}, "twice": good,
	} {
		if checkChecks(Node{}, []Check{good, bad}) == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
