package onex

import (
	"fmt"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// Permanent marks a handler's error as one that no further attempt can cure: the input becomes a dead
// letter at once.
func Permanent(err error) error { return engine.Permanent(err) }

// RetryAfter marks a handler's error as one to be tried again after d, in place of the delay of the
// input's retry policy. It counts as an attempt.
func RetryAfter(d time.Duration, err error) error { return engine.RetryAfter(d, err) }

// InvalidInputError says that a payload does not fit its schema. It is permanent.
type InvalidInputError struct {
	Type event.Ref
	Err  error
}

func (e *InvalidInputError) Error() string { return fmt.Sprintf("payload of %s: %v", e.Type, e.Err) }
func (e *InvalidInputError) Unwrap() error { return e.Err }

// DeadLetterClass implements engine.Classified.
func (e *InvalidInputError) DeadLetterClass() engine.Class { return engine.Invalid }

// InvalidOutputError says that a handler emitted a payload that does not fit its schema. It is
// permanent: a bug of the handler.
type InvalidOutputError struct {
	Type event.Ref
	Err  error
}

func (e *InvalidOutputError) Error() string { return fmt.Sprintf("emitted %s: %v", e.Type, e.Err) }
func (e *InvalidOutputError) Unwrap() error { return e.Err }

// DeadLetterClass implements engine.Classified.
func (e *InvalidOutputError) DeadLetterClass() engine.Class { return engine.PermanentFailure }

// InvalidStateError says that a stored or returned state does not fit its schema. It is permanent.
type InvalidStateError struct {
	Key string
	Err error
}

func (e *InvalidStateError) Error() string { return fmt.Sprintf("state of key %q: %v", e.Key, e.Err) }
func (e *InvalidStateError) Unwrap() error { return e.Err }

// DeadLetterClass implements engine.Classified.
func (e *InvalidStateError) DeadLetterClass() engine.Class { return engine.PermanentFailure }

// StateTooLargeError says that a workflow's instance would have a state that is too large to keep. It is
// permanent; an answer that causes it fails the instance.
type StateTooLargeError struct {
	Key   string
	Bytes int
}

func (e *StateTooLargeError) Error() string {
	return fmt.Sprintf("state of instance %q would have %d bytes, at most %d are kept", e.Key, e.Bytes, maxState)
}

// DeadLetterClass implements engine.Classified.
func (e *StateTooLargeError) DeadLetterClass() engine.Class { return engine.TooLarge }

// UnexpectedAnswerError says that an answer to a workflow's command came to an instance that does not exist,
// or to a step that was answered before. It is permanent: the first answer counts.
type UnexpectedAnswerError struct {
	Key   string // of the instance
	Step  string
	State string // of the step; "": there is no such instance
	Type  event.Ref
}

func (e *UnexpectedAnswerError) Error() string {
	if e.State == "" {
		return fmt.Sprintf("%s answers step %s of instance %q, which does not exist", e.Type, e.Step, e.Key)
	}
	return fmt.Sprintf("%s answers step %s of instance %q, which is %s", e.Type, e.Step, e.Key, e.State)
}

// DeadLetterClass implements engine.Classified.
func (e *UnexpectedAnswerError) DeadLetterClass() engine.Class { return engine.Unexpected }

// Error is what ends a process, as a person sees it: a stable code, what happened, what to do next.
type Error struct {
	Code   string // ONEX_<AREA>_<NNN>_<NAME>
	Err    error
	Remedy string // best a command; "" when Err says it all
}

func (e *Error) Error() string { return e.Code + ": " + e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// The codes of errors that end a process.
const (
	CodeEnvironment = "ONEX_CONFIG_001_ENVIRONMENT"
	CodeSettings    = "ONEX_CONFIG_002_SETTINGS"
	CodeSecrets     = "ONEX_SECRET_001_UNAVAILABLE"
	CodeNode        = "ONEX_NODE_001_INCONSISTENT"
	CodeBuild       = "ONEX_NODE_002_BUILD"
	CodeAddress     = "ONEX_HTTP_001_ADDRESS"
	CodeDatabase    = "ONEX_DATABASE_001_REFUSED"
	CodeSchema      = "ONEX_DATABASE_002_SCHEMA"
	CodeExactlyOnce = "ONEX_KAFKA_001_EXACTLY_ONCE"
	CodeReplaced    = "ONEX_NODE_003_REPLACED"
	CodeState       = "ONEX_STATE_001_DIFFERS"
	CodeWorkflow    = "ONEX_WORKFLOW_001_REFUSED"
	CodeInternal    = "ONEX_NODE_004_FAILED"
)
