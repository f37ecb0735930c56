package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Place is where a loop reads and writes.
type Place struct {
	Brokers, Group, Input, Output string
}

// options are those of the node's own consumer where they are a matter of choice, so that a ratio
// shows the work and not the settings.
func (p Place) options() []kgo.Opt {
	return []kgo.Opt{
		kgo.SeedBrokers(p.Brokers), kgo.ConsumerGroup(p.Group), kgo.ConsumeTopics(p.Input),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxBytes(8 << 20), kgo.FetchMaxPartitionBytes(1 << 20), kgo.ProducerLinger(0),
		kgo.MetadataMinAge(250 * time.Millisecond), kgo.UnknownTopicRetries(20), // topics are new when a loop starts
	}
}

const polled = 500

// change makes of a record what is sent on.
type change func(r *kgo.Record) (*kgo.Record, error)

// Bare sends on what it reads, at least once: offsets are committed after what was read before them
// is acknowledged, each 100 ms.
func Bare(ctx context.Context, p Place) error { return atLeastOnce(ctx, p, p.same) }

// Work is Bare with the work a node does for its payload, written with encoding/json: decode,
// validate, encode.
func Work(ctx context.Context, p Place) error { return atLeastOnce(ctx, p, p.worked) }

func (p Place) same(r *kgo.Record) (*kgo.Record, error) {
	return &kgo.Record{Topic: p.Output, Key: r.Key, Value: r.Value, Headers: r.Headers}, nil
}

func (p Place) worked(r *kgo.Record) (*kgo.Record, error) {
	var o Order
	err := json.Unmarshal(r.Value, &o)
	if err == nil {
		err = o.Validate()
	}
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(o)
	return &kgo.Record{Topic: p.Output, Key: r.Key, Value: raw, Headers: r.Headers}, err
}

func atLeastOnce(ctx context.Context, p Place, f change) error {
	client, err := kgo.NewClient(append(p.options(), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll())...)
	if err != nil {
		return err
	}
	defer client.CloseAllowingRebalance()
	for ctx.Err() == nil {
		if err := stretch(ctx, client, f); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// stretch sends on what it reads for an interval, waits for the acknowledgements and commits.
func stretch(ctx context.Context, client *kgo.Client, f change) error {
	first := kgo.AbortingFirstErrPromise(client)
	end, cancel := context.WithTimeout(ctx, interval)
	defer cancel()
	for end.Err() == nil {
		fetches := client.PollRecords(end, polled)
		if err := fetches.Err(); err != nil && end.Err() == nil {
			return err
		}
		if err := send(ctx, client.Produce, fetches, f, first); err != nil {
			return err
		}
	}
	defer client.AllowRebalance()
	if err := errors.Join(client.Flush(ctx), first.Err()); err != nil {
		return err
	}
	return client.CommitUncommittedOffsets(ctx)
}

// interval is that of commits: FIGURES.md compares at 100 ms.
const interval = 100 * time.Millisecond

type produce func(ctx context.Context, r *kgo.Record, promise func(*kgo.Record, error))

func send(ctx context.Context, to produce, fetches kgo.Fetches, f change, first *kgo.FirstErrPromise) error {
	var failed error
	fetches.EachRecord(func(r *kgo.Record) {
		out, err := f(r)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("record %d of partition %d: %w", r.Offset, r.Partition, err))
			return
		}
		to(ctx, out, first.Promise())
	})
	return failed
}

// Session is Bare exactly once: a transaction is ended each 100 ms.
func Session(ctx context.Context, p Place) error {
	s, err := kgo.NewGroupTransactSession(append(p.options(), kgo.TransactionalID(p.Group), kgo.TransactionTimeout(10*time.Second))...)
	if err != nil {
		return err
	}
	defer s.Close()
	for ctx.Err() == nil {
		if err := transaction(ctx, s, p); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

func transaction(ctx context.Context, s *kgo.GroupTransactSession, p Place) error {
	fetches := s.PollRecords(ctx, polled)
	if err := fetches.Err(); err != nil {
		return err
	}
	if err := s.Begin(); err != nil {
		return err
	}
	first := kgo.AbortingFirstErrPromise(s.Client())
	end, cancel := context.WithTimeout(ctx, interval)
	defer cancel()
	for fetches.NumRecords() > 0 {
		if err := send(ctx, s.Produce, fetches, p.same, first); err != nil {
			return err
		}
		fetches = s.PollRecords(end, polled)
		if end.Err() != nil {
			break
		}
	}
	_ = send(ctx, s.Produce, fetches, p.same, first) // what came with the end; the change never fails
	_, err := s.End(context.WithoutCancel(ctx), kgo.TransactionEndTry(first.Err() == nil))
	return err
}
