package vault

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// keeper drives a lease of an hour against a Vault that lets it live at most so long.
type keeper struct {
	*lease

	ends     time.Time // the most Vault prolongs to
	down     error     // what Vault answers instead
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
		k.renewals++
		return min(time.Hour, time.Until(k.ends)), k.down
	}
	k.report = func(problem error) {
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

func (k *keeper) says(t *testing.T, text string) {
	t.Helper()
	if text == "" && k.problem != nil || text != "" && (k.problem == nil || !strings.Contains(k.problem.Error(), text)) {
		t.Errorf("after %d renewals the lease says %v, want %q", k.renewals, k.problem, text)
	}
}

func TestLeaseIsProlongedForDays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k, stop := newKeeper(t, 1000*time.Hour)
		time.Sleep(100 * time.Hour)
		synctest.Wait()
		stop()
		if k.says(t, ""); k.renewals < 100 || k.renewals > 400 || k.warnings > 0 {
			t.Errorf("100 h took %d renewals, %d warnings", k.renewals, k.warnings)
		}
	})
}

// TestLeaseThatEndsIsToldBefore: a quarter of its life before Vault's maximum somebody knows.
func TestLeaseThatEndsIsToldBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k, stop := newKeeper(t, 24*time.Hour)
		defer stop()
		time.Sleep(24*time.Hour - time.Minute)
		synctest.Wait()
		if k.says(t, "vault prolongs it no further; start the node again"); k.ends.Sub(k.told) < 10*time.Minute || k.ends.Sub(k.told) > 20*time.Minute {
			t.Errorf("told %s before the end", k.ends.Sub(k.told))
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		k.says(t, "vault does not know the lease any more")
	})
}

// TestLeaseHeals: an outage shorter than what is left is told of late or not at all, and forgotten.
func TestLeaseHeals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k, stop := newKeeper(t, 1000*time.Hour)
		defer stop()
		k.down = errors.New("sealed")
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		k.says(t, "")
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		if k.says(t, "was not prolonged: sealed"); k.told.After(k.until) {
			t.Error("told after the end")
		}
		k.down = nil
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		k.says(t, "")
		k.down = errors.New("sealed")
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		k.says(t, "sealed")
		if !errors.Is(k.problem, errLeaseLost) {
			t.Errorf("a lease that is over says %v", k.problem)
		}
	})
}

func TestLeaseThatWasRevokedIsToldAtTheNextLogin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k, stop := newKeeper(t, 1000*time.Hour)
		defer stop()
		synctest.Wait()
		k.down = errLeaseLost
		k.nudge <- struct{}{}
		synctest.Wait()
		if k.says(t, "vault does not know the lease"); k.renewals != 1 {
			t.Errorf("%d renewals", k.renewals)
		}
	})
}
