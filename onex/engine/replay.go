package engine

import (
	"slices"
	"time"

	"github.com/omninode-ai/omninode/onex/event"
)

// The headers of a record on the topic of replays besides those of the record it was.
const (
	replayPrefix = "onex_replay_"

	ReplayTopic        = replayPrefix + "topic" // with partition and offset, where the record was first buried from
	ReplayPartition    = replayPrefix + "partition"
	ReplayOffset       = replayPrefix + "offset"
	ReplayFirstFailure = replayPrefix + "first_failure"
	ReplayCount        = replayPrefix + "count"  // of its replays, this one included
	ReplayLetter       = replayPrefix + "letter" // place of the dead letter: topic/partition/offset
	ReplayBy           = replayPrefix + "by"     // who asked for it
	ReplayTime         = replayPrefix + "time"
)

// Replay is what an item that is handled once more remembers.
type Replay struct {
	Count        int
	FirstFailure time.Time

	at int64 // its offset on the topic of replays
}

// Next returns the offset behind a fetched item, in the partition it was fetched from.
func (it Item) Next() int64 {
	if it.Replay != nil && it.Parked == nil {
		return it.Replay.at + 1
	}
	return it.Record.Offset + 1
}

// moves reports whether an item was fetched from the topic of replays and belongs to whoever has its
// original partition, who alone handles records of its key.
func (it Item) moves() bool { return it.Replay != nil && it.Parked == nil }

// openReplay decodes a record of the topic of replays as the record it was when it was first fetched.
func (c *Core) openReplay(r Record) Item {
	p, home, err := unwrap(r)
	if err != nil {
		return Item{
			Record: r, Attempt: 1, Replay: &Replay{at: r.Offset},
			fault: faultf(Malformed, "no record to handle once more: %w; use omninode dlq replay", err),
		}
	}
	it := c.decode(home)
	it.Replay = p
	return it
}

// unwrap returns the record that is replayed, where it was when it was first fetched. Its headers tell
// of the replay until it is settled.
func unwrap(r Record) (*Replay, Record, error) {
	h := &reading{headers: map[string]string{}}
	for _, header := range r.Headers {
		h.headers[header.Key] = string(header.Value)
	}
	p := &Replay{Count: int(h.number(ReplayCount, 32)), FirstFailure: h.time(ReplayFirstFailure), at: r.Offset}
	r.Topic, r.Partition, r.Offset = h.headers[ReplayTopic], int32(h.number(ReplayPartition, 32)), h.number(ReplayOffset, 64)
	h.fail(ReplayTopic, r.Topic != "", "is missing")
	return p, r, h.err
}

func headerOf(headers []event.Header, key string) string {
	for _, h := range headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// plain returns headers without those that only dead letters and replays have: whoever sends them with
// a record tells stories.
func plain(headers []event.Header) []event.Header {
	told := func(h event.Header) bool { return reserved(h.Key) }
	if !slices.ContainsFunc(headers, told) {
		return headers
	}
	return slices.DeleteFunc(slices.Clone(headers), told)
}
