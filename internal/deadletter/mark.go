package deadletter

import (
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// The headers of a mark. Its key is that of the letter, its value is empty.
const (
	markPrefix = "onex_mark_"

	headerStatus = markPrefix + "status"
	headerLetter = markPrefix + "letter" // place of the letter: topic/partition/offset
	headerBy     = markPrefix + "by"
	headerReason = markPrefix + "reason"
	headerTime   = markPrefix + "time"
)

// Mark says what was done with a letter, by whom and why.
type Mark struct {
	Status Status
	Letter string // its place
	By     string
	Reason string
	Time   time.Time
}

func readMark(r engine.Record) (m Mark, ok bool) {
	for _, h := range r.Headers {
		value := string(h.Value)
		switch h.Key {
		case headerStatus:
			m.Status, ok = Status(value), true
		case headerLetter:
			m.Letter = value
		case headerBy:
			m.By = value
		case headerReason:
			m.Reason = value
		case headerTime:
			m.Time, _ = time.Parse(time.RFC3339Nano, value)
		}
	}
	return m, ok
}

// record returns the mark for the topic of its letter.
func (m Mark) record(l Letter) engine.Outgoing {
	out := engine.Outgoing{Topic: l.Record.Topic, Key: l.Record.Key}
	for _, h := range [][2]string{
		{headerStatus, string(m.Status)},
		{headerLetter, m.Letter},
		{headerBy, m.By},
		{headerReason, m.Reason},
		{headerTime, m.Time.UTC().Format(time.RFC3339Nano)},
	} {
		if h[1] != "" {
			out.Headers = append(out.Headers, event.Header{Key: h[0], Value: []byte(h[1])})
		}
	}
	return out
}
