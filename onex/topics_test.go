package onex_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// TestOwnerDecidesAboutTopics: topics are created as their owner declares them, dead letters by
// themselves; a topic that differs is told of and works on.
func TestOwnerDecidesAboutTopics(t *testing.T) {
	t.Parallel()
	f := setup(t)
	name := f.name("effect")
	ask, answer := ref(name, "ask"), ref(name, "answer")
	node := echo(onex.Effect, name, engine.RetryPolicy{}, succeed)
	node.Topics = []onex.Topic{{Type: ask, Partitions: 5}, {Type: answer, Retention: 36 * time.Hour}}
	f.start("a", node).halt()

	asks, answers, dead := topicOf(event.Command, ask), topicOf(event.Event, answer), event.DeadLetterTopic(name, ask).String()
	topics, err := f.admin.ListTopics(t.Context(), asks, answers, dead)
	if err != nil {
		t.Fatal(err)
	}
	for topic, want := range map[string]int{asks: 5, answers: 3, dead: 1} {
		if got := len(topics[topic].Partitions); got != want {
			t.Errorf("topic %s has %d partitions, want %d", topic, got, want)
		}
	}
	if got := f.retention(answers); got != "129600000" {
		t.Errorf("retention.ms is %q, want that of 36h", got)
	}
	if strings.Contains(f.logs.String(), "is left so") {
		t.Error("a topic just created differs")
	}

	node.Topics = []onex.Topic{{Type: ask, Partitions: 7}}
	r := f.start("a", node)
	if want := "property=partitions has=5 wants=7"; !strings.Contains(f.logs.String(), want) {
		t.Errorf("the log does not say %q", want)
	}
	f.produce(root(event.Command, ask, "k", number{N: 1}))
	f.collect(1, answers)
	if want := fmt.Sprintf("onex_topic_drift{node=%q,property=\"partitions\",topic=%q} 1", name, asks); !strings.Contains(metricsOf(r), want) {
		t.Errorf("the metrics do not say %s", want)
	}
}

// TestOwnerCreatesTheTopicOfAReplacedEvent: nobody sends it any more, but whoever handles its newer
// version subscribes to it and would wait for ever.
func TestOwnerCreatesTheTopicOfAReplacedEvent(t *testing.T) {
	t.Parallel()
	f := setup(t)
	owner, reader := f.name("owner"), f.name("reader")
	node := echo(onex.Effect, owner, engine.RetryPolicy{}, succeed)
	gone := ref(owner, "told")
	node.Topics = []onex.Topic{{Type: gone, Class: event.Event, Partitions: 2}}
	waiting := echo(onex.Effect, reader, engine.RetryPolicy{}, succeed)
	waiting.Inputs[0] = engine.Input{Type: gone, Class: event.Event, Emits: waiting.Inputs[0].Emits}
	waiting.Build = func(context.Context, *config.Values) (onex.Wiring, error) {
		return onex.Wiring{Routes: onex.Routes{gone: onex.Handle(decodeNumber, func(context.Context, onex.Input[number], *onex.Emissions) error { return nil })}}, nil
	}
	f.start("a", node, waiting)
	topics, err := f.admin.ListTopics(t.Context(), topicOf(event.Event, gone))
	if err != nil || len(topics[topicOf(event.Event, gone)].Partitions) != 2 {
		t.Errorf("topics %+v, %v", topics, err)
	}
}

func (f *fixture) retention(topic string) string {
	f.t.Helper()
	configs, err := f.admin.DescribeTopicConfigs(f.t.Context(), topic)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, c := range configs[0].Configs {
		if c.Key == "retention.ms" {
			return c.MaybeValue()
		}
	}
	f.t.Fatalf("topic %s has no retention.ms", topic)
	return ""
}

func metricsOf(r *running) string {
	_, body := r.read("/metrics")
	return body
}

// TestVanishedTopic: a node whose topic is deleted while it runs is not ready and says why, goes on with
// its other input, and takes up the topic again once it is back.
func TestVanishedTopic(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for two looks at the topics")
	}
	f := setup(t)
	node := echo(onex.Effect, f.name("effect"), engine.RetryPolicy{}, succeed)
	asks, answers := topicOf(event.Command, ref(node.Name, "ask")), topicOf(event.Event, ref(node.Name, "answer"))
	r := f.start("a", node)
	f.produce(root(event.Command, ref(node.Name, "ask"), "k", number{}))
	f.collect(1, answers)
	if _, err := f.admin.DeleteTopics(t.Context(), asks); err != nil {
		t.Fatal(err)
	}
	f.eventually("the reason is told", func() error {
		if status, body := r.read("/readyz"); status != 503 || !strings.Contains(body, "topic "+asks+" was deleted") {
			return fmt.Errorf("answer %d %s", status, body)
		}
		return nil
	})
	f.topic(asks)
	f.eventually("it is ready again", func() error { return r.get("/readyz", 200) })
	f.kafka.PurgeTopicsFromClient(asks) // it is another topic now
	f.produce(root(event.Command, ref(node.Name, "ask"), "k", number{N: 1}))
	f.collect(2, answers)
}
