package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/omninode-ai/omninode/onex/event"
)

// Class says why an input became a dead letter.
type Class string

// The classes of dead letters. docs/dead-letters.md says what to do about each.
const (
	Malformed         Class = "malformed"          // no envelope, or a payload that is not JSON
	Incomplete        Class = "incomplete"         // an envelope without an attribute that every one has
	Tombstone         Class = "tombstone"          // no payload at all
	TooLarge          Class = "too_large"          // a payload beyond event.MaxDataBytes
	HeaderLimit       Class = "header_limit"       // headers beyond event.MaxHeaders or event.MaxHeaderBytes
	WrongType         Class = "wrong_type"         // a message that does not belong on its topic
	WrongVersion      Class = "wrong_version"      // another version of the message that belongs there
	Future            Class = "future"             // an event from further ahead than MaxAhead
	Invalid           Class = "invalid"            // a payload that does not fit its schema
	PermanentFailure  Class = "permanent"          // the handler said that trying again is useless
	Exhausted         Class = "exhausted"          // every attempt failed
	IllegalTransition Class = "illegal_transition" // the machine's state does not take the input
	Timeout           Class = "timeout"            // an early input waited in vain
	Unexpected        Class = "unexpected"         // an answer that no step of its workflow's instance waits for
	Skipped           Class = "skipped"            // a person gave a parked record up
)

// MaxAhead is how far ahead of the node's clock the time of an event may be.
const MaxAhead = 24 * time.Hour

// Classes returns every class of dead letters, in the order in which a record meets them.
func Classes() []Class {
	return []Class{
		Tombstone, HeaderLimit, TooLarge, Incomplete, Malformed, WrongType, WrongVersion, Future, Invalid,
		IllegalTransition, Unexpected, Timeout, PermanentFailure, Exhausted, Skipped,
	}
}

// flaw returns the class of a record that Decode refused.
func flaw(err error) Class {
	switch {
	case errors.Is(err, event.ErrIncomplete):
		return Incomplete
	case errors.Is(err, event.ErrTooLarge):
		return TooLarge
	case errors.Is(err, event.ErrHeaders):
		return HeaderLimit
	}
	return Malformed
}

// misplaced returns the class of a message on the topic of another.
func misplaced(is, belongs event.Ref) Class {
	if is.Node == belongs.Node && is.Name == belongs.Name {
		return WrongVersion
	}
	return WrongType
}

// Classified is implemented by errors that make an input a dead letter at once.
type Classified interface {
	error
	DeadLetterClass() Class
}

// Permanent wraps an error that no further attempt can cure.
func Permanent(err error) error { return &permanentError{err} }

type permanentError struct{ err error }

func (e *permanentError) Error() string          { return e.err.Error() }
func (e *permanentError) Unwrap() error          { return e.err }
func (e *permanentError) DeadLetterClass() Class { return PermanentFailure }

// RetryAfter wraps an error whose next attempt should come after d, in place of the policy's delay.
// It counts as an attempt.
func RetryAfter(d time.Duration, err error) error { return &retryAfterError{d, err} }

type retryAfterError struct {
	after time.Duration
	err   error
}

func (e *retryAfterError) Error() string { return e.err.Error() }
func (e *retryAfterError) Unwrap() error { return e.err }

// Unavailable wraps an error that says nothing about the input: something the runtime itself needs does not
// answer. The input is tried again, as it is when the store does not answer, and no attempt is counted.
func Unavailable(err error) error { return &unavailableError{err} }

type unavailableError struct{ err error }

func (e *unavailableError) Error() string { return e.err.Error() }
func (e *unavailableError) Unwrap() error { return e.err }

// IsUnavailable reports whether an error is one of Unavailable.
func IsUnavailable(err error) bool {
	_, ok := errors.AsType[*unavailableError](err)
	return ok
}

// fault is an item's way to the dead letters.
type fault struct {
	class Class
	err   error
}

func faultf(class Class, format string, args ...any) *fault {
	return &fault{class, fmt.Errorf(format, args...)}
}

// classOf returns the class of an error that must not be tried again.
func classOf(err error) (Class, bool) {
	if c, ok := errors.AsType[Classified](err); ok {
		return c.DeadLetterClass(), true
	}
	return "", false
}

// Temporary reports whether a handler's error may pass by itself: it is tried again, as far as the
// policy goes, and counts for a breaker.
func Temporary(err error) bool {
	_, final := classOf(err)
	return err != nil && !final
}

const (
	defaultFirst = 200 * time.Millisecond
	defaultMax   = time.Minute
)

// Delay returns how long to wait before the attempt after the failed one: First, doubled for each
// attempt made, at most Max, of which random (in [0, 1)) takes away up to half so that keys which
// failed together do not return together.
func (p RetryPolicy) Delay(failed int, random float64) time.Duration {
	first, limit := p.First, p.Max
	if first <= 0 {
		first = defaultFirst
	}
	if limit <= 0 {
		limit = max(defaultMax, first)
	}
	d := first
	for i := 1; i < failed && d < limit; i++ {
		d *= 2
	}
	d = min(d, limit)
	return d - time.Duration(random*float64(d)/2)
}
