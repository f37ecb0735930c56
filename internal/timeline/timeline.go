// Package timeline draws an instance of a workflow over time: a bar for each step from its command to its
// answer, what is being undone, and what it waits for.
package timeline

import (
	"slices"
	"time"

	"github.com/omninode-ai/omninode/onex/workflow"
)

// Timeline is an instance as a picture shows it.
type Timeline struct {
	Key        string          `json:"key"`
	Definition string          `json:"definition"` // hash
	Status     workflow.Status `json:"status"`
	Reason     string          `json:"reason,omitempty"`
	Began      time.Time       `json:"began"`
	Ended      *time.Time      `json:"ended"` // null: it goes on
	Rows       []Row           `json:"steps"`
	Marks      []workflow.Mark `json:"events"` // all that happened, in order
	Stuck      *workflow.Stuck `json:"stuck,omitempty"`
	Late       int             `json:"late_answers,omitempty"`

	now time.Time
}

// Row is a step of the instance's definition.
type Row struct {
	Step  string `json:"step"`
	State string `json:"state"`           // of workflow's states; "": not begun
	Takes string `json:"takes,omitempty"` // step of another definition in whose form it was taken
	Bars  []Bar  `json:"bars,omitempty"`
}

// Bar is a span of time in which a step waited for its answer.
type Bar struct {
	From   time.Time  `json:"from"`
	To     *time.Time `json:"to"` // null: it still waits
	State  string     `json:"state"`
	Undone *time.Time `json:"undone,omitempty"` // when its compensation was sent
}

// New makes the picture of an instance of a definition as of a moment.
func New(def workflow.Definition, i *workflow.Instance, now time.Time) *Timeline {
	t := &Timeline{
		Key: i.Key, Definition: i.Definition, Status: i.Status, Reason: i.Reason, Marks: i.Trail, Stuck: i.Stuck, Late: len(i.Late), now: now,
	}
	for _, s := range def.Steps {
		t.Rows = append(t.Rows, Row{Step: s.Name, State: i.Steps[s.Name], Takes: i.Moved[s.Name].Step})
	}
	for _, m := range i.Trail {
		if at := slices.IndexFunc(t.Rows, func(r Row) bool { return r.Step == m.Step }); at >= 0 {
			t.Rows[at].add(m)
		}
	}
	if t.Began = now; len(i.Trail) > 0 {
		t.Began = i.Trail[0].At
		if !workflow.Live(i.Status) {
			t.Ended = new(i.Trail[len(i.Trail)-1].At)
		}
	}
	return t
}

// add notes what happened to a step.
func (r *Row) add(m workflow.Mark) {
	last := len(r.Bars) - 1
	switch m.Was {
	case workflow.Sent, "retry":
		if last < 0 || r.Bars[last].To != nil {
			r.Bars = append(r.Bars, Bar{From: m.At, State: workflow.Sent})
		}
	case workflow.Undone:
		if last >= 0 {
			r.Bars[last].Undone = new(m.At)
		}
	default:
		if last < 0 || r.Bars[last].To != nil {
			r.Bars = append(r.Bars, Bar{From: m.At})
			last++
		}
		r.Bars[last].To, r.Bars[last].State = new(m.At), m.Was
	}
}

// end returns the right edge of the picture.
func (t *Timeline) end() time.Time {
	if t.Ended != nil {
		return *t.Ended
	}
	return t.now
}
