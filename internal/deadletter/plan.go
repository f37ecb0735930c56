package deadletter

import (
	"fmt"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
)

// MaxReplays is how often a record is replayed unless somebody insists: one that fails each time keeps
// its node busy and the letters growing, and hides what is new.
const MaxReplays = 3

// Refusal is a letter that is not replayed or dropped.
type Refusal struct {
	Letter Letter
	Why    string
}

// Plan is what is to be done with letters.
type Plan struct {
	Do      []Letter // oldest first
	Refused []Refusal
}

// Rules say what is allowed.
type Rules struct {
	Force      bool           // also replay what was replayed MaxReplays times
	Partitions map[string]int // of topics that exist
}

// PlanReplay decides which of some letters are replayed. Never twice: not one that was sent back before,
// and of several letters of one record only the last.
func (b *Box) PlanReplay(letters []Letter, r Rules) Plan {
	last := map[engine.Place]string{} // the last letter of a record, by its origin
	for _, l := range b.Letters {
		last[l.Origin] = l.ID
	}
	var p Plan
	for _, l := range letters {
		if why := refusal(l, r, last[l.Origin]); why != "" {
			p.Refused = append(p.Refused, Refusal{l, why})
			continue
		}
		p.Do = append(p.Do, l)
	}
	return p
}

func refusal(l Letter, r Rules, last string) string {
	switch n, exists := r.Partitions[l.Origin.Topic]; {
	case l.Status == Dropped:
		return "it was dropped " + l.Mark.said()
	case l.Status == Replayed:
		return "it was replayed " + l.Mark.said() + "; if it failed again there is a later letter"
	case last != l.ID:
		return "the same record was buried again later: " + last
	case l.Cut:
		return fmt.Sprintf("it is larger than any envelope that a node takes, and was not kept whole: all of it is at %s", l.Origin)
	case l.Replays >= MaxReplays && !r.Force:
		return fmt.Sprintf("it was replayed %d times and failed each time: mend the cause, then --force", l.Replays)
	case !exists:
		return "its topic does not exist any more: " + l.Origin.Topic
	case int(l.Origin.Partition) >= n:
		return fmt.Sprintf("its partition does not exist any more: %s has %d", l.Origin.Topic, n)
	}
	return ""
}

// PlanDrop decides which of some letters are dropped.
func PlanDrop(letters []Letter) Plan {
	var p Plan
	for _, l := range letters {
		if l.Status != Open {
			p.Refused = append(p.Refused, Refusal{l, "it was " + string(l.Status) + " " + l.Mark.said()})
			continue
		}
		p.Do = append(p.Do, l)
	}
	return p
}

func (m Mark) said() string {
	text := m.Time.UTC().Format(time.RFC3339)
	if m.By != "" {
		text += " by " + m.By
	}
	if m.Reason != "" {
		text += ": " + m.Reason
	}
	return text
}

// Sent is a record to be sent, with the partition it is for; -1 is the one its key belongs to.
type Sent struct {
	Record    engine.Outgoing
	Partition int32
}

// Replay returns the records that send a letter back, all of which are to be sent or none.
func Replay(l Letter, by string, now time.Time) []Sent {
	m := Mark{Status: Replayed, Letter: l.Record.Place().String(), By: by, Time: now}
	return []Sent{{l.Replay(by, now), -1}, {m.record(l), l.Record.Partition}}
}

// Drop returns the record that drops a letter.
func Drop(l Letter, by, reason string, now time.Time) []Sent {
	m := Mark{Status: Dropped, Letter: l.Record.Place().String(), By: by, Reason: reason, Time: now}
	return []Sent{{m.record(l), l.Record.Partition}}
}
