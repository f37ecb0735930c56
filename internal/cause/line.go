package cause

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Tone says how a piece of a line looks.
type Tone string

// The tones.
const (
	Plain Tone = ""
	Faint Tone = "faint" // lines between entries, places, ids
	Title Tone = "title" // what was sent
	Good  Tone = "good"  // what worked
	Bad   Tone = "bad"   // what failed, or is missing
	Wait  Tone = "wait"  // what waits
	Mark  Tone = "mark"  // what was asked for
)

// Span is a piece of a line.
type Span struct {
	Tone Tone
	Text string
}

// Line is one line of a drawn tree.
type Line []Span

// String returns a line without its looks.
func (l Line) String() string {
	var b strings.Builder
	for _, s := range l {
		b.WriteString(s.Text)
	}
	return b.String()
}

// Lines draws a tree.
func (t *Tree) Lines() []Line {
	last := t.last()
	var rails []string            // by depth: what stands in front of what is below
	keys := map[int]string{0: ""} // by entry: the key that it and what is below it are about
	lines := make([]Line, 0, len(t.Entries))
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
		lines = append(lines, append(Line{{Faint, indent + branch}}, e.spans(keys[e.Parent])...))
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
func (e Entry) spans(key string) Line {
	var l Line
	if e.Asked {
		l = append(l, Span{Mark, "▶ "})
	}
	switch e.Kind {
	case Event, Command:
		l = append(l, e.message(key)...)
	case Missing:
		l = append(l, Span{Bad, "missing "}, Span{Plain, printable(e.EventID)}, Span{Bad, "  " + e.Did})
	default:
		l = append(l, e.deed(key)...)
	}
	return l
}

// message describes an event: what, from whom, where, when, and its id.
func (e Entry) message(key string) Line {
	l := Line{{Title, printable(e.Type)}, {Plain, " " + string(e.Kind) + " of " + printable(orNobody(e.Node))}}
	if e.Flow != nil && e.Flow.Step != "" {
		l = append(l, Span{Plain, ", step " + printable(e.Flow.Step)})
	}
	if e.Did != "" {
		l = append(l, Span{Wait, ", " + e.Did})
	}
	if e.Key != key {
		l = append(l, Span{Plain, " for " + printable(e.Key)})
	}
	l = append(l, Span{Faint, "  " + e.where() + e.when() + printable(e.EventID)})
	if n := len(e.Again); n > 0 {
		l = append(l, Span{Wait, fmt.Sprintf("  sent again %d×, e.g. at %s", n, e.Again[0])})
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
	return printable(e.Place.String()) + "  "
}

func (e Entry) when() string {
	if e.Time == nil {
		return ""
	}
	return e.Time.UTC().Format("15:04:05.000") + "  "
}

// deed describes what a node did with an event.
func (e Entry) deed(key string) Line {
	tone := Good
	switch e.Kind {
	case DeadLetter:
		tone = Bad
	case Waiting, Replay, Timer:
		tone = Wait
	case Skipped:
		tone = Faint
	case Event, Command, Handled, Missing:
	}
	l := Line{{Plain, printable(e.Node) + " "}, {tone, e.what(key)}}
	return append(l, Span{Faint, strings.TrimRight("  "+e.where()+e.when(), " ")})
}

func (e Entry) what(key string) string {
	switch {
	case e.Kind == Timer:
		return e.Did + ": " + printable(e.Type)
	case e.Letter != nil:
		return fmt.Sprintf("dead letter %s after %s: %s", printable(string(e.Letter.Class)), times(e.Letter.Attempts, "attempt"), printable(e.Letter.Error))
	case e.Parked != nil:
		return e.Did + e.Parked.String()
	case e.State != nil:
		return e.Did + e.State.text(key)
	}
	return printable(e.Did)
}

// text says in which state a key was left.
func (s StateChange) text(key string) string {
	text := ": version " + strconv.FormatInt(s.Version, 10)
	if s.Key != key {
		text = ": " + printable(s.Key) + " is version " + strconv.FormatInt(s.Version, 10)
	}
	if s.Machine != "" {
		text += ", " + printable(s.Machine)
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
		text += ": " + printable(p.Error)
	}
	return text
}

func times(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
}

const maxText = 200

// printable shows what others wrote: on one line, without control characters, and not too much of it.
func printable(s string) string {
	text := []rune(strings.ToValidUTF8(s, "?"))
	cut := len(text) > maxText
	text = text[:min(len(text), maxText)]
	for i, r := range text {
		if !unicode.IsPrint(r) {
			text[i] = ' '
		}
	}
	if cut {
		return string(text) + "…"
	}
	return string(text)
}
