package kafka_test

import (
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omninode-ai/omninode/internal/kafka"
)

func TestTopics(t *testing.T) {
	t.Parallel()
	cl := open(t, cluster(t))
	for range 2 {
		if diff, err := cl.EnsureTopics(t.Context(), []kafka.Topic{{Name: topic}, {Name: "other"}}); err != nil || len(diff) > 0 {
			t.Fatal(diff, err)
		}
	}
	missing, err := cl.Missing(t.Context(), []string{"z", topic, "a"})
	if err != nil || !slices.Equal(missing, []string{"a", "z"}) {
		t.Errorf("missing %v, %v", missing, err)
	}
	if missing, err := cl.Missing(t.Context(), nil); err != nil || missing != nil {
		t.Errorf("nothing is missing: %v, %v", missing, err)
	}
}

// TestTopicsAreCreatedAsDeclared looks at partitions and retention with a client of its own.
func TestTopicsAreCreatedAsDeclared(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	_, err := open(t, c).EnsureTopics(t.Context(), []kafka.Topic{
		{Name: "plain"}, {Name: "wide", Partitions: 12}, {Name: "kept", Retention: 36 * time.Hour},
	})
	if err != nil {
		t.Fatal(err)
	}
	admin := administrator(t, c)
	topics, err := admin.ListTopics(t.Context(), "plain", "wide", "kept")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{"plain": kafka.DefaultPartitions, "wide": 12, "kept": kafka.DefaultPartitions} {
		if got := len(topics[name].Partitions); got != want {
			t.Errorf("topic %s has %d partitions, want %d", name, got, want)
		}
	}
	if kept, plain := retention(t, admin, "kept"), retention(t, admin, "plain"); kept != "129600000" || plain == kept {
		t.Errorf("retention.ms is %q if declared as 36h, %q if not declared", kept, plain)
	}
}

// TestTopicsThatDifferAreLeftAlone: a difference is told with its remedy; nothing is changed.
func TestTopicsThatDifferAreLeftAlone(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	if _, err := open(t, c).EnsureTopics(t.Context(), []kafka.Topic{{Name: "a", Partitions: 4, Retention: time.Hour}}); err != nil {
		t.Fatal(err)
	}
	cl := open(t, c) // as after a restart: a client remembers for a moment what was not there
	for _, tt := range []struct {
		declared kafka.Topic
		want     []string
	}{
		{kafka.Topic{Name: "a", Partitions: 4, Retention: time.Hour}, nil},
		{kafka.Topic{Name: "a"}, nil},
		{kafka.Topic{Name: "a", Partitions: 6}, []string{"partitions 4 6 once its records are consumed, since keys move: kafka-topics.sh --alter --topic a --partitions 6"}},
		{kafka.Topic{Name: "a", Partitions: 2}, []string{"partitions 4 2 declare a new version of the message: a topic cannot lose partitions"}},
		{kafka.Topic{Name: "a", Retention: 2 * time.Hour}, []string{"retention.ms 3600000 7200000 kafka-configs.sh --alter --topic a --add-config retention.ms=7200000"}},
	} {
		diff, err := cl.EnsureTopics(t.Context(), []kafka.Topic{tt.declared})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range diff {
			got = append(got, d.Property+" "+d.Has+" "+d.Declared+" "+d.Remedy)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%+v: told %q, want %q", tt.declared, got, tt.want)
		}
	}
	admin := administrator(t, c)
	topics, err := admin.ListTopics(t.Context(), "a")
	if err != nil || len(topics["a"].Partitions) != 4 || retention(t, admin, "a") != "3600000" {
		t.Errorf("the topic was changed: %+v, %v", topics, err)
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

func retention(t *testing.T, admin *kadm.Client, topic string) string {
	t.Helper()
	configs, err := admin.DescribeTopicConfigs(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range configs[0].Configs {
		if c.Key == "retention.ms" {
			return c.MaybeValue()
		}
	}
	return ""
}
