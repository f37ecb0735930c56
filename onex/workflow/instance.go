package workflow

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
)

// Status says what an instance is doing.
type Status = string

// The statuses of an instance. The last three are ends.
const (
	Running   Status = "running"
	Undoing   Status = "undoing" // failed or cancelled, and what succeeded is being undone
	Halted    Status = "halted"  // a message could not be built as often as was tried: for a person
	Completed Status = "completed"
	Failed    Status = "failed"
	Cancelled Status = "cancelled"
)

// Statuses returns every status.
func Statuses() []Status { return []Status{Running, Undoing, Halted, Completed, Failed, Cancelled} }

// Live reports whether an instance has not ended.
func Live(s Status) bool { return s == Running || s == Undoing || s == Halted }

// The states of a step. A step that has none is not begun.
const (
	Sent       = "sent"  // its command was sent, or it awaits its answer
	Early      = "early" // its answer came before the steps it comes after
	Succeeded  = "succeeded"
	StepFailed = "failed"
	Undone     = "undone" // its compensation was sent
)

// Instance is the stored state of a workflow's instance.
type Instance struct {
	Key        string                     `json:"key"`
	Definition string                     `json:"definition"` // hash
	Status     Status                     `json:"status"`
	Start      json.RawMessage            `json:"start"`
	Steps      map[string]string          `json:"steps"`
	Moved      map[string]Move            `json:"moved,omitempty"` // steps that were taken in the form of another definition
	Done       []string                   `json:"done,omitempty"`  // succeeded steps in order
	Answers    map[string]json.RawMessage `json:"answers"`         // by ref
	Reason     string                     `json:"reason,omitempty"`
	End        Status                     `json:"end,omitempty"`  // what it becomes once Undo is empty
	Undo       []string                   `json:"undo,omitempty"` // steps to undo, in order; the End tells of the end
	Stuck      *Stuck                     `json:"stuck,omitempty"`
	Retries    int                        `json:"retries,omitempty"` // by people
	Late       []LateAnswer               `json:"late,omitempty"`
	Parent     *engine.Position           `json:"parent,omitempty"` // the step of another workflow that started this one
	Cause      string                     `json:"cause,omitempty"`  // id of the event that started it
	Chain      string                     `json:"chain,omitempty"`  // its correlation id
	Trail      []Mark                     `json:"trail,omitempty"`
}

// Tell stands in Undo for the event that says how the instance ended.
const Tell = ":end"

// Move names the form in which a step was taken.
type Move struct {
	Definition string `json:"definition"`
	Step       string `json:"step"`
}

// Stuck is a message that could not be built.
type Stuck struct {
	Step     string    `json:"step"`
	Undo     bool      `json:"undo,omitempty"` // it was its compensation, or Tell
	Attempts int       `json:"attempts"`
	Since    time.Time `json:"since"`
	Error    string    `json:"error"`
	Invalid  bool      `json:"invalid,omitempty"` // it was built, and broke its schema
}

// LateAnswer is an answer that came after the end.
type LateAnswer struct {
	Type string `json:"type"`
	Step string `json:"step"`
}

// Mark is something that happened to an instance.
type Mark struct {
	At   time.Time `json:"at"`
	Step string    `json:"step,omitempty"` // "": the whole instance
	Was  string    `json:"was"`            // a state of the step, or a status
	By   string    `json:"by,omitempty"`   // id of the event that caused it, or who asked for it
}

// Read reads the stored state of an instance.
func Read(data []byte) (*Instance, error) {
	var i Instance
	if err := json.Unmarshal(data, &i); err != nil {
		return nil, fmt.Errorf("read instance: %w", err)
	}
	if i.Steps == nil {
		i.Steps = map[string]string{}
	}
	if i.Answers == nil {
		i.Answers = map[string]json.RawMessage{}
	}
	return &i, nil
}

// What a person may ask for is a timer that is due at once, so that whichever process fires it obeys
// under the state of the instance, as it does with every other.
const (
	cancel = "cancel"
	retry  = "retry"
)

// Ask is what a person asks of an instance.
type Ask struct {
	Cancel bool   // else: retry
	Step   string // to retry; "": what it is stuck with
	Number int    // of the retry, so that each is another
}

// String returns the name of the ask's timer.
func (a Ask) String() string {
	if a.Cancel {
		return engine.AskPrefix + cancel
	}
	return engine.AskPrefix + retry + ":" + strconv.Itoa(a.Number) + ":" + a.Step
}

// ParseAsk reads the name of a timer.
func ParseAsk(timer string) (a Ask, ok bool) {
	rest, ok := strings.CutPrefix(timer, engine.AskPrefix)
	if !ok || rest == cancel {
		return Ask{Cancel: true}, ok
	}
	verb, rest, _ := strings.Cut(rest, ":")
	number, step, _ := strings.Cut(rest, ":")
	n, err := strconv.Atoi(number)
	return Ask{Step: step, Number: n}, verb == retry && err == nil
}
