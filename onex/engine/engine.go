// Package engine is the delivery core of a node, free of I/O: given a record and what is stored
// about it, it decides what to do, and given a handler's outcome, what to commit. Adapters fetch,
// call and commit; the same decisions therefore hold on every backend and can be driven step by step.
package engine

import (
	"context"
	"time"

	"github.com/omninode-ai/omninode/onex/event"
)

// Emission is a message a handler wants sent once its input is committed.
type Emission struct {
	Class event.Class
	Type  event.Ref
	Key   string // partition key
	Data  []byte // JSON

	Encoded bool // Data comes from an encoder, so that nobody needs to check that it is JSON

	// Position places the message in a workflow; nil inherits the input's.
	Position *Position
}

// Position is a step of a workflow's instance, carried by commands and copied to their answers.
type Position struct {
	WorkflowID string // "<orchestrator>:<key>"; "" is no workflow
	StepID     string
}

// Call is what a handler is given.
type Call struct {
	Event          event.Envelope
	IdempotencyKey string // stable over every attempt and redelivery of this input
	Attempt        int    // 1 for the first
	From, To       string // states of the machine (reducer), To only if no guard decides it; "" elsewhere
	State          []byte // JSON state of the key (reducer, orchestrator); nil for a new key
	Timer          string // name of the timer that fired (orchestrator); "" for an event
	Note           string // of the person who set the timer; "" for any other
	Now            time.Time
	Rest           []Call // the calls of a batch after its first; empty elsewhere

	// Choices are the transitions the input may take from From, in the order in which their guards
	// are asked (reducer). The first whose guard holds is taken.
	Choices []Choice
}

// Choice is a transition an input may take if its guard holds.
type Choice struct {
	ID    int    // from 1
	Guard string // "": none
	To    string
}

// Outcome is what a handler returns. If Err is set, nothing but Choice and Rest counts
// besides it.
type Outcome struct {
	Emissions []Emission
	State     []byte    // new JSON state of the key (reducer, orchestrator)
	Timers    []Timer   // all timers of the key from now on (orchestrator)
	Instance  *Instance // what the instance is doing now, if that changed (orchestrator)
	Choice    int       // ID of the choice that was taken (reducer); 0: the first, if it has no guard
	Joins     []Join    // run in the transaction that commits the input (effect, reducer)
	Err       error

	// Rest holds an outcome for each of Call.Rest. If it does not, the batch failed as a whole with Err.
	Rest []Outcome
}

// Timer asks to call the handler again with Call.Timer = Name when After has passed.
type Timer struct {
	Name  string
	After time.Duration
}

// AskPrefix begins the names of timers that a person set to ask something of an instance. They stay set
// until they fire, whatever Timers says.
const AskPrefix = "ask:"

// Instance says what an instance of a workflow is doing, so that it is found without its state.
type Instance struct {
	Definition string // hash of the definition it goes on by
	Status     string
}

// StepCount is how many instances of a definition that are in a status have a step in a state. Step "" counts
// the instances themselves.
type StepCount struct {
	Definition, Status, Step, State string
	N                               int
}

// Handler turns a call into an outcome. It must be safe for concurrent use with different keys.
type Handler func(ctx context.Context, c Call) Outcome

// Input is one message type a node handles.
type Input struct {
	Type           event.Ref
	Class          event.Class
	Emits          []event.Ref   // what handling it may emit
	IdempotencyKey string        // property of the payload; "" is the envelope's id
	Timeout        time.Duration // of one attempt; 0 is the default
	Retry          RetryPolicy
	Batch          Batch   // zero: the handler gets one input at a time
	Breaker        Breaker // zero: none
	Older          []Older // versions that Type replaced, whose records are handled as Type
}

// Older is an earlier version of an input. A record of it becomes one of the input as soon as it is
// read: what follows sees the newer type and payload. Its topic, offset and dead letters are its own.
type Older struct {
	Type   event.Ref
	Upcast func(data []byte) ([]byte, error) // payload of Type, validated, to one of the input
}

// Topic returns the topic the input arrives on.
func (in Input) Topic() event.Topic { return event.Topic{Class: in.Class, Ref: in.Type} }

// Types returns every type the input arrives as: its own, then those that it replaced.
func (in Input) Types() []event.Ref {
	types := []event.Ref{in.Type}
	for _, o := range in.Older {
		types = append(types, o.Type)
	}
	return types
}

// RetryPolicy bounds the attempts at one input.
type RetryPolicy struct {
	Attempts int           // in total; 0 is 1
	First    time.Duration // delay before the second attempt, doubled for each further one
	Max      time.Duration // bound of the delay
	HaltKey  bool          // when attempts end: keep the key halted instead of dead-lettering
}

// Batch lets a handler get several consecutive inputs of a partition at once.
type Batch struct {
	Size int           // at most so many; 0 and 1 are one
	Wait time.Duration // how long to wait for more once there is one; 0: take what is there
}

// Breaker stops attempts at an input for a while after a row of failures that could pass.
type Breaker struct {
	Failures int           // attempts in a row, over all keys
	Open     time.Duration // how long nothing is attempted; then one attempt decides
}

// Machine is the declared state machine of a reducer.
type Machine struct {
	Initial     string
	Final       []string
	Transitions []Transition
}

// Transition moves a key from one of From to To.
type Transition struct {
	Input event.Ref
	From  []string
	Guard string // asked before the transition is taken; "": none
	To    string
	Emits []event.Ref
	Early time.Duration // how long an input that comes too early is parked; 0: not at all

	// HaltKey keeps the key of an input whose handler failed for a person, in place of a dead letter.
	HaltKey bool
}
