package simulation

import (
	"context"

	"github.com/omninode-ai/omninode/onex/engine"
)

// Plant is a bug that is put into what the node talks to or how it does, so that it can be seen that the
// simulation finds it.
type Plant string

// The bugs.
const (
	CommitBeforeHandle Plant = "commit-before-handle"      // the offset moves before a handler was called
	AckBeforeOutbox    Plant = "ack-before-outbox"         // the outbox forgets before the broker has it
	DedupOutside       Plant = "dedup-outside-transaction" // the inbox is written by itself, before the rest
	FenceRemoved       Plant = "fence-removed"             // whoever comes may move the offset
	GenerationAlone    Plant = "generation-alone"          // a claim does not raise the epoch
	SelectThenWrite    Plant = "select-then-write"         // what was read is taken for what is still there
	ReadUncommitted    Plant = "read-uncommitted"          // what a transaction wrote is read before it ends
	OffsetsBeside      Plant = "offsets-beside-transaction"
)

// Plants lists the bugs there are.
func Plants() []Plant {
	return []Plant{
		CommitBeforeHandle, AckBeforeOutbox, DedupOutside, FenceRemoved, GenerationAlone, SelectThenWrite, ReadUncommitted, OffsetsBeside,
	}
}

// spoil returns what a store with the planted bug writes in place of commits.
func (s *store) spoil(l engine.Lease, commits []engine.Commit) (engine.Lease, []engine.Commit) {
	truth, _ := s.memory.Position(context.Background(), l.Partition)
	moved := s.early[place{l.Partition.Topic, l.Partition.Number}]
	switch s.cfg.Plant {
	case FenceRemoved:
		l.Epoch, l.Next = truth.Epoch, truth.Next
	case GenerationAlone:
		l.Next = truth.Next
	case CommitBeforeHandle:
		if moved >= commits[len(commits)-1].Item.Record.Offset {
			l.Next = truth.Next
		}
	case SelectThenWrite:
		versions := map[string]int64{}
		written := make([]engine.Commit, 0, len(commits))
		for _, c := range commits {
			if c.State != nil {
				w := *c.State
				if _, known := versions[w.Key]; !known {
					versions[w.Key] = s.memory.State(w.Key).Version
				}
				w.Expect = versions[w.Key]
				versions[w.Key]++
				c.State = &w
			}
			written = append(written, c)
		}
		return l, written
	case DedupOutside:
		written := make([]engine.Commit, 0, len(commits))
		for _, c := range commits {
			c.Inbox = false
			written = append(written, c)
		}
		return l, written
	default: // of another place
	}
	return l, commits
}

// apart writes the inbox by itself, with the bug that does so.
func (s *store) apart(commits []engine.Commit) {
	if s.cfg.Plant != DedupOutside {
		return
	}
	for _, c := range commits {
		if c.Inbox {
			s.seen[inboxKey{c.Item.Event.Type.String(), c.Item.IdempotencyKey}] = true
		}
	}
}

// premature moves the offset past records that are only now looked at, with the bug that does so.
func (s *store) premature(items []engine.Item) {
	last := items[len(items)-1]
	if s.cfg.Plant != CommitBeforeHandle || last.Parked != nil || last.Timer != nil {
		return
	}
	at := engine.Partition{Topic: last.Record.Topic, Number: last.Record.Partition}
	l, err := s.memory.Position(context.Background(), at)
	if err != nil || l.Next > last.Record.Offset {
		return
	}
	if s.memory.Commit(context.Background(), l, engine.Commit{Item: last, Result: engine.Waiting}) == nil {
		s.early[place{at.Topic, at.Number}] = last.Record.Offset
	}
}
