package engine

import (
	"strconv"
	"strings"
	"time"

	"github.com/omninode-ai/omninode/onex/event"
)

// The headers a dead letter has besides those of the record it was.
const (
	dlqPrefix = "onex_dlq_"

	HeaderTopic     = dlqPrefix + "topic"
	HeaderPartition = dlqPrefix + "partition"
	HeaderOffset    = dlqPrefix + "offset"
	HeaderNode      = dlqPrefix + "node"
	HeaderClass     = dlqPrefix + "class"
	HeaderError     = dlqPrefix + "error"
	HeaderAttempts  = dlqPrefix + "attempts"
	HeaderTime      = dlqPrefix + "time"
	HeaderCut       = dlqPrefix + "cut" // "true" if the record was too large to be kept whole
)

const (
	maxErrorText = 1 << 10

	// What is kept of a record: all of every envelope that Decode accepts.
	headerOverhead = 8
	maxRemains     = event.MaxDataBytes + event.MaxHeaderBytes + event.MaxHeaders*headerOverhead + event.MaxAttribute
)

// bury dead-letters an item: its record as it was, and headers that say where it came from and why
// it could not be handled. It leaves no inbox row, so that a replay is not taken for a duplicate.
func (c *Core) bury(it Item, f *fault, attempts int, now time.Time) Commit {
	r, cut := remains(it.Record)
	headers := make([]event.Header, 0, len(r.Headers)+9)
	for _, h := range r.Headers {
		if !strings.HasPrefix(h.Key, dlqPrefix) { // of an earlier burial
			headers = append(headers, h)
		}
	}
	add := func(key, value string) {
		headers = append(headers, event.Header{Key: key, Value: []byte(value)})
	}
	add(HeaderTopic, r.Topic)
	add(HeaderPartition, strconv.FormatInt(int64(r.Partition), 10))
	add(HeaderOffset, strconv.FormatInt(r.Offset, 10))
	add(HeaderNode, c.cfg.Node)
	add(HeaderClass, string(f.class))
	add(HeaderError, ErrorText(f.err))
	add(HeaderAttempts, strconv.Itoa(attempts))
	add(HeaderTime, now.UTC().Format(time.RFC3339Nano))
	if cut {
		add(HeaderCut, "true")
	}
	out := Outgoing{Topic: c.deadLetterTopic(r.Topic), Key: r.Key, Headers: headers, Value: r.Value}
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

// deadLetterTopic derives the topic from where the record was found, not from what it says it is.
func (c *Core) deadLetterTopic(topic string) string {
	if s, ok := c.sources[topic]; ok {
		return event.DeadLetterTopic(c.cfg.Node, s.typ).String()
	}
	return event.DeadLetterTopic(c.cfg.Node, event.Ref{Node: c.cfg.Node, Name: "unknown", Version: 1}).String()
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
