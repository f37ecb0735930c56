package kafka_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omninode-ai/omninode/internal/kafka"
	"github.com/omninode-ai/omninode/onex/engine"
)

// site is what a test works on that must pass on every broker: topics and a group of its own, on a
// broker in memory or on the one that TEST_KAFKA_BROKERS names.
type site struct {
	brokers        []string
	admin          *kadm.Client
	topic, answers string // the second has one partition
	group          string
}

func newSite(t *testing.T, partitions int32) *site {
	t.Helper()
	brokers := os.Getenv("TEST_KAFKA_BROKERS")
	if brokers == "" {
		brokers = strings.Join(cluster(t).ListenAddrs(), ",")
	}
	return newSiteOn(t, brokers, partitions)
}

func newSiteOn(t *testing.T, brokers string, partitions int32) *site {
	t.Helper()
	id := strings.ToLower(rand.Text()[:8])
	s := &site{
		brokers: strings.Split(brokers, ","), topic: "onex.cmd.shop-" + id + ".ask.v1", answers: "onex.evt.shop-" + id + ".answer.v1",
		group: "onex.shop-" + id,
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(s.brokers...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	s.admin = kadm.NewClient(client)
	_, err = s.admin.CreateTopic(t.Context(), partitions, -1, nil, s.topic)
	_, again := s.admin.CreateTopic(t.Context(), 1, -1, nil, s.answers)
	if err := errors.Join(err, again); err != nil {
		t.Fatal(err)
	}
	s.await(t)
	return s
}

// await waits until the broker leads the topics: it learns of them a little after they were created.
func (s *site) await(t *testing.T) {
	t.Helper()
	for {
		ends, err := s.admin.ListEndOffsets(t.Context(), s.topic, s.answers)
		if err == nil && ends.Error() == nil {
			return
		}
		select {
		case <-t.Context().Done():
			t.Fatal(err, ends.Error())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *site) open(t *testing.T) *kafka.Client {
	t.Helper()
	cl, err := kafka.Open(kafka.Config{Brokers: s.brokers, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func (s *site) member(instance string) kafka.Membership {
	return kafka.Membership{Group: s.group, Instance: instance, Topics: []string{s.topic}}
}

// send produces the numbers below n.
func (s *site) send(t *testing.T, cl *kafka.Client, n int) {
	t.Helper()
	var records []engine.Outgoing
	for i := range n {
		records = append(records, out(s.topic, "k", fmt.Sprint(i)))
	}
	if err := errors.Join(cl.Produce(t.Context(), records)...); err != nil {
		t.Fatal(err)
	}
}

// committed reads n committed records of a topic.
func (s *site) committed(t *testing.T, name string, n int) []string {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.brokers...), kgo.ConsumeTopics(name), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var values []string
	for len(values) < n && ctx.Err() == nil {
		cl.PollFetches(ctx).EachRecord(func(r *kgo.Record) { values = append(values, string(r.Value)) })
	}
	return values
}

// configure sets a property of a topic.
func (s *site) configure(t *testing.T, name, property, value string) {
	t.Helper()
	res, err := s.admin.AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Name: property, Value: &value}}, name)
	if err == nil {
		err = res[0].Err
	}
	if err != nil {
		t.Fatal(err)
	}
}

// deleteRecords deletes those of partition 0 before an offset.
func (s *site) deleteRecords(t *testing.T, before int64) {
	t.Helper()
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: s.topic, Partition: 0, At: before})
	res, err := s.admin.DeleteRecords(t.Context(), offsets)
	if err = cmp.Or(err, res.Error()); err != nil {
		t.Fatal(err)
	}
}
