package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omninode-ai/omninode/onex/engine"
)

// Transform turns inputs into what each causes. done is called once all of it is committed.
type Transform func(ctx context.Context, inputs []engine.PureInput) (out [][]engine.Outgoing, done func(), err error)

const (
	transactionTimeout = 10 * time.Second // below the session's, so that a transaction never outlives a member
	transactionRecords = 10_000           // inputs of one transaction, but for the last chunk
	transactionBytes   = 16 << 20         // of inputs and outputs of one transaction, but for the last chunk
	transactionTime    = 100 * time.Millisecond
	queuedWait         = 5 * time.Millisecond // for records that the cluster has, before the transaction ends
	linger             = 5 * time.Millisecond // fills batches; the end of a transaction does not wait for it
	bufferedBytes      = 32 << 20             // of what is produced and not yet acknowledged
	refusedPause       = time.Second          // before what was refused comes again
)

// Transact consumes and produces exactly once: what f returns for inputs and the inputs' offsets are
// committed in one transaction. A transaction takes up what is queued and ends when nothing is, or
// after 100 ms. Transact returns when ctx ends, which is no error, or when the session fails; a
// transaction in hand is finished under work.
func (c *Client) Transact(ctx, work context.Context, m Membership, f Transform) (err error) {
	opts := append(c.options(), m.options()...)
	opts = append(opts, kgo.TransactionalID(m.Group+"."+m.Instance), kgo.TransactionTimeout(transactionTimeout),
		kgo.RecordDeliveryTimeout(transactionTimeout), kgo.UnknownTopicRetries(3), kgo.ProducerLinger(linger),
		kgo.MaxBufferedBytes(bufferedBytes), kgo.AdjustFetchOffsetsFn(
			func(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
				return offsets, c.resume(ctx, m, offsets)
			}))
	opts = append(opts, m.hooks(func(string, int32) {})...)
	opts = append(opts, c.cfg.Options...)
	m.Progress.begin(nil)
	defer m.Progress.begin(nil)
	s, err := kgo.NewGroupTransactSession(opts...)
	if err != nil {
		return fmt.Errorf("configure kafka transactions: %w", err)
	}
	m.Valve.attach(s.Client())
	defer func() {
		m.Valve.attach(nil)
		s.Close()
		c.leave(ctx, m, err)
	}()
	t := &transactor{client: c, session: s, member: m, transform: f, refused: map[place]refusal{}}
	for {
		fetches := s.PollRecords(ctx, pollRecords)
		if ctx.Err() != nil {
			return nil
		}
		if err := c.failure(ctx, fetches); err != nil {
			return err
		}
		if fetches.NumRecords() == 0 {
			continue
		}
		if err := t.settle(ctx, work, fetches); err != nil {
			return err
		}
	}
}

// transactor turns what a session fetches into transactions.
type transactor struct {
	client    *Client
	session   *kgo.GroupTransactSession
	member    Membership
	transform Transform
	refused   map[place]refusal // of inputs that are not committed yet
}

// settle runs one transaction, which begins with fetches. One that is aborted because the group
// rebalanced, or because the cluster did not take a record, is fetched again by whoever has its
// partitions then.
func (t *transactor) settle(ctx, work context.Context, fetches kgo.Fetches) error {
	if err := t.session.Begin(); err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	tx := &transaction{transactor: t, until: time.Now().Add(transactionTime), ends: map[place]int64{}, next: map[place]int64{}}
	err := tx.fill(ctx, work, fetches)
	if err == nil && len(tx.failures()) == 0 {
		err = t.session.Client().Flush(work) // everything is taken or refused before it is decided on
	}
	failed := tx.failures()
	committed, ended := t.session.End(work, kgo.TransactionEndTry(err == nil && len(failed) == 0))
	t.member.observer().Transaction(committed)
	switch {
	case ended != nil:
		return errors.Join(err, fmt.Errorf("end transaction: %w", ended))
	case err != nil:
		return err
	case len(failed) > 0:
		t.suspect(ctx, failed)
	case committed:
		tx.committed()
	default:
		clear(t.refused) // they may be another's now
		t.client.cfg.Log.WarnContext(ctx, "transaction was aborted: the group rebalanced")
		return t.aborted(work)
	}
	return nil
}

// aborted checks that a transaction which the session could not commit was not committed all the same: a
// cluster may commit, and its answer be lost, and the answer to the second try be an error that the session
// takes for an abort. The session would then go back to offsets from before the transaction, and what is
// committed would be handled again; a new session begins where the cluster is.
func (t *transactor) aborted(ctx context.Context) error {
	back := t.session.Client().CommittedOffsets()
	actual, err := t.client.admin.FetchOffsets(kadm.RequireStable(ctx), t.member.Group)
	if err != nil {
		return fmt.Errorf("look up what is committed after an aborted transaction: %w", t.client.reach(err))
	}
	for topic, partitions := range back {
		for partition, at := range partitions {
			o, ok := actual.Lookup(topic, partition)
			if !ok {
				continue
			}
			if o.Err != nil {
				return fmt.Errorf("look up what is committed of %s/%d after an aborted transaction: %w", topic, partition, o.Err)
			}
			if o.At > at.Offset {
				return fmt.Errorf("%s/%d is committed up to %d and not %d: the transaction is not aborted", topic, partition, o.At, at.Offset)
			}
		}
	}
	return nil
}
