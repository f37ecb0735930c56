package engine

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/omninode-ai/omninode/onex/event"
)

// The headers a dead letter has besides those of the record it was. docs/dead-letters.md says what
// each is for. Of a record that was replayed, origin and first failure are those of its first burial.
const (
	dlqPrefix = "onex_dlq_"

	HeaderTopic        = dlqPrefix + "topic"
	HeaderPartition    = dlqPrefix + "partition"
	HeaderOffset       = dlqPrefix + "offset"
	HeaderNode         = dlqPrefix + "node"
	HeaderByVersion    = dlqPrefix + "version"  // of the node
	HeaderByInstance   = dlqPrefix + "instance" // of the node
	HeaderClass        = dlqPrefix + "class"
	HeaderError        = dlqPrefix + "error"
	HeaderAttempts     = dlqPrefix + "attempts" // calls of the handler since it was fetched, or replayed, last
	HeaderFirstFailure = dlqPrefix + "first_failure"
	HeaderTime         = dlqPrefix + "time"
	HeaderReplays      = dlqPrefix + "replays"
	HeaderEnvelope     = dlqPrefix + "envelope" // an EnvelopeState
	HeaderEventID      = dlqPrefix + "event_id"
	HeaderEventType    = dlqPrefix + "event_type"
	HeaderCorrelation  = dlqPrefix + "correlation_id"
	HeaderCausation    = dlqPrefix + "causation_id"
	HeaderCut          = dlqPrefix + "cut" // "true" if the record was too large to be kept whole
)

// EnvelopeState says how much of a dead letter's envelope could be read.
type EnvelopeState string

// The states of an envelope.
const (
	EnvelopeRead   EnvelopeState = "read"
	EnvelopePartly EnvelopeState = "partly" // at least one of id, type, correlation and causation
	EnvelopeUnread EnvelopeState = "unread"
)

const (
	maxErrorText = 1 << 10
	maxCopied    = 256 // bytes of an attribute that is copied to a header of ours

	// What is kept of a record: all of every envelope that Decode accepts.
	headerOverhead = 8
	maxRemains     = event.MaxDataBytes + event.MaxHeaderBytes + event.MaxHeaders*headerOverhead + event.MaxAttribute
)

// bury dead-letters an item: its record as it was, and headers that say where it came from and why
// it could not be handled. It leaves no inbox row, so that a replay is not taken for a duplicate.
func (c *Core) bury(it Item, f *fault, attempts int, now time.Time) Commit {
	r, cut := remains(it.Record)
	s := &story{headers: make([]event.Header, 0, len(r.Headers)+20)}
	for _, h := range r.Headers {
		if !reserved(h.Key) { // of an earlier burial
			s.headers = append(s.headers, h)
		}
	}
	first, replays := failedSince(it, now), 0
	if p := it.Replay; p != nil && p.Count > 0 {
		first, replays = p.FirstFailure, p.Count
	}
	s.add(HeaderTopic, r.Topic)
	s.add(HeaderPartition, strconv.FormatInt(int64(r.Partition), 10))
	s.add(HeaderOffset, strconv.FormatInt(r.Offset, 10))
	s.add(HeaderNode, c.cfg.Node)
	s.add(HeaderByVersion, c.cfg.Version)
	s.add(HeaderByInstance, c.cfg.Instance)
	s.add(HeaderClass, string(f.class))
	s.add(HeaderError, ErrorText(f.err))
	s.add(HeaderAttempts, strconv.Itoa(attempts))
	s.add(HeaderFirstFailure, stamp(first))
	s.add(HeaderTime, stamp(now))
	s.add(HeaderReplays, strconv.Itoa(replays))
	s.copyEnvelope(it)
	if cut {
		s.add(HeaderCut, "true")
	}
	out := Outgoing{Topic: c.deadLetterTopic(r.Topic), Key: r.Key, Headers: s.headers, Value: r.Value}
	return Commit{Item: it, Result: DeadLettered, Class: f.class, Err: f.err, Outbox: []Outgoing{out}}
}

// Skip gives a parked record up for a person, who says why: it becomes a dead letter, and the records
// behind it go on.
func (c *Core) Skip(p Parked, why string, now time.Time) Commit {
	f := faultf(Skipped, "skipped by a person")
	if why != "" {
		f = faultf(Skipped, "skipped by a person: %s", why)
	}
	return c.bury(c.Reopen(p), f, p.Attempts, now)
}

// story collects the headers of a dead letter.
type story struct{ headers []event.Header }

// add adds a header unless there is nothing to say.
func (s *story) add(key, value string) {
	if value != "" {
		s.headers = append(s.headers, event.Header{Key: key, Value: []byte(value)})
	}
}

// copyEnvelope adds what places the record in its causal chain: also of one whose envelope was not
// accepted, or whose headers are cut off.
func (s *story) copyEnvelope(it Item) {
	state, before := EnvelopeUnread, len(s.headers)
	s.add(HeaderEventID, attribute(it.Record.Headers, "ce_id"))
	s.add(HeaderEventType, attribute(it.Record.Headers, "ce_type"))
	s.add(HeaderCorrelation, attribute(it.Record.Headers, "ce_correlationid"))
	s.add(HeaderCausation, attribute(it.Record.Headers, "ce_causationid"))
	switch {
	case it.decoded:
		state = EnvelopeRead
	case len(s.headers) > before:
		state = EnvelopePartly
	}
	s.add(HeaderEnvelope, string(state))
}

// attribute returns the first header of a name if it is readable text of a sensible length.
func attribute(headers []event.Header, key string) string {
	for _, h := range headers {
		if h.Key != key {
			continue
		}
		if len(h.Value) > maxCopied || !utf8.Valid(h.Value) || strings.ContainsFunc(string(h.Value), unicode.IsControl) {
			return ""
		}
		return string(h.Value)
	}
	return ""
}

func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }

// reserved reports whether a header is one that only dead letters and their replays have.
func reserved(key string) bool {
	return strings.HasPrefix(key, dlqPrefix) || strings.HasPrefix(key, replayPrefix)
}

// remains returns what a dead letter keeps of a record. One that is larger than every envelope may be
// larger, with its story, than what the broker takes: it is cut, since its partition would otherwise
// wait for it forever. Topic and offset say where all of it is.
func remains(r Record) (kept Record, cut bool) {
	size := len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		size += len(h.Key) + len(h.Value) + headerOverhead
	}
	if size <= maxRemains {
		return r, false
	}
	r.Headers = nil
	r.Key = r.Key[:min(len(r.Key), event.MaxAttribute)]
	r.Value = r.Value[:min(len(r.Value), event.MaxDataBytes)]
	return r, true
}

// deadLetterTopic derives the topic from where the record was found, not from what it says it is. What
// does not belong on the topic of replays goes to the dead letters of the node's first input.
func (c *Core) deadLetterTopic(topic string) string {
	s, ok := c.sources[topic]
	if !ok {
		return event.DeadLetterTopic(c.cfg.Node, c.cfg.Inputs[0].Type).String()
	}
	return event.DeadLetterTopic(c.cfg.Node, s.typ).String()
}

// ErrorText returns an error as text that every store and header takes: valid UTF-8 without NUL, at
// most about 1 KiB.
func ErrorText(err error) string {
	s := strings.ReplaceAll(strings.ToValidUTF8(err.Error(), "?"), "\x00", "?")
	if len(s) > maxErrorText {
		s = strings.ToValidUTF8(s[:maxErrorText], "") + "…"
	}
	return s
}

// WithoutPayload returns dead letters that the broker does not take because of their size, shortened
// to where they came from and why.
func WithoutPayload(letters []Outgoing) []Outgoing {
	short := make([]Outgoing, 0, len(letters))
	for _, l := range letters {
		var headers []event.Header
		for _, h := range l.Headers {
			if strings.HasPrefix(h.Key, dlqPrefix) && h.Key != HeaderCut {
				headers = append(headers, h)
			}
		}
		headers = append(headers, event.Header{Key: HeaderCut, Value: []byte("true")})
		short = append(short, Outgoing{Topic: l.Topic, Key: l.Key, Headers: headers})
	}
	return short
}
