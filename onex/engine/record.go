package engine

import (
	"time"

	"github.com/omninode-ai/omninode/onex/event"
)

// Record is a record of a topic as it was fetched.
type Record struct {
	Topic     string
	Partition int32
	Offset    int64
	Key       string
	Headers   []event.Header
	Value     []byte
}

// Outgoing is a record to be produced.
type Outgoing struct {
	Topic   string
	Key     string
	Headers []event.Header
	Value   []byte
}

// Parked is a record that waits in the store: the first of its topic and key for its next attempt,
// the others behind it.
type Parked struct {
	ID       int64
	Record   Record
	Reason   Reason
	Attempts int       // calls of the handler so far
	Since    time.Time // when it was first parked
}

// Reason says why a record is parked.
type Reason string

// The reasons for parking.
const (
	Retry  Reason = "retry"  // its last attempt failed
	Early  Reason = "early"  // the machine is not yet in a state that takes it
	Behind Reason = "behind" // an earlier record of its topic and key is parked
	Halted Reason = "halted" // its attempts ended and the policy keeps the key for a person
)

// Fired is a timer that is due.
type Fired struct {
	Key      string // of the state
	Name     string
	Attempts int // calls of the handler so far
	Cause    TimerCause
	Note     string // of the person who set it
}

// TimerCause is what a timer remembers of the event that set it, so that what follows from the
// timer stays in its chain.
type TimerCause struct {
	ID            string // of the event
	CorrelationID string
	WorkflowID    string
	StepID        string
	TraceParent   string
	TraceState    string
}

// Item is one input waiting for a decision: a fetched record, a parked one, or a timer.
type Item struct {
	Record         Record  // zero for a timer
	Parked         *Parked // set when the record comes from the store
	Timer          *Fired  // set for a timer
	Event          event.Envelope
	Input          Input
	IdempotencyKey string
	StateKey       string // "" in a node without state
	Attempt        int    // 1 for the first

	Replay *Replay // set when the record was a dead letter before

	decoded bool // the envelope was
	fault   *fault
}

// Readable reports whether the item was decoded; the store knows nothing about one that was not.
func (it Item) Readable() bool { return it.fault == nil }

// View is what the store knows about an item.
type View struct {
	Seen   bool // the inbox holds its idempotency key
	Behind bool // an earlier record of its topic and key is parked
	State  Stored
}

// Stored is the state of a key.
type Stored struct {
	Version int64 // 0: the key has no state yet
	Machine string
	Data    []byte
}

// Commit is what the store writes in one transaction. A record's offset moves past it, a parked
// record is deleted unless Park is set, a timer is deleted unless Again is set.
type Commit struct {
	Item   Item
	Result Result
	Class  Class // of a dead letter
	Err    error // what went wrong, for the log

	Inbox    bool // remember the item's idempotency key as handled
	State    *StateWrite
	Outbox   []Outgoing
	Park     *Park
	Instance *Instance     // of the state's key, if it changed
	Timers   *[]TimerWrite // all timers of the state's key from now on; one already set keeps its time
	Again    time.Time     // when a failed timer fires again
	Joins    []Join        // run in order after everything else was written, before it is committed

	halt bool // what a failure of Joins does to the key
}

// StateWrite replaces the state of a key if its version is still Expect.
type StateWrite struct {
	Key     string
	Expect  int64 // 0: the key has no state yet
	Machine string
	Data    []byte

	// Snapshot is sent with the write, unless a later one of the key is committed with it; nil: none.
	Snapshot *Outgoing
}

// Park keeps a record for later.
type Park struct {
	Reason   Reason
	Attempts int
	Since    time.Time // first failure, or begin of waiting
	Next     time.Time // zero: until the record before it is done, or a person acts
}

// TimerWrite sets a timer.
type TimerWrite struct {
	Name  string
	Due   time.Time
	Cause TimerCause
}

// Result says what became of an item.
type Result string

// The results of an item.
const (
	Handled      Result = "handled"
	Duplicate    Result = "duplicate"
	Waiting      Result = "parked"  // behind another record, or early
	Retried      Result = "retried" // failed, and will be tried again
	DeadLettered Result = "dead_lettered"
	KeyHalted    Result = "halted"
)
