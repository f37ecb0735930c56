package kafka_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omninode-ai/omninode/internal/kafka"
	"github.com/omninode-ai/omninode/onex/engine"
)

func member() kafka.Membership {
	return kafka.Membership{Group: "onex.shop", Instance: "a", Topics: []string{topic}}
}

// committed reads n committed records of a topic.
func committed(t *testing.T, c *kfake.Cluster, name string, n int) []string {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.ConsumeTopics(name), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
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

func send(t *testing.T, cl *kafka.Client, n int) {
	t.Helper()
	var records []engine.Outgoing
	for i := range n {
		records = append(records, out(topic, "k", fmt.Sprint(i)))
	}
	if err := errors.Join(cl.Produce(t.Context(), records)...); err != nil {
		t.Fatal(err)
	}
}

// TestTransact: a transaction whose transform fails, or of which something is refused for now, is not
// consumed; one that succeeds is consumed once.
func TestTransact(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.SeedTopics(1, topic, "answers"))
	cl := open(t, c)
	send(t, cl, 1)
	broken := errors.New("broken")
	err := cl.Transact(t.Context(), t.Context(), member(), func(context.Context, []engine.PureInput) ([][]engine.Outgoing, func(), error) {
		return [][]engine.Outgoing{{out("answers", "k", "never")}}, nil, broken
	})
	if !errors.Is(err, broken) {
		t.Fatalf("broken transform: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	tries, done := 0, 0
	err = cl.Transact(ctx, t.Context(), member(), func(_ context.Context, inputs []engine.PureInput) ([][]engine.Outgoing, func(), error) {
		to := "answers"
		if tries++; tries == 1 {
			to = "nowhere"
		}
		return [][]engine.Outgoing{{out("answers", "k", "a"), out(to, "k", string(inputs[0].Value))}}, func() {
			done++
			cancel()
		}, nil
	})
	if err != nil || tries != 2 || done != 1 {
		t.Errorf("%d tries, %d committed: %v", tries, done, err)
	}
	if got := committed(t, c, "answers", 2); !slices.Equal(got, []string{"a", "0"}) {
		t.Errorf("committed %v", got)
	}
}

// TestTransactTellsTheCulprit: of many inputs the one whose output is too large is found and told, and
// the others are committed once and in order. What stands in for it may be refused once more.
func TestTransactTellsTheCulprit(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.SeedTopics(1, topic, "answers"), kfake.BrokerConfigs(map[string]string{"message.max.bytes": "5000"}))
	cl := open(t, c)
	const n, culprit = 40, 17
	noise := "" // does not become smaller by compression
	for len(noise) < 20_000 {
		noise += rand.Text()
	}
	send(t, cl, n)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex
	handled, refusals := 0, []int{}
	err := cl.Transact(ctx, t.Context(), member(), func(_ context.Context, inputs []engine.PureInput) ([][]engine.Outgoing, func(), error) {
		outs := make([][]engine.Outgoing, len(inputs))
		for i, in := range inputs {
			value := string(in.Value)
			if in.Offset == culprit && in.Refusals < 2 {
				value = noise
			}
			if in.Refused != nil {
				refusals = append(refusals, in.Refusals)
			}
			outs[i] = []engine.Outgoing{out("answers", "k", value)}
		}
		return outs, func() {
			mu.Lock()
			defer mu.Unlock()
			if handled += len(inputs); handled == n {
				cancel()
			}
		}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var wanted []string
	for i := range n {
		wanted = append(wanted, fmt.Sprint(i))
	}
	if got := committed(t, c, "answers", n); !slices.Equal(got, wanted) {
		t.Errorf("committed %.200q", got)
	}
	if !slices.Equal(refusals, []int{1, 2}) {
		t.Errorf("the culprit was told %v", refusals)
	}
}
