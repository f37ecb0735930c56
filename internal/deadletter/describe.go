package deadletter

import (
	"strings"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// Input returns the type of message that the letter's topic carries: what the record was taken for.
func (l Letter) Input() string {
	if t, err := event.ParseTopic(l.Origin.Topic); err == nil && t.Class != event.Replay {
		return t.Ref.String()
	}
	return l.Origin.Topic
}

// Line returns the error in one line of at most n characters.
func (l Letter) Line(n int) string {
	text := []rune(strings.Join(strings.Fields(l.Error), " "))
	if len(text) > n {
		return string(text[:n-1]) + "…"
	}
	return string(text)
}

// Next says what a person may do about a letter.
func (l Letter) Next() string {
	replay := "omninode dlq replay " + l.Node + " " + l.ID
	drop := "omninode dlq drop " + l.Node + " " + l.ID + " --reason …"
	switch {
	case l.Status == Replayed:
		return "nothing: it was replayed; if it failed again there is a later letter"
	case l.Status == Dropped:
		return "nothing: it was dropped"
	case l.Cut:
		return "have its producer send less, then: " + drop
	}
	switch l.Class {
	case engine.Malformed, engine.Incomplete, engine.Tombstone, engine.TooLarge, engine.HeaderLimit, engine.WrongType, engine.WrongVersion:
		return "the record itself is bad and would be refused again: mend its producer and have it send anew, then: " + drop
	case engine.Future:
		return "mend the clock of its producer; once its time has come: " + replay
	case engine.Invalid:
		return "if the contract is wrong, mend it and deploy, then: " + replay + "; if the payload is: " + drop
	case engine.IllegalTransition, engine.Timeout:
		return "see in which state the key is; if it takes the input by now: " + replay
	case engine.Unexpected:
		return "see who answered, and why twice (omninode why), then: " + drop
	case engine.PermanentFailure, engine.Exhausted, engine.Skipped:
		return "mend what the error says, then: " + replay
	}
	return replay
}
