package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/omninode-ai/omninode/internal/kafka"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const topic = "onex.cmd.shop.ask.v1"

func cluster(t *testing.T, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func open(t *testing.T, c *kfake.Cluster) *kafka.Client {
	t.Helper()
	cl, err := kafka.Open(kafka.Config{Brokers: c.ListenAddrs(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func TestUnreachableClusterIsNamed(t *testing.T) {
	t.Parallel()
	cl, err := kafka.Open(kafka.Config{Brokers: []string{"127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if err := cl.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("ping: %v", err)
	}
}

func TestDialOverridesHosts(t *testing.T) {
	t.Parallel()
	addr := cluster(t).ListenAddrs()[0]
	cl, err := kafka.Open(kafka.Config{Brokers: []string{"kafka.invalid:9092"}, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if err := cl.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestExactlyOnceNeedsTheFeature: the cluster is asked, not guessed at.
func TestExactlyOnceNeedsTheFeature(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	cl := open(t, c)
	if err := cl.CheckExactlyOnce(t.Context()); err != nil {
		t.Errorf("cluster with the feature: %v", err)
	}
	old := cluster(t)
	old.ControlKey(int16(kmsg.ApiVersions), func(req kmsg.Request) (kmsg.Response, error, bool) {
		old.KeepControl()
		res := kmsg.NewPtrApiVersionsResponse()
		res.SetVersion(req.GetVersion())
		for key := range int16(69) {
			if r := kmsg.RequestForKey(key); r != nil {
				res.ApiKeys = append(res.ApiKeys, kmsg.ApiVersionsResponseApiKey{ApiKey: key, MaxVersion: r.MaxVersion()})
			}
		}
		res.FinalizedFeatures = []kmsg.ApiVersionsResponseFinalizedFeature{{Name: "transaction.version", MaxVersionLevel: 1}}
		return res, nil, true
	})
	err := open(t, old).CheckExactlyOnce(t.Context())
	if feature, ok := errors.AsType[*kafka.FeatureError](err); !ok || feature.Level != 1 || !strings.Contains(err.Error(), "transaction.version=2") {
		t.Errorf("cluster without the feature: %v", err)
	}
}

func out(to, key, value string) engine.Outgoing {
	return engine.Outgoing{Topic: to, Key: key, Headers: []event.Header{{Key: "h", Value: []byte(value)}}, Value: []byte(value)}
}

func TestProduceTellsWhatFailed(t *testing.T) {
	t.Parallel()
	s := newSite(t, 3)
	cl := s.open(t)
	errs := cl.Produce(t.Context(), []engine.Outgoing{out(s.topic, "k", "1"), out(s.topic+".nowhere", "k", "2"), out(s.topic, "k", "3")})
	if len(errs) != 3 || errs[0] != nil || errs[1] == nil || errs[2] != nil {
		t.Errorf("errors %v", errs)
	}
}

// taken is what a member was assigned and given.
type taken struct {
	topic string
	next  map[int32]int64 // where to continue, by partition
	full  int             // records after which a partition is paused

	mu      sync.Mutex
	claims  map[int32]engine.Partition
	values  []string
	records []engine.Record
	flow    func(bool)
	got     chan struct{}
}

func (s *site) newTaken() *taken {
	return &taken{topic: s.topic, next: map[int32]int64{}, claims: map[int32]engine.Partition{}, got: make(chan struct{}, 10000)}
}

func (k *taken) Claim(_ context.Context, p engine.Partition, flow func(bool)) (int64, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.claims[p.Number], k.flow = p, flow
	return k.next[p.Number], nil
}

func (k *taken) Deliver(_ string, partition int32, records []engine.Record) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, r := range records {
		k.values = append(k.values, string(r.Value))
		k.records = append(k.records, r)
		k.next[partition] = r.Offset + 1
		k.got <- struct{}{}
	}
	if k.full > 0 && len(k.values) >= k.full {
		k.flow(true)
	}
}

func (k *taken) Revoke(_ string, partition int32) (int64, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, ok := k.claims[partition]
	delete(k.claims, partition)
	return k.next[partition], ok
}

func (k *taken) Positions() map[string]map[int32]int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	positions := map[int32]int64{}
	for p := range k.claims {
		positions[p] = k.next[p]
	}
	return map[string]map[int32]int64{k.topic: positions}
}

func (k *taken) await(t *testing.T, n int) {
	t.Helper()
	for range n {
		select {
		case <-k.got:
		case <-time.After(30 * time.Second):
			t.Fatal("records did not come")
		}
	}
}

// consume runs a member until stop is called, which returns its error.
func (s *site) consume(t *testing.T, cl *kafka.Client, instance string, k *taken) (stop func(cause error) error) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error, 1)
	go func() { done <- cl.Consume(ctx, s.member(instance), k) }()
	var once sync.Once
	var err error
	stop = func(cause error) error {
		once.Do(func() {
			cancel(cause)
			err = <-done
		})
		return err
	}
	t.Cleanup(func() { _ = stop(nil) })
	return stop
}

// TestConsumeStartsAtTheClaim: not where the group's own offsets are, and those are only a copy.
func TestConsumeStartsAtTheClaim(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1)
	cl := s.open(t)
	for i := range 10 {
		if err := errors.Join(cl.Produce(t.Context(), []engine.Outgoing{out(s.topic, "k", fmt.Sprint(i))})...); err != nil {
			t.Fatal(err)
		}
	}
	first := s.newTaken()
	first.next[0] = 7
	stop := s.consume(t, cl, "a", first)
	first.await(t, 3)
	if err := stop(nil); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(first.values, []string{"7", "8", "9"}) {
		t.Errorf("got %v", first.values)
	}
	r := first.records[0]
	if r.Topic != s.topic || r.Offset != 7 || r.Key != "k" || len(r.Headers) != 1 || string(r.Headers[0].Value) != "7" {
		t.Errorf("record %+v", r)
	}
	second := s.newTaken()
	second.next[0] = 2
	stop = s.consume(t, cl, "b", second)
	second.await(t, 8)
	if err := stop(nil); err != nil || second.values[0] != "2" {
		t.Errorf("got %v, %v", second.values, err)
	}
}

// TestLeftGroupIsFree: after a stop the next member gets the partitions at once, although members
// are static.
func TestLeftGroupIsFree(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1)
	cl := s.open(t)
	if err := errors.Join(cl.Produce(t.Context(), []engine.Outgoing{out(s.topic, "k", "0")})...); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		k := s.newTaken()
		stop := s.consume(t, cl, fmt.Sprint("instance-", i), k)
		start := time.Now()
		k.await(t, 1)
		if took := time.Since(start); took > 8*time.Second {
			t.Errorf("member %d waited %s", i, took)
		}
		if k.claims[0].TopicID == [16]byte{} {
			t.Error("claim has no topic id")
		}
		if err := stop(nil); err != nil {
			t.Error(err)
		}
	}
}

func TestPausedPartitionIsNotFetched(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1)
	cl := s.open(t)
	k := s.newTaken()
	k.full = 1
	s.consume(t, cl, "a", k)
	send := func(value string) {
		if err := errors.Join(cl.Produce(t.Context(), []engine.Outgoing{out(s.topic, "k", value)})...); err != nil {
			t.Fatal(err)
		}
	}
	send("0")
	k.await(t, 1)
	send("1")
	select {
	case <-k.got:
		t.Error("a paused partition is fetched")
	case <-time.After(700 * time.Millisecond):
	}
	k.flow(false)
	k.await(t, 1)
}

// TestReplacedMemberEnds: a second process under the same instance id takes over, and the first one
// neither tries again nor makes it leave.
func TestReplacedMemberEnds(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1)
	cl := s.open(t)
	if err := errors.Join(cl.Produce(t.Context(), []engine.Outgoing{out(s.topic, "k", "0")})...); err != nil {
		t.Fatal(err)
	}
	old, successor := s.newTaken(), s.newTaken()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- cl.Consume(ctx, s.member("a"), old)
	}()
	old.await(t, 1)
	s.consume(t, cl, "a", successor)
	successor.await(t, 1)
	select {
	case err := <-ended:
		if !errors.Is(err, kafka.ErrReplaced) {
			t.Errorf("the old member ended with %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the old member goes on")
	}
	if err := errors.Join(cl.Produce(t.Context(), []engine.Outgoing{out(s.topic, "k", "1")})...); err != nil {
		t.Fatal(err)
	}
	successor.await(t, 1)
}
