package timeline

import (
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/omninode-ai/omninode/internal/painted"
	"github.com/omninode-ai/omninode/onex/workflow"
)

// cells is how wide the drawn time is.
const cells = 48

// Lines draws the timeline.
func (t *Timeline) Lines() []painted.Line {
	lines := t.head()
	width := t.label()
	if len(t.Rows) > 0 {
		span := short(t.end().Sub(t.Began))
		lines = append(lines, painted.Line{painted.Faint.Text(fmt.Sprintf("%-*s  0s%*s", width, "", cells-2, span))})
	}
	for _, r := range t.Rows {
		l := painted.Line{painted.Plain.Text(fmt.Sprintf("%-*s  ", width, r.name()))}
		l = append(l, t.bars(r)...)
		lines = append(lines, append(l, painted.Plain.Text("  "), r.tone().Text(t.says(r))))
	}
	return append(lines, t.foot()...)
}

func (t *Timeline) head() []painted.Line {
	status := painted.Line{
		painted.Title.Text(painted.Printable(t.Key)), painted.Plain.Text(" is "), tone(t.Status).Text(t.Status),
		painted.Faint.Text("  since " + t.Began.Format(time.RFC3339)),
	}
	if t.Definition != "" {
		status = append(status, painted.Faint.Text(", definition "+workflow.Short(t.Definition)))
	}
	lines := []painted.Line{status}
	if t.Reason != "" {
		lines = append(lines, painted.Line{painted.Bad.Text("because " + painted.Printable(t.Reason))})
	}
	return append(lines, nil)
}

func (t *Timeline) foot() []painted.Line {
	var lines []painted.Line
	if s := t.Stuck; s != nil {
		what := "the command of step " + s.Step
		switch {
		case s.Step == workflow.Tell:
			what = "the event that tells how it ended"
		case s.Undo:
			what = "what undoes step " + s.Step
		}
		lines = append(lines, nil, painted.Line{painted.Bad.Text(fmt.Sprintf("stuck: %s could not be built, tried %d times since %s: %s",
			what, s.Attempts, s.Since.Format(time.RFC3339), painted.Printable(s.Error)))})
	}
	if t.Late > 0 {
		lines = append(lines, nil, painted.Line{painted.Wait.Text(fmt.Sprintf("answers that came after the end: %d", t.Late))})
	}
	return lines
}

// label returns how wide the names of steps are.
func (t *Timeline) label() int {
	widest := 0
	for _, r := range t.Rows {
		widest = max(widest, utf8.RuneCountInString(r.name()))
	}
	return widest
}

func (r Row) name() string {
	if r.Takes != "" && r.Takes != r.Step {
		return r.Step + " as " + r.Takes
	}
	return r.Step
}

// bars draws the bars of one row, cell by cell.
func (t *Timeline) bars(r Row) painted.Line {
	row := make([]painted.Span, cells)
	for i := range row {
		row[i] = painted.Plain.Text(" ")
	}
	for _, b := range r.Bars {
		glyph, to := "█", t.end()
		if b.To == nil {
			glyph = "░"
		} else {
			to = *b.To
		}
		for i := t.cell(b.From); i <= t.cell(to); i++ {
			row[i] = tone(b.State).Text(glyph)
		}
		if b.Undone != nil {
			row[t.cell(*b.Undone)] = painted.Mark.Text("◂")
		}
	}
	return join(row)
}

// join puts neighbours of one tone together.
func join(row []painted.Span) painted.Line {
	var l painted.Line
	for _, s := range row {
		if n := len(l); n > 0 && l[n-1].Tone == s.Tone {
			l[n-1].Text += s.Text
			continue
		}
		l = append(l, s)
	}
	return l
}

// cell returns where a moment is drawn.
func (t *Timeline) cell(at time.Time) int { return min(int(t.share(at)*cells), cells-1) }

// share returns how much of the picture's time has passed at a moment.
func (t *Timeline) share(at time.Time) float64 {
	whole := t.end().Sub(t.Began)
	if whole <= 0 {
		return 0
	}
	return min(max(float64(at.Sub(t.Began))/float64(whole), 0), 1)
}

// says tells in words what a step is doing.
func (t *Timeline) says(r Row) string {
	if len(r.Bars) == 0 {
		if r.State == "" {
			return "not begun"
		}
		return r.State
	}
	b := r.Bars[len(r.Bars)-1]
	if b.To == nil {
		return "waits, for " + short(t.now.Sub(b.From))
	}
	text := b.State + " after " + short(b.To.Sub(b.From))
	if b.Undone != nil {
		text += ", undone " + short(b.Undone.Sub(*b.To)) + " later"
	}
	return text
}

func (r Row) tone() painted.Tone { return tone(r.State) }

// tone returns how a state or a status looks.
func tone(state string) painted.Tone {
	switch state {
	case workflow.Succeeded, workflow.Completed:
		return painted.Good
	case workflow.StepFailed, workflow.Halted: // and workflow.Failed, which is the same word
		return painted.Bad
	case workflow.Sent, workflow.Early, workflow.Running, workflow.Undoing:
		return painted.Wait
	case workflow.Undone, workflow.Cancelled:
		return painted.Mark
	}
	return painted.Faint
}

// short shows a duration in three digits or so.
func short(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
