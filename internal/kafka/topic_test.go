package kafka_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	wanted "github.com/omninode-ai/omninode/onex/topic"
)

func TestTopics(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1)
	cl, first, second := s.open(t), s.topic+".first", s.topic+".second"
	for range 2 {
		if diff, err := cl.EnsureTopics(t.Context(), []wanted.Topic{{Name: first, Partitions: 3}, {Name: second, Partitions: 3}}); err != nil || len(diff) > 0 {
			t.Fatal(diff, err)
		}
	}
	missing, err := cl.Missing(t.Context(), []string{s.topic + ".z", first, s.topic + ".a"})
	if err != nil || !slices.Equal(missing, []string{s.topic + ".a", s.topic + ".z"}) {
		t.Errorf("missing %v, %v", missing, err)
	}
	if missing, err := cl.Missing(t.Context(), nil); err != nil || missing != nil {
		t.Errorf("nothing is missing: %v, %v", missing, err)
	}
}

// TestTopicsAreCreatedAsWanted looks at what was created with a client of its own.
func TestTopicsAreCreatedAsWanted(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		brokers int
		inSync  string
	}{{1, "1"}, {2, "1"}, {3, "2"}} {
		c, err := kfake.NewCluster(kfake.NumBrokers(tt.brokers), kfake.BrokerConfigs(map[string]string{"log.message.max.bytes": "1000"}))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		topics := []wanted.Topic{
			{Name: "plain", Partitions: 3},
			{Name: "wide", Partitions: 12},
			{Name: "kept", Partitions: 3, Retention: 36 * time.Hour},
			{Name: "last", Partitions: 3, Compact: true, Retention: time.Hour},
		}
		if diff, err := open(t, c).EnsureTopics(t.Context(), topics); err != nil || len(diff) > 0 {
			t.Fatal(diff, err)
		}
		if diff, err := open(t, c).EnsureTopics(t.Context(), topics); err != nil || len(diff) > 0 {
			t.Errorf("%d brokers: what was just created differs: %+v, %v", tt.brokers, diff, err)
		}
		admin := administrator(t, c)
		found, err := admin.ListTopics(t.Context(), "plain", "wide", "kept", "last")
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]int{"plain": 3, "wide": 12, "kept": 3} {
			if got := len(found[name].Partitions); got != want {
				t.Errorf("topic %s has %d partitions, want %d", name, got, want)
			}
		}
		for _, want := range [][3]string{
			{"plain", "cleanup.policy", "delete"},
			{"plain", "min.insync.replicas", tt.inSync},
			{"plain", "max.message.bytes", "1048576"},
			{"plain", "retention.ms", "604800000"}, // the cluster's
			{"kept", "retention.ms", "129600000"},
			{"last", "cleanup.policy", "compact"},
			{"last", "retention.ms", "604800000"},
		} {
			if got := setting(t, admin, want[0], want[1]); got != want[2] {
				t.Errorf("%d brokers: topic %s has %s=%s, want %s", tt.brokers, want[0], want[1], got, want[2])
			}
		}
	}
}

// TestTopicsThatDifferAreLeftAlone: a difference is told with what it means; nothing is changed.
func TestTopicsThatDifferAreLeftAlone(t *testing.T) {
	t.Parallel()
	c, err := kfake.NewCluster(kfake.NumBrokers(3))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	admin := administrator(t, c)
	for name, configs := range map[string]map[string]*string{
		"a": {"retention.ms": new("3600000"), "min.insync.replicas": new("2")},
		"b": {"retention.ms": new("-1"), "cleanup.policy": new("compact"), "min.insync.replicas": new("4")},
		"c": {"max.message.bytes": new("1000")},
	} {
		if _, err := admin.CreateTopic(t.Context(), 4, 3, configs, name); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		want wanted.Topic
		told []string // property has wants safe
	}{
		{wanted.Topic{Name: "a", Partitions: 4, Retention: time.Hour}, nil},
		{wanted.Topic{Name: "a", Partitions: 4}, nil},
		{wanted.Topic{Name: "a", Partitions: 6}, []string{"partitions 4 6 false"}},
		{wanted.Topic{Name: "a", Partitions: 2}, []string{"partitions 4 2 false"}},
		{wanted.Topic{Name: "a", Partitions: 2, Wider: true}, nil},
		{wanted.Topic{Name: "a", Partitions: 6, Wider: true}, []string{"partitions 4 6 false"}},
		{wanted.Topic{Name: "a", Partitions: 4, Retention: 2 * time.Hour}, []string{"retention.ms 3600000 7200000 true"}},
		{wanted.Topic{Name: "a", Partitions: 4, Retention: time.Minute}, []string{"retention.ms 3600000 60000 false"}},
		{wanted.Topic{Name: "a", Partitions: 4, Compact: true}, []string{"cleanup.policy delete compact true"}},
		{
			wanted.Topic{Name: "b", Partitions: 4, Retention: time.Hour},
			[]string{"retention.ms -1 3600000 false", "cleanup.policy compact delete true", "min.insync.replicas 4 2 true"},
		},
		{wanted.Topic{Name: "b", Partitions: 4, Compact: true}, []string{"min.insync.replicas 4 2 true"}},
		{wanted.Topic{Name: "c", Partitions: 4}, []string{"min.insync.replicas 1 2 true", "max.message.bytes 1000 1048576 true"}},
	} {
		diff, err := open(t, c).EnsureTopics(t.Context(), []wanted.Topic{tt.want})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range diff {
			got = append(got, fmt.Sprint(d.Property, " ", d.Has, " ", d.Wants, " ", d.Safe))
			if d.Why == "" || d.Remedy == "" {
				t.Errorf("%+v: says neither why nor what to do", d)
			}
		}
		if !slices.Equal(got, tt.told) {
			t.Errorf("%+v: told %q, want %q", tt.want, got, tt.told)
		}
	}
	found, err := admin.ListTopics(t.Context(), "a")
	if err != nil || len(found["a"].Partitions) != 4 || setting(t, admin, "a", "retention.ms") != "3600000" {
		t.Errorf("the topic was changed: %+v, %v", found, err)
	}
}

// TestRefusedTopicsAreTold: a cluster's reason reaches the person, per topic.
func TestRefusedTopicsAreTold(t *testing.T) {
	t.Parallel()
	cl := open(t, cluster(t))
	errs := cl.CreateTopics(t.Context(), []wanted.Topic{{Name: "fine", Partitions: 1}, {Name: "bad name", Partitions: 0}})
	if errs[0] != nil || errs[1] == nil || !strings.Contains(errs[1].Error(), "create topic bad name: ") {
		t.Error(errs)
	}
	under, err := cl.TopicsUnder(t.Context(), "fi")
	if err != nil || !slices.Equal(under, []string{"fine"}) {
		t.Error(under, err)
	}
}

func administrator(t *testing.T, c *kfake.Cluster) *kadm.Client {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return kadm.NewClient(client)
}

func setting(t *testing.T, admin *kadm.Client, topic, name string) string {
	t.Helper()
	configs, err := admin.DescribeTopicConfigs(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range configs[0].Configs {
		if c.Key == name {
			return c.MaybeValue()
		}
	}
	return ""
}
