package cause

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/omninode-ai/omninode/internal/painted"
)

// Lines draws a tree.
func (t *Tree) Lines() []painted.Line {
	last := t.last()
	var rails []string            // by depth: what stands in front of what is below
	keys := map[int]string{0: ""} // by entry: the key that it and what is below it are about
	lines := make([]painted.Line, 0, len(t.Entries))
	for i, e := range t.Entries {
		rails = rails[:min(e.Depth, len(rails), maxIndent)]
		indent, branch := strings.Join(rails, ""), ""
		rail := ""
		if e.Depth > 0 {
			branch, rail = "├─ ", "│  "
			if last[i] {
				branch, rail = "└─ ", "   "
			}
		}
		if e.Depth > maxIndent {
			branch = fmt.Sprintf("%d levels deep: ", e.Depth)
		}
		rails = append(rails, rail)
		lines = append(lines, append(painted.Line{painted.Faint.Text(indent + branch)}, e.spans(keys[e.Parent])...))
		keys[e.ID] = cmp.Or(e.Key, keys[e.Parent])
	}
	return lines
}

// maxIndent is how deep entries are drawn below one another: a chain may be longer than any line.
const maxIndent = 40

// last says of each entry whether it is the last below its parent.
func (t *Tree) last() []bool {
	last, at := make([]bool, len(t.Entries)), map[int]int{}
	for i, e := range t.Entries {
		if before, ok := at[e.Parent]; ok {
			last[before] = false
		}
		last[i], at[e.Parent] = true, i
	}
	return last
}

// spans describes an entry below one that is about a key, which need not be said again.
func (e Entry) spans(key string) painted.Line {
	var l painted.Line
	if e.Asked {
		l = append(l, painted.Mark.Text("▶ "))
	}
	switch e.Kind {
	case Event, Command:
		l = append(l, e.message(key)...)
	case Missing:
		l = append(l, painted.Bad.Text("missing "), painted.Plain.Text(painted.Printable(e.EventID)), painted.Bad.Text("  "+e.Did))
	default:
		l = append(l, e.deed(key)...)
	}
	return l
}

// message describes an event: what, from whom, where, when, and its id.
func (e Entry) message(key string) painted.Line {
	l := painted.Line{painted.Title.Text(painted.Printable(e.Type)), painted.Plain.Text(" " + string(e.Kind) + " of " + painted.Printable(orNobody(e.Node)))}
	if e.Flow != nil && e.Flow.Step != "" {
		l = append(l, painted.Plain.Text(", step "+painted.Printable(e.Flow.Step)))
	}
	if e.Did != "" {
		l = append(l, painted.Wait.Text(", "+e.Did))
	}
	if e.Key != key {
		l = append(l, painted.Plain.Text(" for "+painted.Printable(e.Key)))
	}
	l = append(l, painted.Faint.Text("  "+e.where()+e.when()+painted.Printable(e.EventID)))
	if n := len(e.Again); n > 0 {
		l = append(l, painted.Wait.Text(fmt.Sprintf("  sent again %d×, e.g. at %s", n, e.Again[0])))
	}
	return l
}

func orNobody(node string) string {
	if node == "" {
		return "unknown sender"
	}
	return node
}

// String returns "<topic>/<partition>/<offset>".
func (p Place) String() string { return fmt.Sprintf("%s/%d/%d", p.Topic, p.Partition, p.Offset) }

func (e Entry) where() string {
	if e.Place == nil {
		return ""
	}
	return painted.Printable(e.Place.String()) + "  "
}

func (e Entry) when() string {
	if e.Time == nil {
		return ""
	}
	return e.Time.UTC().Format("15:04:05.000") + "  "
}

// deed describes what a node did with an event.
func (e Entry) deed(key string) painted.Line {
	tone := painted.Good
	switch e.Kind {
	case DeadLetter:
		tone = painted.Bad
	case Waiting, Replay, Timer:
		tone = painted.Wait
	case Skipped:
		tone = painted.Faint
	case Event, Command, Handled, Missing:
	}
	l := painted.Line{painted.Plain.Text(painted.Printable(e.Node) + " "), tone.Text(e.what(key))}
	return append(l, painted.Faint.Text(strings.TrimRight("  "+e.where()+e.when(), " ")))
}

func (e Entry) what(key string) string {
	switch {
	case e.Kind == Timer:
		return e.Did + ": " + painted.Printable(e.Type)
	case e.Letter != nil:
		return fmt.Sprintf("dead letter %s after %s: %s", painted.Printable(string(e.Letter.Class)), times(e.Letter.Attempts, "attempt"), painted.Printable(e.Letter.Error))
	case e.Parked != nil:
		return e.Did + e.Parked.String()
	case e.State != nil:
		return e.Did + e.State.text(key)
	}
	return painted.Printable(e.Did)
}

// text says in which state a key was left.
func (s StateChange) text(key string) string {
	text := ": version " + strconv.FormatInt(s.Version, 10)
	if s.Key != key {
		text = ": " + painted.Printable(s.Key) + " is version " + strconv.FormatInt(s.Version, 10)
	}
	if s.Machine != "" {
		text += ", " + painted.Printable(s.Machine)
	}
	if s.Current > s.Version {
		text += fmt.Sprintf(" (now %d)", s.Current)
	}
	return text
}

// String says why and for how long an event waits.
func (p ParkedDetail) String() string {
	text := fmt.Sprintf(", %s, %s", p.Reason, times(p.Attempts, "attempt"))
	if p.Next != nil {
		text += ", next " + p.Next.UTC().Format(time.RFC3339)
	}
	if p.Error != "" {
		text += ": " + painted.Printable(p.Error)
	}
	return text
}

func times(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
}
