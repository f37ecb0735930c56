package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omninode-ai/omninode/onex/engine"
)

// Membership is a node's place in its consumer group.
type Membership struct {
	Group    string
	Instance string // stable over restarts: a process that comes back gets its partitions back
	Topics   []string
	Valve    *Valve // shuts topics; nil: none

	Observer Observer  // nil: nobody
	Progress *Progress // learns how far the member is behind; nil: nobody asks
}

// Partitions takes what is assigned to this member. Its methods may be called concurrently.
type Partitions interface {
	// Claim takes a partition over and returns the offset to continue from. flow pauses or resumes
	// the partition.
	Claim(ctx context.Context, p engine.Partition, flow func(full bool)) (int64, error)
	// Deliver takes records of a claimed partition in order.
	Deliver(topic string, partition int32, records []engine.Record)
	// Revoke returns the partition's next offset once nothing of it is being worked on; ok says
	// that it was claimed.
	Revoke(topic string, partition int32) (next int64, ok bool)
	// Positions returns the next offset of each claimed partition.
	Positions() map[string]map[int32]int64
}

const (
	sessionTimeout = 15 * time.Second
	heartbeat      = 500 * time.Millisecond // how soon a member learns that another came or left: until then its partitions stand still
	pollRecords    = 500
	mirrorInterval = 2 * time.Second
	leaveTimeout   = 2 * time.Second

	// What was fetched of a partition is fetched again if it is paused before it is polled: little more
	// than a worker's queue holds is worth fetching.
	queuedBytes = 512 << 10

	// A fetch that is on its way does not ask for partitions which were paused when it left: one that is
	// resumed waits until the broker answers it, records or not.
	fetchWait = 100 * time.Millisecond
)

// Consume is a member of the group until ctx ends, which is no error, or the session fails. What is
// claimed is then revoked.
func (c *Client) Consume(ctx context.Context, m Membership, p Partitions) error {
	s := &session{client: c, member: m, partitions: p, opened: make(chan struct{})}
	opts := append(c.options(), m.options()...)
	opts = append(opts,
		kgo.Balancers(kgo.CooperativeStickyBalancer()), kgo.BlockRebalanceOnPoll(), kgo.DisableAutoCommit(),
		kgo.FetchMaxPartitionBytes(queuedBytes), kgo.FetchMaxWait(fetchWait),
		kgo.AdjustFetchOffsetsFn(s.claim))
	opts = append(opts, m.hooks(func(topic string, partition int32) { p.Revoke(topic, partition) })...)
	opts = append(opts, c.cfg.Options...)
	m.Progress.begin(p.Positions)
	defer m.Progress.begin(nil)
	var err error
	if s.kgo, err = kgo.NewClient(opts...); err != nil {
		return fmt.Errorf("configure kafka consumer: %w", err)
	}
	close(s.opened)
	m.Valve.attach(s.kgo)
	defer m.Valve.attach(nil)
	mirrored := make(chan struct{})
	running, cancel := context.WithCancel(ctx)
	go func() {
		defer close(mirrored)
		s.mirror(running)
	}()
	err = s.poll(ctx)
	cancel()
	<-mirrored
	s.end(ctx)
	c.leave(ctx, m, err)
	return err
}

func (m Membership) options() []kgo.Opt {
	return []kgo.Opt{
		kgo.ConsumerGroup(m.Group), kgo.InstanceID(m.Instance), kgo.ConsumeTopics(m.Topics...),
		kgo.SessionTimeout(sessionTimeout), kgo.HeartbeatInterval(heartbeat),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()), kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchMaxBytes(fetchBytes), kgo.FetchMaxPartitionBytes(partitionBytes),
	}
}

// session is one membership of the group.
type session struct {
	client     *Client
	kgo        *kgo.Client   // of this session
	opened     chan struct{} // closed once kgo is set: the group starts while it is being made
	member     Membership
	partitions Partitions
}

// claim replaces the group's offsets by those of the claims. A rebalance that overtakes it cancels
// ctx; the group then tries again.
func (s *session) claim(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	<-s.opened
	ids, err := s.topicIDs(ctx, offsets)
	if err != nil {
		return nil, err
	}
	for topic, partitions := range offsets {
		for partition := range partitions {
			at := map[string][]int32{topic: {partition}}
			s.kgo.ResumeFetchPartitions(at) // an earlier claim may have left it paused
			next, err := s.partitions.Claim(ctx, engine.Partition{Topic: topic, TopicID: ids[topic], Number: partition}, func(full bool) {
				if full {
					s.kgo.PauseFetchPartitions(at)
				} else {
					s.kgo.ResumeFetchPartitions(at)
				}
			})
			if err != nil {
				return nil, err
			}
			partitions[partition] = kgo.NewOffset().At(next).WithEpoch(-1)
		}
	}
	if err := s.client.resume(ctx, s.member, offsets); err != nil {
		return nil, err
	}
	return offsets, nil
}

func (s *session) topicIDs(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string][16]byte, error) {
	req := kmsg.NewPtrMetadataRequest()
	for topic := range offsets {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = new(topic)
		req.Topics = append(req.Topics, t)
	}
	ids := make(map[string][16]byte, len(offsets))
	if len(offsets) == 0 {
		return ids, nil
	}
	res, err := req.RequestWith(ctx, s.kgo)
	if err != nil {
		return nil, s.client.reach(err)
	}
	for _, t := range res.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil || t.Topic == nil {
			return nil, fmt.Errorf("look up topic id: %w", err)
		}
		ids[*t.Topic] = t.TopicID
	}
	return ids, nil
}

// poll hands on what is fetched. A rebalance waits meanwhile, so that records never reach the claim
// that follows the one they were fetched under.
func (s *session) poll(ctx context.Context) error {
	for {
		fetches := s.kgo.PollRecords(ctx, pollRecords)
		if ctx.Err() != nil {
			s.kgo.AllowRebalance()
			return nil //nolint:nilerr // told to stop
		}
		failure := s.client.failure(ctx, fetches)
		fetches.EachPartition(func(f kgo.FetchTopicPartition) {
			if len(f.Records) == 0 {
				return
			}
			records := incoming(f.Records)
			s.member.Progress.got(f)
			s.partitions.Deliver(f.Topic, f.Partition, records)
		})
		s.kgo.AllowRebalance()
		if failure != nil {
			return failure
		}
	}
}

// failure returns what ends a session; the client cures the rest by itself.
func (c *Client) failure(ctx context.Context, fetches kgo.Fetches) error {
	var fatal error
	fetches.EachError(func(topic string, partition int32, err error) {
		group, isGroup := errors.AsType[*kgo.ErrGroupSession](err)
		switch {
		case errors.Is(err, kerr.FencedInstanceID):
			fatal = ErrReplaced
		case outOfRange(err):
			fatal = fmt.Errorf("fetch from %s/%d: %w", topic, partition, err)
		case errors.Is(err, kgo.ErrClientClosed), isGroup && !kerr.IsRetriable(group.Err):
			fatal = err
		default:
			c.cfg.Log.WarnContext(ctx, "fetch failed", "topic", topic, "partition", partition, "err", err)
		}
	})
	return fatal
}

// mirror copies the positions to the group for tools that show its lag.
func (s *session) mirror(ctx context.Context) {
	ticker := time.NewTicker(mirrorInterval)
	defer ticker.Stop()
	var last map[string]map[int32]int64
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			last = s.copyPositions(ctx, last)
		}
	}
}

// copyPositions commits what changed since last and returns what it saw.
func (s *session) copyPositions(ctx context.Context, last map[string]map[int32]int64) map[string]map[int32]int64 {
	now := s.partitions.Positions()
	changed := offsets{}
	for topic, partitions := range now {
		for partition, next := range partitions {
			if last[topic][partition] != next {
				changed.add(topic, partition, next)
			}
		}
	}
	s.commit(ctx, changed)
	return now
}

func (s *session) commit(ctx context.Context, o offsets) {
	if len(o) > 0 {
		s.kgo.CommitOffsetsSync(ctx, o, nil)
	}
}

// offsets is what is committed to the group.
type offsets map[string]map[int32]kgo.EpochOffset

func (o offsets) add(topic string, partition int32, next int64) {
	if next == 0 {
		return // nothing was handled yet
	}
	if o[topic] == nil {
		o[topic] = map[int32]kgo.EpochOffset{}
	}
	o[topic][partition] = kgo.EpochOffset{Epoch: -1, Offset: next}
}

// end finishes what is in hand and tells the group where it ended.
func (s *session) end(ctx context.Context) {
	var revoking sync.WaitGroup
	var mu sync.Mutex
	final := offsets{}
	for topic, partitions := range s.partitions.Positions() {
		for partition := range partitions {
			revoking.Go(func() {
				if next, ok := s.partitions.Revoke(topic, partition); ok {
					mu.Lock()
					defer mu.Unlock()
					final.add(topic, partition, next)
				}
			})
		}
	}
	revoking.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	defer cancel()
	s.commit(ctx, final)
	s.kgo.CloseAllowingRebalance()
}

// leave takes the member out of the group for good: a static member would otherwise keep its
// partitions for a session's length.
func (c *Client) leave(ctx context.Context, m Membership, err error) {
	if errors.Is(err, ErrReplaced) || errors.Is(context.Cause(ctx), ErrReplaced) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	defer cancel()
	_, err = c.admin.LeaveGroup(ctx, kadm.LeaveGroup(m.Group).InstanceIDs(m.Instance).Reason("node stopped"))
	if err != nil {
		c.cfg.Log.WarnContext(ctx, "consumer group was not left", "group", m.Group, "err", err)
	}
}
