package kafka

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Observer is told what happens to a membership, for metrics. Its methods are called concurrently and
// must be quick.
type Observer interface {
	Rebalanced()                                       // partitions came or went
	Lost(topic string, partition int32, records int64) // records that were deleted before they were handled
	Transaction(committed bool)                        // of a pure node: one ended
	Waiting(reason error)                              // of a pure node: why nothing is committed; nil: something is
}

type silent struct{}

func (silent) Rebalanced()               {}
func (silent) Lost(string, int32, int64) {}
func (silent) Transaction(bool)          {}
func (silent) Waiting(error)             {}

func (m Membership) observer() Observer {
	if m.Observer == nil {
		return silent{}
	}
	return m.Observer
}

// Progress knows how far a membership is behind. It is safe for concurrent use; nil knows nothing.
type Progress struct {
	mu        sync.Mutex
	tails     map[place]*tail
	positions func() map[string]map[int32]int64 // of a membership that does not say so itself
}

// tail is the part of a partition that was not handled yet.
type tail struct {
	next, end int64
	fetched   []fetched // pieces that were fetched and may not be handled, oldest first
}

type fetched struct {
	offset int64
	at     time.Time // of its first record
}

const maxFetched = 1000 // pieces of which a partition knows the time

// Behind says how far a partition is behind.
type Behind struct {
	Topic     string
	Partition int32
	Records   int64         // from the first that is not committed to the end of the log
	Oldest    time.Duration // age of the oldest that was fetched and is not committed; 0: there is none
}

// Behind returns how far each partition of the member is behind.
func (p *Progress) Behind(now time.Time) []Behind {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.positions != nil {
		for topic, partitions := range p.positions() {
			for partition, next := range partitions {
				p.advance(place{topic, partition, 0}, next)
			}
		}
	}
	list := make([]Behind, 0, len(p.tails))
	for at, t := range p.tails {
		b := Behind{Topic: at.topic, Partition: at.partition, Records: max(t.end-t.next, 0)}
		if b.Records > 0 && len(t.fetched) > 0 {
			b.Oldest = max(now.Sub(t.fetched[0].at), 0)
		}
		list = append(list, b)
	}
	return list
}

// advance says that everything before next is committed.
func (p *Progress) advance(at place, next int64) {
	t := p.tails[at]
	if t == nil {
		return
	}
	t.next = max(t.next, next)
	for len(t.fetched) > 1 && t.fetched[1].offset <= t.next {
		t.fetched = t.fetched[1:]
	}
	if t.next >= t.end {
		t.fetched = nil
	}
}

func (p *Progress) committed(at place, next int64) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.advance(at, next)
}

// assigned says that a partition is the member's, from an offset on.
func (p *Progress) assigned(topic string, partition int32, next int64) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tails == nil {
		p.tails = map[place]*tail{}
	}
	p.tails[place{topic, partition, 0}] = &tail{next: max(next, 0), end: max(next, 0)}
}

func (p *Progress) revoked(topic string, partition int32) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.tails, place{topic, partition, 0})
}

func (p *Progress) got(f kgo.FetchTopicPartition) {
	if p == nil || len(f.Records) == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.tails[place{f.Topic, f.Partition, 0}]
	if t == nil {
		return
	}
	t.end = max(t.end, ending(f))
	if len(t.fetched) < maxFetched {
		t.fetched = append(t.fetched, fetched{f.Records[0].Offset, f.Records[0].Timestamp})
	}
}

// begin forgets an earlier session; positions tells where partitions are.
func (p *Progress) begin(positions func() map[string]map[int32]int64) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tails, p.positions = map[place]*tail{}, positions
}

// ending returns the offset after the last that may be read.
func ending(f kgo.FetchTopicPartition) int64 {
	if f.LastStableOffset >= 0 {
		return f.LastStableOffset
	}
	return f.HighWatermark
}

// Refresh asks the cluster where the logs end: a partition that is paused is not fetched and would not
// learn it.
func (c *Client) Refresh(ctx context.Context, p *Progress) error {
	p.mu.Lock()
	topics := map[string]bool{}
	for at := range p.tails {
		topics[at.topic] = true
	}
	p.mu.Unlock()
	if len(topics) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	ends, err := c.admin.ListCommittedOffsets(ctx, keys(topics)...)
	if err != nil {
		return c.reach(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for at, t := range p.tails {
		if end, ok := ends.Lookup(at.topic, at.partition); ok && end.Err == nil {
			t.end = max(t.end, end.Offset)
		}
	}
	return nil
}

func keys(set map[string]bool) []string {
	list := make([]string, 0, len(set))
	for key := range set {
		list = append(list, key)
	}
	return list
}

// hooks follow which partitions a member has.
func (m Membership) hooks(revoke func(topic string, partition int32)) []kgo.Opt {
	gone := func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
		for topic, numbers := range partitions {
			for _, n := range numbers {
				revoke(topic, n)
				m.Progress.revoked(topic, n)
			}
		}
		if len(partitions) > 0 {
			m.observer().Rebalanced()
		}
	}
	come := func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
		if len(partitions) > 0 {
			m.observer().Rebalanced()
		}
	}
	return []kgo.Opt{kgo.OnPartitionsAssigned(come), kgo.OnPartitionsRevoked(gone), kgo.OnPartitionsLost(gone)}
}
