package engine

import (
	"strconv"

	"github.com/omninode-ai/omninode/onex/event"
)

// The headers of a snapshot: a record with the key and the state of a reducer, as it is stored.
const (
	HeaderVersion     = "onex_snapshot_version" // of the key's state: 1, 2, …
	HeaderMachine     = "onex_snapshot_machine" // state of the machine
	HeaderCause       = "onex_snapshot_cause"   // id of the event that led to it
	HeaderNodeVersion = "onex_snapshot_node_version"
)

// snapshot returns the record of a state that it leads to.
func (c *Core) snapshot(it Item, w StateWrite) *Outgoing {
	header := func(key, value string) event.Header { return event.Header{Key: key, Value: []byte(value)} }
	data := w.Data
	if data == nil {
		data = []byte{} // no value would delete the key
	}
	return &Outgoing{Topic: event.SnapshotTopic(c.cfg.Node).String(), Key: w.Key, Value: data, Headers: []event.Header{
		header(HeaderVersion, strconv.FormatInt(w.Expect+1, 10)), header(HeaderMachine, w.Machine),
		header(HeaderCause, it.Event.ID), header(HeaderNodeVersion, c.cfg.Version),
	}}
}

// Sends returns what the outbox gets from some commits, in order: all of their messages, and of the
// snapshots of each key the last.
func Sends(commits []Commit) []Outgoing {
	last := map[string]int{}
	for i, c := range commits {
		if c.State != nil && c.State.Snapshot != nil {
			last[c.State.Key] = i
		}
	}
	var out []Outgoing
	for i, c := range commits {
		out = append(out, c.Outbox...)
		if c.State != nil && c.State.Snapshot != nil && last[c.State.Key] == i {
			out = append(out, *c.State.Snapshot)
		}
	}
	return out
}

// Sends reports whether the outbox gets something from the commit.
func (c Commit) Sends() bool { return len(c.Outbox) > 0 || c.State != nil && c.State.Snapshot != nil }
