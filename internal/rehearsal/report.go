package rehearsal

import (
	"slices"

	"github.com/omninode-ai/omninode/onex/engine"
)

// The sorts of differences.
const (
	OutputChanged = "output_changed" // a message has another key or payload
	OutputAdded   = "output_added"   // it was not sent then
	OutputMissing = "output_missing" // it would not be sent now
	StateChanged  = "state_changed"
	ResultChanged = "result_changed" // an input that was handled is given up now, or the other way round
)

// Difference is what a version would have done otherwise.
type Difference struct {
	Sort     string  `json:"sort"`
	Key      string  `json:"key"`                // of the input, or of the state
	Input    string  `json:"input,omitempty"`    // place of the record
	EventID  string  `json:"event_id,omitempty"` // of the input
	Output   string  `json:"output,omitempty"`   // id of the message
	Type     string  `json:"type,omitempty"`     // of the message
	Fields   []Field `json:"fields,omitempty"`
	Recorded string  `json:"recorded,omitempty"` // what became of the input then
	Now      string  `json:"now,omitempty"`
}

// Report is the outcome of a rehearsal.
type Report struct {
	Node     string `json:"node"`
	Version  string `json:"version"`  // that was rehearsed
	Isolated string `json:"isolated"` // "" : the program had no network; else why it could have had one
	From     string `json:"from"`
	To       string `json:"to"`

	Inputs   int `json:"inputs"`    // compared
	WarmUp   int `json:"warm_up"`   // earlier ones that were played for the states they lead to
	LeftOut  int `json:"left_out"`  // given up by a person, by time or by a clock: that cannot be repeated
	Unplayed int `json:"unplayed"`  // keys whose first inputs are no longer both in the inbox and in the log
	Unknown  int `json:"unknown"`   // messages whose counterpart retention may have removed
	Equal    int `json:"equal"`     // messages
	States   int `json:"states"`    // that are equal
	Unequal  int `json:"different"` // differences, all together

	Counts      map[string]int `json:"counts"` // by sort
	Keys        []string       `json:"keys"`   // with a difference, sorted; at most maxKeys
	KeyCount    int            `json:"key_count"`
	FieldCounts map[string]int `json:"fields"`      // by path, indices left open
	Ignored     []string       `json:"ignored"`     // what does not count
	Differences []Difference   `json:"differences"` // the first
}

// maxKeys bounds the list of keys that differ.
const maxKeys = 10000

// Ignored is what never counts as a difference: it is another one at each run.
func Ignored() []string {
	return []string{"time of an event", "trace context of an event", "text of an error", "order of properties", "how a number is written"}
}

// tally collects differences.
type tally struct {
	report *Report
	limit  int // differences that are kept
	keys   map[string]bool
}

func newTally(limit int, ignored []string) *tally {
	r := &Report{Counts: map[string]int{}, FieldCounts: map[string]int{}, Ignored: append(Ignored(), ignored...), Differences: []Difference{}, Keys: []string{}}
	return &tally{report: r, limit: limit, keys: map[string]bool{}}
}

func (t *tally) add(d Difference) {
	r := t.report
	r.Unequal++
	r.Counts[d.Sort]++
	for _, f := range d.Fields {
		r.FieldCounts[general(f.Path)]++
	}
	if !t.keys[d.Key] {
		t.keys[d.Key] = true
		r.KeyCount++
		if len(r.Keys) < maxKeys {
			r.Keys = append(r.Keys, d.Key)
		}
	}
	if len(r.Differences) < t.limit {
		r.Differences = append(r.Differences, d)
	}
}

func (t *tally) finish() *Report {
	slices.Sort(t.report.Keys)
	return t.report
}

// repeatable reports whether an input that was given up for a class would be so again: a person, a clock
// or a wait decide otherwise each time.
func repeatable(c engine.Class) bool {
	return c != engine.Skipped && c != engine.Future && c != engine.Timeout
}
