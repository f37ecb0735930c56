package delivery

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// BreakerState is what a breaker does with attempts.
type BreakerState int

// The states of a breaker.
const (
	BreakerClosed  = BreakerState(gobreaker.StateClosed)   // attempts are made
	BreakerProbing = BreakerState(gobreaker.StateHalfOpen) // one attempt decides, the others wait
	BreakerOpen    = BreakerState(gobreaker.StateOpen)     // none is made
)

func (s BreakerState) String() string { return gobreaker.State(s).String() }

// Breakers holds the breaker of each input that has one, for all its keys and partitions in this
// process.
type Breakers map[event.Ref]*breaker

// NewBreakers returns the breakers of inputs. Each change is logged and told to the observer, which
// also learns how each begins.
func NewBreakers(inputs []engine.Input, o Observer, log *slog.Logger) Breakers {
	all := Breakers{}
	for _, in := range inputs {
		if in.Breaker.Failures > 0 {
			all[in.Type] = newBreaker(in, o, log)
			o.Breaker(in.Type, BreakerClosed)
		}
	}
	return all
}

// errOpen says that a breaker lets no attempt through now: nothing was called or committed.
var errOpen = errors.New("the input's breaker is open")

// breaker counts the attempts at one input that failed in a row.
type breaker struct {
	*gobreaker.TwoStepCircuitBreaker[struct{}]

	mu      sync.Mutex
	until   time.Time     // when an open one lets an attempt through
	changed chan struct{} // closed at the next change
}

func newBreaker(in engine.Input, o Observer, log *slog.Logger) *breaker {
	b := &breaker{changed: make(chan struct{})}
	b.TwoStepCircuitBreaker = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name:         in.Type.String(),
		Timeout:      in.Breaker.Open,
		ReadyToTrip:  func(c gobreaker.Counts) bool { return int64(c.ConsecutiveFailures) >= int64(in.Breaker.Failures) },
		IsSuccessful: func(err error) bool { return !engine.Temporary(err) },
		IsExcluded:   unread,
		OnStateChange: func(_ string, from, to gobreaker.State) {
			if to == gobreaker.StateOpen {
				b.reopens(in.Breaker.Open)
			}
			b.wake()
			o.Breaker(in.Type, BreakerState(to))
			level := slog.LevelInfo
			if to == gobreaker.StateOpen {
				level = slog.LevelWarn
			}
			log.Log(context.Background(), level, "breaker changed", "input", in.Type.String(), "from", from.String(), "to", to.String())
		},
	})
	return b
}

func (b *breaker) reopens(after time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.until = time.Now().Add(after)
}

// wake lets everyone who waits ask again.
func (b *breaker) wake() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.changed)
	b.changed = make(chan struct{})
}

// attempt calls f if the breaker lets it through, else the error is errOpen.
func (b *breaker) attempt(f func() engine.Outcome) (engine.Outcome, error) {
	done, err := b.Allow()
	if err != nil {
		return engine.Outcome{}, errOpen
	}
	out := f()
	err = tried(out)
	done(err)
	if unread(err) {
		b.wake() // it was no probe: the next one is
	}
	return out, nil
}

// tried returns how an attempt ended that may have been one at several inputs: as the first that
// reached the handler.
func tried(out engine.Outcome) error {
	for _, o := range out.Rest {
		if unread(out.Err) {
			out.Err = o.Err
		}
	}
	return out.Err
}

// unread reports whether a payload did not fit its schema: nothing was attempted with it.
func unread(err error) bool {
	c, ok := errors.AsType[engine.Classified](err)
	return ok && c.DeadLetterClass() == engine.Invalid
}

// tick is the least time between two questions, so that clocks that differ a little do not spin.
const tick = time.Millisecond

// await returns when an attempt may be let through, or when stop or ctx end.
func (b *breaker) await(ctx context.Context, stop <-chan struct{}) {
	b.mu.Lock()
	changed, left := b.changed, time.Until(b.until)
	b.mu.Unlock()
	var open <-chan time.Time
	switch b.State() {
	case gobreaker.StateClosed:
		return
	case gobreaker.StateHalfOpen:
		if c := b.Counts(); c.Requests == c.TotalExclusions {
			return // nobody tries
		}
	case gobreaker.StateOpen:
		timer := time.NewTimer(max(left, tick))
		defer timer.Stop()
		open = timer.C
	}
	select {
	case <-changed:
	case <-open:
	case <-stop:
	case <-ctx.Done():
	}
}
