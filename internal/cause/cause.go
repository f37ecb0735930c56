// Package cause tells why something happened: from the log of a fleet and the schemas of its nodes it puts
// together the tree of what led to an event and of all that followed from it. It reads and decides; the
// cluster and the database are behind ports.
//
// An event names its cause, so that the tree needs no guess: an edge is a causation id. The correlation id
// only says what to read. What nodes did with an event (handled it, parked it, gave it up) comes from their
// schemas and from the topics of dead letters.
package cause

import (
	"context"
	"errors"
	"time"

	"github.com/omninode-ai/omninode/internal/postgres"
	"github.com/omninode-ai/omninode/onex/engine"
)

// Log is the log of a fleet.
type Log interface {
	// ReadSince calls each for the records that topics hold from a moment on; whole says that they hold
	// nothing older.
	ReadSince(ctx context.Context, topics []string, since time.Time, each func(engine.Record)) (whole bool, err error)
	// ReadRecord returns one record; ok is false if the topic does not hold it.
	ReadRecord(ctx context.Context, at engine.Place) (r engine.Record, ok bool, err error)
	// Committed returns the next offsets of a group.
	Committed(ctx context.Context, group string) (map[string]map[int32]int64, error)
}

// Rows is the schema of a node.
type Rows interface {
	Footprint(ctx context.Context, q postgres.FootprintQuery) (postgres.Footprint, error)
}

// Kind says what an entry of a tree is.
type Kind string

// The kinds of entries.
const (
	Event      Kind = "event"
	Command    Kind = "command"
	Timer      Kind = "timer"       // of a workflow: it fired, or is set
	Handled    Kind = "handled"     // by a node
	Waiting    Kind = "waiting"     // parked, or not yet read
	Skipped    Kind = "skipped"     // as a duplicate
	DeadLetter Kind = "dead_letter" // given up by a node
	Replay     Kind = "replay"      // sent back by a person
	Missing    Kind = "missing"     // a cause that the log does not hold
)

// Entry is one line of a tree: an event, or what a node did with one.
type Entry struct {
	ID     int  `json:"id"`     // from 1, in the order in which a tree is drawn
	Parent int  `json:"parent"` // 0: none
	Depth  int  `json:"depth"`
	Kind   Kind `json:"kind"`
	Asked  bool `json:"asked,omitempty"` // it is what was asked for

	Node    string        `json:"node"` // that sent the event, or did something with it
	EventID string        `json:"event_id,omitempty"`
	Type    string        `json:"type,omitempty"` // of the message, or the name of a timer
	Key     string        `json:"key,omitempty"`
	Place   *Place        `json:"place,omitempty"` // null: in no topic (yet)
	Again   []Place       `json:"again,omitempty"` // where a resend of the event is
	Time    *time.Time    `json:"time,omitempty"`
	Did     string        `json:"did,omitempty"` // what happened, for people
	Flow    *Step         `json:"workflow,omitempty"`
	State   *StateChange  `json:"state,omitempty"`
	Letter  *LetterDetail `json:"dead_letter,omitempty"`
	Parked  *ParkedDetail `json:"parked,omitempty"`

	CorrelationID string `json:"correlation_id,omitempty"`
	CausationID   string `json:"causation_id,omitempty"`
}

// Place is where a record is.
type Place struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
}

// Step is a step of an instance of a workflow.
type Step struct {
	Instance string `json:"instance"` // <orchestrator>:<key>
	Step     string `json:"step,omitempty"`
}

// StateChange is a version of a key's state.
type StateChange struct {
	Key     string `json:"key"`
	Version int64  `json:"version"`
	Machine string `json:"machine,omitempty"` // "": the snapshot of this version is gone, or there is none
	Current int64  `json:"current"`           // version that is stored now
}

// LetterDetail is why a node gave an event up.
type LetterDetail struct {
	Class    engine.Class `json:"class"`
	Error    string       `json:"error"`
	Attempts int          `json:"attempts"`
	Replays  int          `json:"replays"`
}

// ParkedDetail is why an event waits.
type ParkedDetail struct {
	ID       int64         `json:"id"`
	Reason   engine.Reason `json:"reason"`
	Attempts int           `json:"attempts"`
	Next     *time.Time    `json:"next_attempt"` // null: until the one before it is done, or a person acts
	Error    string        `json:"error,omitempty"`
}

// Tree is what was found.
type Tree struct {
	Asked         string    `json:"asked"`
	CorrelationID string    `json:"correlation_id"`
	Since         time.Time `json:"since"`    // how far back the log was read
	Whole         bool      `json:"whole"`    // the log held nothing older
	Complete      bool      `json:"complete"` // every cause was found, and nothing was left out
	Truncated     bool      `json:"truncated,omitempty"`
	Entries       []Entry   `json:"entries"`
}

// Chain is a causal tree of which a key is a part.
type Chain struct {
	CorrelationID string    `json:"correlation_id"`
	Events        int       `json:"events"` // of the key
	First         time.Time `json:"first"`
	Last          time.Time `json:"last"`
	Types         []string  `json:"types"`   // of the events of the key, in order
	EventID       string    `json:"example"` // the last of them
}

// What a question may fail with.
var (
	ErrNotFound = errors.New("the log does not hold it")
	ErrNoNode   = errors.New("the fleet has no such node")
	ErrLog      = errors.New("read the log")
)

// Limits are the bounds of a question.
type Limits struct {
	Since   time.Time // how far back the log is read
	Records int       // at most so many records of one tree; 0: 20000
}

const defaultRecords = 20000
