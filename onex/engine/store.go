package engine

import (
	"context"
	"errors"
	"time"
)

// Partition names a partition of one topic's life: a topic that is deleted and created again has
// another id and starts from its beginning.
type Partition struct {
	Topic   string
	TopicID [16]byte
	Number  int32
}

// Lease is the right to commit a partition's records. Whoever claims the partition next raises its
// epoch and thereby ends the lease.
type Lease struct {
	Partition Partition
	Epoch     int64
	Next      int64 // offset of the next record to handle
}

// What a commit may be refused for.
var (
	// ErrFenced says that somebody else claimed the partition, or that the offset had already moved.
	ErrFenced = errors.New("partition was claimed by another instance")
	// ErrConflict says that the state, the inbox or a parked record changed since it was viewed.
	ErrConflict = errors.New("store changed since it was viewed")
)

// Store is where delivery keeps what must survive the process. Every commit is one transaction.
// Implementations are safe for concurrent use; an error other than ErrFenced and ErrConflict leaves
// open whether a commit happened.
type Store interface {
	// Claim takes over a partition: it raises the epoch and returns where to continue.
	Claim(ctx context.Context, p Partition) (Lease, error)
	// Position returns a claimed partition's current epoch and next offset.
	Position(ctx context.Context, p Partition) (Lease, error)
	// View returns what is known about each of some items of one topic, which does not count for one another.
	// All of them may be timers as well: one that was settled since it was read was seen.
	View(ctx context.Context, items ...Item) ([]View, error)
	// Commit writes all of some commits, of which there is at least one, under the lease, or nothing. They
	// are of fetched records, of parked ones, of both, or of timers, which need no lease. Of a timer that was
	// seen nothing is written.
	//
	// Fetched records follow one another: the offset moves from l.Next past the last, and the caller then
	// advances its lease. Commits that write the state of one key follow one another as well: each expects
	// the version the one before it wrote, the first that of the store, and the last one's state stays. No
	// two have the same idempotency key or settle the same parked record. A record that is parked Behind
	// although no other of its topic and key is parked any more is due at once: nothing would wake it.
	// Records for the outbox keep their order: that of the commits, and within each that of its own. Joins
	// run last, in that order; if one fails, so does everything with a *JoinError.
	Commit(ctx context.Context, l Lease, commits ...Commit) error
	// DueParked returns up to limit records of the partition whose time has come, the longest due first; of
	// those that have one topic and key, no more than the first.
	DueParked(ctx context.Context, p Partition, now time.Time, limit int) ([]Parked, error)
	// Behind returns up to limit records that wait behind a parked one, in their order, up to the first
	// that is of another partition. They are those that may be settled in one commit with it.
	Behind(ctx context.Context, first Parked, limit int) ([]Parked, error)
	// Due returns in which of some partitions parked records wait whose time has come, and when that of
	// others there, or of a timer, comes.
	Due(ctx context.Context, now time.Time, of []Partition) (Due, error)
	// DueTimers returns up to limit timers whose time has come, oldest first. The store may leave each to who
	// asked for a while, so that the processes of a node share them: what is not committed comes again.
	DueTimers(ctx context.Context, now time.Time, limit int) ([]Fired, error)
}

// Due is what Store.Due knows.
type Due struct {
	Partitions []Partition // with parked records that are due, as they were asked for
	Next       time.Time   // when the next parked record or timer after these is due; zero: none is
}

// Outbox hands committed records on to a broker, by one process of the node at a time.
type Outbox interface {
	// Lead waits until no other process relays the node's outbox, then calls f and returns its error. The
	// context that f gets ends with the term: when another process may have taken over.
	Lead(ctx context.Context, f func(ctx context.Context, q Queue) error) error
}

// Queue is the outbox in the hands of the process that relays it, for one term. It is safe for
// concurrent use.
type Queue interface {
	// Next returns up to limit records, those of one aggregate in the order in which they were committed,
	// which is that of their ids; more says that there may be further ones. Those skip names are left out.
	Next(ctx context.Context, skip Except, limit int) (records []Queued, more bool, err error)
	// Read returns those of some records that are still there, in the order of their ids.
	Read(ctx context.Context, ids []int64) ([]Queued, error)
	// Delete removes records that the broker has.
	Delete(ctx context.Context, ids []int64) error
	// Ticks returns the last tick of each schedule, by name.
	Ticks(ctx context.Context) (map[string]Tick, error)
	// Tick replaces the last tick of a schedule, the zero Tick being none, and adds records to the
	// outbox, in one transaction. It is ErrConflict if the last tick is another.
	Tick(ctx context.Context, name string, last, next Tick, send []Outgoing) error
	// Wait returns when there may be something new: at a commit of any process, when wake is
	// signalled, or after d. It is called by one goroutine at a time.
	Wait(ctx context.Context, wake <-chan struct{}, d time.Duration) error
	// Sweep removes some of what was kept for long enough; more says that there is further. schedules
	// are those the node has.
	Sweep(ctx context.Context, schedules []string) (more bool, err error)
}

// Aggregate is what the outbox keeps order for.
type Aggregate struct{ Topic, Key string }

// Except names records of the outbox that are not wanted.
type Except struct {
	IDs        []int64
	Aggregates []Aggregate
	Topics     []string
}

// Tick is a moment at which a schedule sent its command, or at which it was first seen.
type Tick struct {
	Spec string    // the times it belongs to
	At   time.Time // whole seconds
}

// Queued is a record of the outbox.
type Queued struct {
	ID     int64
	Record Outgoing
}
