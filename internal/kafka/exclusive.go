package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omninode-ai/omninode/onex/engine"
)

// ErrOvertaken says that somebody else began to work under an id since: nothing of this transaction is
// there.
var ErrOvertaken = errors.New("another run under the same id began")

// Addressed is a record with the partition it is for.
type Addressed struct {
	engine.Outgoing
	Partition int32 // -1: the one its key belongs to
}

// Exclusive sends records in transactions under an id. Whoever claims the id ends the work of those who
// had it before: what they have not committed is gone, and what they have, the new one can read. It is
// for one goroutine.
type Exclusive struct {
	client *Client
	kgo    *kgo.Client
}

// Claim takes over the right to send under an id.
func (c *Client) Claim(ctx context.Context, id string) (*Exclusive, error) {
	byKey := kgo.StickyKeyPartitioner(nil)
	chosen := kgo.BasicConsistentPartitioner(func(topic string) func(*kgo.Record, int) int {
		key := byKey.ForTopic(topic)
		return func(r *kgo.Record, n int) int {
			if r.Partition >= 0 {
				return int(r.Partition)
			}
			return key.Partition(r, n)
		}
	})
	cl, err := kgo.NewClient(append(c.producing(), kgo.TransactionalID(id), kgo.RecordPartitioner(chosen))...)
	if err != nil {
		return nil, fmt.Errorf("configure kafka client: %w", err)
	}
	bounded, cancel := context.WithTimeout(ctx, deliveryTimeout)
	defer cancel()
	if _, _, err := cl.ProducerID(bounded); err != nil {
		cl.Close()
		return nil, c.reach(fmt.Errorf("claim transactional id %s: %w", id, err))
	}
	return &Exclusive{c, cl}, nil
}

// Close ends the client; the id stays with it until somebody else claims it.
func (e *Exclusive) Close() { e.kgo.Close() }

// Send sends all of some records, or none. When it returns they can be read, but for a cluster that takes
// longer than a few seconds for that.
func (e *Exclusive) Send(ctx context.Context, records []Addressed) error {
	if err := e.kgo.BeginTransaction(); err != nil {
		return overtaken(err)
	}
	list := make([]*kgo.Record, 0, len(records))
	for _, r := range records {
		k := outgoing(r.Outgoing)
		k.Partition = r.Partition
		list = append(list, k)
	}
	failed := e.kgo.ProduceSync(ctx, list...).FirstErr()
	ended := e.kgo.EndTransaction(ctx, kgo.TransactionEndTry(failed == nil))
	if err := cmp.Or(failed, ended); err != nil {
		return overtaken(err)
	}
	e.awaitReadable(ctx, list)
	return nil
}

const (
	readableWait = 5 * time.Second
	readablePoll = 20 * time.Millisecond
)

// awaitReadable waits until readers of committed records see some: a cluster answers that a transaction
// is committed before it has told all partitions.
func (e *Exclusive) awaitReadable(ctx context.Context, records []*kgo.Record) {
	ctx, cancel := context.WithTimeout(ctx, readableWait)
	defer cancel()
	topics := map[string]bool{}
	for _, r := range records {
		topics[r.Topic] = true
	}
	for ctx.Err() == nil {
		ends, err := e.client.admin.ListCommittedOffsets(ctx, slices.Collect(maps.Keys(topics))...)
		hidden := func(r *kgo.Record) bool {
			end, ok := ends.Lookup(r.Topic, r.Partition)
			return !ok || end.Offset <= r.Offset
		}
		if err == nil && !slices.ContainsFunc(records, hidden) {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(readablePoll):
		}
	}
}

func overtaken(err error) error {
	for _, fenced := range []error{kerr.ProducerFenced, kerr.InvalidProducerEpoch, kerr.InvalidProducerIDMapping} {
		if errors.Is(err, fenced) {
			return ErrOvertaken
		}
	}
	return err
}
