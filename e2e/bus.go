package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// message is a record as a consumer of committed records sees it.
type message struct {
	Topic     string
	Partition int32
	Offset    int64
	Key       string
	Value     string
	Headers   map[string]string
	Event     event.Envelope // what could be read of it
}

// dead reports whether m is a dead letter.
func (m message) dead() bool { return m.Headers[engine.HeaderClass] != "" }

// String describes m in one line.
func (m message) String() string {
	if m.dead() {
		return fmt.Sprintf("dead letter of %s from %s: %s: %s", m.Headers[engine.HeaderNode],
			m.Headers[engine.HeaderTopic], m.Headers[engine.HeaderClass], m.Headers[engine.HeaderError])
	}
	return m.Event.Type.String()
}

// bus produces records and remembers every record that is committed on the fleet's topics from the
// moment it was opened.
type bus struct {
	client *kgo.Client
	cancel context.CancelFunc
	done   chan struct{}

	mu    sync.Mutex
	seen  []message
	grown chan struct{} // closed and replaced whenever seen grows
}

// openBus starts to watch. Topics that exist are read from now on, later ones from their beginning.
func openBus(ctx context.Context, brokers []string) (*bus, error) {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(brokers...), kgo.ClientID("e2e"), kgo.ConsumeRegex(), kgo.ConsumeTopics(`^onex\..*`),
		kgo.ConsumeStartOffset(kgo.NewOffset().AfterMilli(time.Now().Add(-time.Second).UnixMilli())),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(100*time.Millisecond),
		kgo.MetadataMaxAge(time.Second), kgo.MetadataMinAge(100*time.Millisecond),
	)
	if err != nil {
		return nil, fmt.Errorf("open a Kafka client: %w", err)
	}
	if _, err := kadm.NewClient(client).BrokerMetadata(ctx); err != nil {
		client.Close()
		return nil, fmt.Errorf("reach Kafka at %s: %w", strings.Join(brokers, ","), err)
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	b := &bus{client: client, cancel: cancel, done: make(chan struct{}), grown: make(chan struct{})}
	go b.watch(run)
	return b, nil
}

func (b *bus) close() {
	b.cancel()
	<-b.done
	b.client.Close()
}

func (b *bus) watch(ctx context.Context) {
	defer close(b.done)
	for ctx.Err() == nil {
		fetches := b.client.PollFetches(ctx)
		var fresh []message
		fetches.EachRecord(func(r *kgo.Record) { fresh = append(fresh, newMessage(r)) })
		if len(fresh) == 0 {
			continue
		}
		b.mu.Lock()
		b.seen = append(b.seen, fresh...)
		close(b.grown)
		b.grown = make(chan struct{})
		b.mu.Unlock()
	}
}

func newMessage(r *kgo.Record) message {
	m := message{
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset,
		Key: string(r.Key), Value: string(r.Value), Headers: map[string]string{},
	}
	headers := make([]event.Header, 0, len(r.Headers))
	for _, h := range r.Headers {
		m.Headers[h.Key] = string(h.Value)
		headers = append(headers, event.Header{Key: h.Key, Value: h.Value})
	}
	m.Event, _ = event.Decode(headers, r.Value) // a record that is no envelope is a message too
	return m
}

// find returns the messages seen so far that match, in the order they were seen, and a channel that
// closes when there are more to look at.
func (b *bus) find(match func(message) bool) ([]message, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []message
	for _, m := range b.seen {
		if match(m) {
			found = append(found, m)
		}
	}
	return found, b.grown
}

var errNotSeen = errors.New("not seen")

// await waits until a message matches.
func (b *bus) await(ctx context.Context, patience time.Duration, match func(message) bool) (message, error) {
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		found, more := b.find(match)
		if len(found) > 0 {
			return found[0], nil
		}
		select {
		case <-more:
		case <-timeout.C:
			return message{}, fmt.Errorf("%w within %s", errNotSeen, patience)
		case <-ctx.Done():
			return message{}, ctx.Err()
		}
	}
}

// send produces an envelope to a topic and returns where it went.
func (b *bus) send(ctx context.Context, topic event.Topic, e event.Envelope) (*kgo.Record, error) {
	r := &kgo.Record{Topic: topic.String(), Key: []byte(e.PartitionKey), Value: e.Data}
	for _, h := range e.Headers() {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
	}
	return b.produce(ctx, r)
}

func (b *bus) produce(ctx context.Context, r *kgo.Record) (*kgo.Record, error) {
	if err := b.client.ProduceSync(ctx, r).FirstErr(); err != nil {
		return nil, fmt.Errorf("produce to %s: %w", r.Topic, err)
	}
	return r, nil
}

// ofChain matches the messages of one correlation id.
func ofChain(correlation string) func(message) bool {
	return func(m message) bool { return m.Event.CorrelationID == correlation }
}

// chain describes what was seen of a correlation id: its messages in order, dead letters last.
func (b *bus) chain(correlation string) string {
	all, _ := b.find(ofChain(correlation))
	if len(all) == 0 {
		return "nothing of this chain was seen on any topic"
	}
	slices.SortStableFunc(all, func(x, y message) int { return x.Event.Time.Compare(y.Event.Time) })
	var steps, dead []string
	for _, m := range all {
		if m.dead() {
			dead = append(dead, "\n"+m.String())
		} else {
			steps = append(steps, m.String())
		}
	}
	return "seen: " + strings.Join(steps, " → ") + strings.Join(dead, "")
}
