package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omninode-ai/omninode/e2e/faults/roles"
	"github.com/omninode-ai/omninode/onex/event"
)

// bus is the harness's own connection to the broker.
type bus struct {
	h     *harness
	kgo   *kgo.Client
	admin *kadm.Client
}

func (h *harness) bus() (*bus, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(h.Brokers), kgo.ProducerLinger(2*time.Millisecond),
		kgo.MetadataMinAge(100*time.Millisecond), kgo.UnknownTopicRetries(-1), kgo.MaxBufferedRecords(100_000))
	if err != nil {
		return nil, err
	}
	return &bus{h, client, kadm.NewClient(client)}, nil
}

func (b *bus) close() { b.kgo.Close() }

// create makes topics of three partitions.
func (b *bus) create(ctx context.Context, topics ...event.Topic) error {
	return b.createWide(ctx, 3, topics...)
}

// createWide makes topics of so many partitions.
func (b *bus) createWide(ctx context.Context, partitions int32, topics ...event.Topic) error {
	for _, t := range topics {
		res, err := b.admin.CreateTopic(ctx, partitions, 1, nil, t.String())
		if err == nil {
			err = res.Err
		}
		if err != nil {
			return fmt.Errorf("create topic %s: %w", t, err)
		}
	}
	return nil
}

// input is a record that a case sends.
type input struct {
	key  string
	data roles.Number
	id   string // derived from the seed, so that a run repeats
}

// record makes the record of an external producer.
func (b *bus) record(t event.Topic, in input) (*kgo.Record, error) {
	raw, err := json.Marshal(in.data)
	if err != nil {
		return nil, err
	}
	e := event.NewRoot("onex://faults", t.Ref, in.key, raw, time.Now())
	e.ID, e.CorrelationID, e.CausationID = in.id, in.id, in.id
	r := &kgo.Record{Topic: t.String(), Key: []byte(in.key), Value: raw}
	for _, h := range e.Headers() {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
	}
	return r, nil
}

// rootID is the id of the n-th input of a key on a topic.
func (h *harness) rootID(t event.Topic, key string, n int) string {
	name := fmt.Sprintf("%d/%s/%s/%d", h.seed, t, key, n)
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte(name)).String()
}

// produce sends inputs and waits until the broker has them.
func (b *bus) produce(ctx context.Context, t event.Topic, inputs ...input) error {
	records := make([]*kgo.Record, 0, len(inputs))
	for _, in := range inputs {
		r, err := b.record(t, in)
		if err != nil {
			return err
		}
		records = append(records, r)
	}
	if err := b.kgo.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return fmt.Errorf("produce to %s: %w", t, err)
	}
	return nil
}

// seen is a record as it was read.
type seen struct {
	partition int32
	offset    int64
	at        time.Time
	key, id   string
	headers   map[string]string
	data      roles.Number
}

// read returns all records of a topic up to its end, in order for each partition: only committed
// ones, or all that the broker holds.
func (b *bus) read(ctx context.Context, topic string, committed bool) ([]seen, error) {
	ends, err := b.admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("look up the end of %s: %w", topic, err)
	}
	left, offsets := map[int32]int64{}, map[int32]kgo.Offset{}
	ends.Each(func(o kadm.ListedOffset) {
		offsets[o.Partition] = kgo.NewOffset().AtStart()
		if o.Offset > 0 {
			left[o.Partition] = o.Offset
		}
	})
	opts := []kgo.Opt{
		kgo.SeedBrokers(b.h.Brokers), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: offsets}),
		kgo.KeepControlRecords(), kgo.FetchMaxWait(200 * time.Millisecond),
	}
	if committed {
		opts = append(opts, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	var list []seen
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("read %s to its end, %v is missing: %w", topic, left, context.Cause(ctx))
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
			if !r.Attrs.IsControl() {
				list = append(list, understand(r))
			}
		})
	}
	return list, nil
}

func understand(r *kgo.Record) seen {
	s := seen{partition: r.Partition, offset: r.Offset, at: r.Timestamp, key: string(r.Key), headers: map[string]string{}}
	for _, h := range r.Headers {
		s.headers[h.Key] = string(h.Value)
	}
	s.id = s.headers["ce_id"]
	_ = json.Unmarshal(r.Value, &s.data) // what is not a Number has no place in its key
	return s
}

// derived is the id of the one event that a node emits for another.
func derived(cause, node string) string { return event.DeriveID(cause, node, roles.Out(node).Ref, 0) }

// watch notes when each record of a topic arrives here, until it is stopped.
func (b *bus) watch(ctx context.Context, topics ...string) (*arrivals, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(b.h.Brokers), kgo.ConsumeTopics(topics...),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(100*time.Millisecond), kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		return nil, err
	}
	a := &arrivals{at: map[string]time.Time{}}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			fetches := client.PollFetches(ctx)
			now := time.Now()
			a.mu.Lock()
			fetches.EachRecord(func(r *kgo.Record) {
				id := understand(r).id
				if _, again := a.at[id]; !again {
					a.at[id] = now
				}
			})
			a.mu.Unlock()
		}
	}()
	a.stop = func() {
		cancel()
		<-done
		client.Close()
	}
	return a, nil
}

// assigned wants an instance to be a member of its group with partitions, and the group to be stable.
func (b *bus) assigned(ctx context.Context, node, instance string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	groups, err := b.admin.DescribeGroups(ctx, event.Group(node))
	if err != nil {
		return err
	}
	g := groups[event.Group(node)]
	if g.State != "Stable" {
		return fmt.Errorf("group of %s is %s", node, g.State)
	}
	for _, m := range g.Members {
		if m.InstanceID == nil || *m.InstanceID != node+"-"+instance {
			continue
		}
		if a, ok := m.Assigned.AsConsumer(); ok && len(a.Topics) > 0 && len(a.Topics[0].Partitions) > 0 {
			return nil
		}
		return fmt.Errorf("%s %s has no partitions", node, instance)
	}
	return fmt.Errorf("%s %s is no member", node, instance)
}
