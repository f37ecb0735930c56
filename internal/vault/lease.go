package vault

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// errLeaseLost says that a lease has ended for good: revoked, or over.
var errLeaseLost = errors.New("vault does not know the lease any more; start the node again to get new ones")

// lease is something Vault made for a while. What it is worth is told to report: nil while it lives
// and can be prolonged, else why it ends, a quarter of its life before that at the latest.
type lease struct {
	id     string
	life   time.Duration // as made
	until  time.Time
	renew  func(ctx context.Context) (time.Duration, error) // returns how long it lives from now on
	report func(problem error)
	nudge  chan struct{} // asks for a renewal now, since the login changed
}

// margin is how long before its end a lease that was not prolonged counts as a problem.
func (l *lease) margin() time.Duration { return l.life / 4 }

// keep prolongs the lease until ctx ends or the lease is lost.
func (l *lease) keep(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.nudge:
		case <-time.After(l.pause()):
		}
		asked := time.Now()
		life, err := l.renew(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			l.until = asked.Add(life)
		}
		problem := l.problem(err)
		l.report(problem)
		if errors.Is(problem, errLeaseLost) {
			return
		}
	}
}

// pause is half of the time to the margin, so that one failed renewal is followed by others; then
// short.
func (l *lease) pause() time.Duration {
	return max((time.Until(l.until)-l.margin())/2, l.life/20)
}

// problem says what is wrong with the lease after an attempt to prolong it ended with err.
func (l *lease) problem(err error) error {
	left := time.Until(l.until)
	switch {
	case errors.Is(err, errLeaseLost):
		return err
	case left <= 0 && err != nil:
		return fmt.Errorf("%w: %w", errLeaseLost, err)
	case left <= 0:
		return errLeaseLost
	case left > l.margin():
		return nil
	case err != nil:
		return fmt.Errorf("ends at %s and was not prolonged: %w", l.until.UTC().Format(time.RFC3339), err)
	}
	return fmt.Errorf("ends at %s and vault prolongs it no further; start the node again before", l.until.UTC().Format(time.RFC3339))
}
