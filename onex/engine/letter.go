package engine

import (
	"fmt"
	"strconv"
	"time"

	"github.com/omninode-ai/omninode/onex/event"
)

// Place is where a record is in a cluster.
type Place struct {
	Topic     string
	Partition int32
	Offset    int64
}

// String returns "<topic>/<partition>/<offset>".
func (p Place) String() string { return fmt.Sprintf("%s/%d/%d", p.Topic, p.Partition, p.Offset) }

// Place returns where the record is.
func (r Record) Place() Place { return Place{r.Topic, r.Partition, r.Offset} }

// Letter is a dead letter as it is read from its topic: what its headers tell of a record.
type Letter struct {
	Record Record // of the dead letter, with all its headers

	Origin        Place // where the record was first fetched
	Node          string
	Version       string // of the node
	Instance      string // of the node
	Class         Class
	Error         string
	Attempts      int
	FirstFailure  time.Time
	Time          time.Time // of this burial
	Replays       int       // before this burial
	Envelope      EnvelopeState
	EventID       string // with the next three, as far as they could be read
	EventType     string
	CorrelationID string
	CausationID   string
	Cut           bool // the record was too large to be kept whole
}

// ReadLetter reads a record of a topic of dead letters. The error names the header that is not as Core
// writes it; a header that an earlier version of the runtime did not write may be missing.
func ReadLetter(r Record) (Letter, error) {
	h := &reading{headers: map[string]string{}}
	for _, header := range r.Headers {
		h.headers[header.Key] = string(header.Value)
	}
	l := Letter{
		Record: r,
		Origin: Place{h.headers[HeaderTopic], int32(h.number(HeaderPartition, 32)), h.number(HeaderOffset, 64)},
		Node:   h.headers[HeaderNode], Version: h.headers[HeaderByVersion], Instance: h.headers[HeaderByInstance],
		Class: Class(h.headers[HeaderClass]), Error: h.headers[HeaderError],
		Attempts: int(h.number(HeaderAttempts, 32)), Time: h.time(HeaderTime),
		Envelope: EnvelopeState(h.headers[HeaderEnvelope]),
		EventID:  h.headers[HeaderEventID], EventType: h.headers[HeaderEventType],
		CorrelationID: h.headers[HeaderCorrelation], CausationID: h.headers[HeaderCausation],
		Cut: h.headers[HeaderCut] == "true",
	}
	l.FirstFailure = l.Time
	if h.headers[HeaderFirstFailure] != "" {
		l.FirstFailure = h.time(HeaderFirstFailure)
	}
	if h.headers[HeaderReplays] != "" {
		l.Replays = int(h.number(HeaderReplays, 32))
	}
	return l, h.err
}

// reading reads headers and keeps the first error.
type reading struct {
	headers map[string]string
	err     error
}

func (h *reading) number(key string, bits int) int64 {
	n, err := strconv.ParseInt(h.headers[key], 10, bits)
	h.fail(key, err == nil && n >= 0, "is no number")
	return n
}

func (h *reading) time(key string) time.Time {
	at, err := time.Parse(time.RFC3339Nano, h.headers[key])
	h.fail(key, err == nil, "is no time")
	return at
}

func (h *reading) fail(key string, good bool, says string) {
	if !good && h.err == nil {
		h.err = fmt.Errorf("header %s %s: %q", key, says, h.headers[key])
	}
}

// Original returns the record as it was when it was first fetched, as far as it was kept.
func (l Letter) Original() Record {
	r := l.Record
	r.Topic, r.Partition, r.Offset = l.Origin.Topic, l.Origin.Partition, l.Origin.Offset
	r.Headers = plain(r.Headers)
	return r
}

// Replay returns the record that makes the letter's node handle it once more. It is of no use for a
// letter that was cut.
func (l Letter) Replay(by string, now time.Time) Outgoing {
	r := l.Original()
	s := &story{headers: append(make([]event.Header, 0, len(r.Headers)+8), r.Headers...)}
	s.add(ReplayTopic, r.Topic)
	s.add(ReplayPartition, strconv.FormatInt(int64(r.Partition), 10))
	s.add(ReplayOffset, strconv.FormatInt(r.Offset, 10))
	s.add(ReplayFirstFailure, stamp(l.FirstFailure))
	s.add(ReplayCount, strconv.Itoa(l.Replays+1))
	s.add(ReplayLetter, l.Record.Place().String())
	s.add(ReplayBy, by)
	s.add(ReplayTime, stamp(now))
	return Outgoing{Topic: event.ReplayTopic(l.Node).String(), Key: r.Key, Headers: s.headers, Value: r.Value}
}
