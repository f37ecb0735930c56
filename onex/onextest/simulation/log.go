package simulation

import (
	"hash/fnv"

	"github.com/omninode-ai/omninode/onex/engine"
)

// place is a partition of a topic.
type place struct {
	topic  string
	number int32
}

// transaction is one of the broker's.
type transaction struct {
	state   txState
	process *process
	offsets map[place]int64 // that it moves the group to
	wrote   []place         // of each record
}

type txState int

const (
	txOpen txState = iota
	txCommitted
	txAborted
)

// entry is a record of the log.
type entry struct {
	record engine.Record
	tx     *transaction // nil: written without one
}

// log is the broker: partitions of records, some of which belong to transactions.
type log struct {
	partitions int
	entries    map[place][]entry
	watched    map[string]int                // by topic, how many nodes read it
	count      int                           // of records of watched topics
	unsettled  int                           // how often one of them is still to be settled
	first      map[engine.Aggregate][]string // at the end: what came, once each
	dirty      bool                          // reads what is not committed: a planted bug
}

func newLog(partitions int, dirty bool) *log {
	return &log{partitions: partitions, entries: map[place][]entry{}, watched: map[string]int{}, dirty: dirty}
}

// append adds a record to the partition its key belongs to.
func (l *log) append(out engine.Outgoing, tx *transaction) engine.Record {
	h := fnv.New32a()
	_, _ = h.Write([]byte(out.Key))
	p := place{out.Topic, int32(h.Sum32() % uint32(l.partitions))}
	r := engine.Record{
		Topic: out.Topic, Partition: p.number, Offset: int64(len(l.entries[p])), Key: out.Key, Headers: out.Headers, Value: out.Value,
	}
	l.entries[p] = append(l.entries[p], entry{r, tx})
	if tx != nil {
		tx.wrote = append(tx.wrote, p)
	}
	if readers := l.watched[out.Topic]; readers > 0 {
		l.count++
		l.unsettled += readers
	}
	return r
}

// readable reports whether there is something to read from an offset on.
func (l *log) readable(p place, from int64) bool {
	for _, e := range l.entries[p][min(from, int64(len(l.entries[p]))):] {
		switch {
		case e.tx == nil || e.tx.state == txCommitted || l.dirty:
			return true
		case e.tx.state == txOpen:
			return false
		}
	}
	return false
}

// read returns up to n records that are committed, in front of the first open transaction, and the offset
// behind what it looked at.
func (l *log) read(p place, from int64, n int) (records []engine.Record, next int64) {
	list := l.entries[p]
	for next = from; next < int64(len(list)) && len(records) < n; next++ {
		switch e := list[next]; {
		case e.tx == nil || e.tx.state == txCommitted || l.dirty:
			records = append(records, e.record)
		case e.tx.state == txOpen:
			return records, next
		}
	}
	return records, next
}

// committed reports whether a record counts.
func (l *log) committed(r engine.Record) bool {
	e := l.entries[place{r.Topic, r.Partition}][r.Offset]
	return e.tx == nil || e.tx.state == txCommitted
}

// aborted takes the records of a transaction out of what is still to be settled.
func (l *log) aborted(tx *transaction) {
	for _, at := range tx.wrote {
		l.unsettled -= l.watched[at.topic]
	}
}
