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
	// View returns what is known about an item.
	View(ctx context.Context, it Item) (View, error)
	// Commit writes c under the lease; a timer needs none. For a fetched record it moves the offset
	// from l.Next past the record; the caller then advances its lease.
	Commit(ctx context.Context, l Lease, c Commit) error
	// DueParked returns up to limit records of the partition whose time has come, oldest first.
	DueParked(ctx context.Context, p Partition, now time.Time, limit int) ([]Parked, error)
	// DueTimers returns up to limit timers whose time has come, oldest first.
	DueTimers(ctx context.Context, now time.Time, limit int) ([]Fired, error)
}
