package vault

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// keeper drives a lease of an hour against a Vault that lets it live at most so long.
type keeper struct {
	*lease

	ends time.Time // the most Vault prolongs to

	mu       sync.Mutex
	down     error // what Vault answers instead
	renewals int
	problem  error // last report
	told     time.Time
	warnings int
}

func newKeeper(t *testing.T, most time.Duration) (*keeper, context.CancelFunc) {
	t.Helper()
	k := &keeper{ends: time.Now().Add(most)}
	k.lease = &lease{life: time.Hour, until: time.Now().Add(min(time.Hour, most)), nudge: make(chan struct{}, 1)}
	k.renew = func(context.Context) (time.Duration, error) {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.renewals++
		return min(time.Hour, time.Until(k.ends)), k.down
	}
	k.report = func(problem error) {
		k.mu.Lock()
		defer k.mu.Unlock()
		if problem != nil && k.problem == nil {
			k.told, k.warnings = time.Now(), k.warnings+1
		}
		k.problem = problem
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); k.keep(ctx) }()
	return k, func() { cancel(); <-done }
}

// fail makes Vault answer err from now on.
func (k *keeper) fail(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.down = err
}

// after waits for d and wants the lease to say text then.
func (k *keeper) after(t *testing.T, d time.Duration, text string) {
	t.Helper()
	time.Sleep(d)
	synctest.Wait()
	k.mu.Lock()
	defer k.mu.Unlock()
	if text == "" && k.problem != nil || text != "" && (k.problem == nil || !strings.Contains(k.problem.Error(), text)) {
		t.Errorf("after %d renewals the lease says %v, want %q", k.renewals, k.problem, text)
	}
}

func TestLeaseIsProlongedForDays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k, stop := newKeeper(t, 1000*time.Hour)
		k.after(t, 100*time.Hour, "")
		if stop(); k.renewals < 100 || k.renewals > 400 || k.warnings > 0 {
			t.Errorf("100 h took %d renewals, %d warnings", k.renewals, k.warnings)
		}
	})
}

// TestLeaseThatEndsIsToldBefore: a quarter of its life before Vault's maximum somebody knows.
func TestLeaseThatEndsIsToldBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k, stop := newKeeper(t, 24*time.Hour)
		k.after(t, 24*time.Hour-time.Minute, "vault prolongs it no further; start the node again")
		k.after(t, 10*time.Minute, "vault does not know the lease any more")
		if stop(); k.ends.Sub(k.told) < 10*time.Minute || k.ends.Sub(k.told) > 20*time.Minute {
			t.Errorf("told %s before the end", k.ends.Sub(k.told))
		}
	})
}

// TestLeaseHeals: an outage is told of when the lease is about to end, and forgotten when it is over.
func TestLeaseHeals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k, stop := newKeeper(t, 1000*time.Hour)
		k.fail(errors.New("sealed"))
		k.after(t, 30*time.Minute, "")
		k.after(t, 20*time.Minute, "was not prolonged: sealed")
		k.fail(nil)
		k.after(t, 5*time.Minute, "")
		k.fail(errors.New("sealed"))
		k.after(t, 2*time.Hour, "sealed")
		if stop(); !errors.Is(k.problem, errLeaseLost) {
			t.Errorf("a lease that is over says %v", k.problem)
		}
	})
}

func TestLeaseThatWasRevokedIsToldAtTheNextLogin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k, stop := newKeeper(t, 1000*time.Hour)
		k.fail(errLeaseLost)
		k.nudge <- struct{}{}
		k.after(t, time.Millisecond, "vault does not know the lease")
		if stop(); k.renewals != 1 {
			t.Errorf("%d renewals", k.renewals)
		}
	})
}
