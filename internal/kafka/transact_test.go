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

// watcher is told what happens to a membership.
type watcher struct {
	mu   sync.Mutex
	lost int64
}

func (w *watcher) Rebalanced()      {}
func (w *watcher) Transaction(bool) {}
func (w *watcher) Waiting(error)    {}
func (w *watcher) Lost(_ string, _ int32, records int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lost += records
}

// TestDeletedRecordsAreTold: where the log begins after what was handled, consumption goes on at its
// begin, and what was deleted in between is told, before a session and during one.
func TestDeletedRecordsAreTold(t *testing.T) {
	t.Parallel()
	c := cluster(t, kfake.SeedTopics(1, topic))
	cl := open(t, c)
	send(t, cl, 10)
	w := &watcher{}
	k := newTaken()
	k.next[0] = 2
	if err := c.DeleteRecords(topic, 0, 7); err != nil {
		t.Fatal(err)
	}
	m := member()
	m.Observer, m.Progress = w, &kafka.Progress{}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- cl.Consume(ctx, m, k) }()
	k.await(t, 3)
	if k.values[0] != "7" || w.lost != 5 {
		t.Errorf("continued with %v, told of %d lost records, want 5", k.values, w.lost)
	}
	behind := m.Progress.Behind(time.Now())
	if len(behind) != 1 || behind[0].Records != 0 {
		t.Errorf("behind: %+v", behind)
	}
	k.flow(true)
	send(t, cl, 4)
	if err := cl.Refresh(t.Context(), m.Progress); err != nil {
		t.Fatal(err)
	}
	if behind = m.Progress.Behind(time.Now()); behind[0].Records != 4 {
		t.Errorf("paused and behind: %+v", behind)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if behind = m.Progress.Behind(time.Now()); len(behind) != 0 {
		t.Errorf("after the session: %+v", behind)
	}
}
