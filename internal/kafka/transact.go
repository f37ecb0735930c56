package kafka

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omninode-ai/omninode/onex/engine"
)

const (
	transactionTimeout = 10 * time.Second // below the session's, so that a transaction never outlives a member
	transactionRecords = 200
	refusedPause       = time.Second // before a batch that was refused comes again
)

// Transform turns records into what they cause. done is called once both are committed.
type Transform func(ctx context.Context, records []engine.Record) (out []engine.Outgoing, done func(), err error)

// Transact consumes and produces exactly once: what f returns for a batch and the batch's offsets
// are committed in one transaction. It returns when ctx ends, which is no error, or when the session
// fails; a batch in hand is finished under work.
func (c *Client) Transact(ctx, work context.Context, m Membership, f Transform) (err error) {
	opts := append(c.options(), m.options()...)
	opts = append(opts, kgo.TransactionalID(m.Group+"."+m.Instance), kgo.TransactionTimeout(transactionTimeout),
		kgo.RecordDeliveryTimeout(transactionTimeout), kgo.UnknownTopicRetries(3), kgo.ProducerLinger(0))
	s, err := kgo.NewGroupTransactSession(opts...)
	if err != nil {
		return fmt.Errorf("configure kafka transactions: %w", err)
	}
	defer func() {
		s.Close()
		c.leave(ctx, m, err)
	}()
	for {
		fetches := s.PollRecords(ctx, transactionRecords)
		if ctx.Err() != nil {
			return nil
		}
		if err := c.failure(ctx, fetches); err != nil {
			return err
		}
		if fetches.NumRecords() == 0 {
			continue
		}
		if err := c.transaction(ctx, work, s, fetches, f); err != nil {
			return err
		}
	}
}

// transaction settles one batch. A batch that is aborted because the group rebalanced, or because
// the cluster did not take a record, is fetched again by whoever has its partitions then.
func (c *Client) transaction(ctx, work context.Context, s *kgo.GroupTransactSession, fetches kgo.Fetches, f Transform) error {
	records := make([]engine.Record, 0, fetches.NumRecords())
	fetches.EachRecord(func(r *kgo.Record) { records = append(records, incoming(r)) })
	if err := s.Begin(); err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	out, done, err := f(work, records)
	if err != nil {
		_, aborted := s.End(work, kgo.TryAbort)
		if aborted != nil {
			return fmt.Errorf("abort transaction: %w", aborted)
		}
		return err
	}
	first := kgo.AbortingFirstErrPromise(s.Client())
	for _, r := range out {
		s.Produce(work, outgoing(r), first.Promise())
	}
	failed := first.Err()
	committed, err := s.End(work, kgo.TransactionEndTry(failed == nil))
	switch {
	case err != nil:
		return fmt.Errorf("end transaction: %w", err)
	case failed != nil:
		c.cfg.Log.ErrorContext(ctx, "transaction was aborted: a record was not accepted", "err", failed)
		select {
		case <-ctx.Done():
		case <-time.After(refusedPause):
		}
	case committed:
		done()
	default:
		c.cfg.Log.WarnContext(ctx, "transaction was aborted: the group rebalanced")
	}
	return nil
}
