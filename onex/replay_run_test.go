package onex_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/internal/deadletter"
	"github.com/omninode-ai/omninode/internal/kafka"
	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// TestDeadLettersComeBackOnce: inputs fail, their letters are read, what was wrong is mended, and people
// replay all of them at the same time: each is handled once, and no letter is left.
func TestDeadLettersComeBackOnce(t *testing.T) {
	t.Parallel()
	f := setup(t)
	var mended atomic.Bool
	ask := ref(f.name("effect"), "ask")
	f.start("a", echo(onex.Effect, ask.Node, engine.RetryPolicy{}, func(onex.Input[number]) error {
		if !mended.Load() {
			return onex.Permanent(errors.New("broken"))
		}
		return nil
	}))
	const inputs, people = 12, 4
	for i := range inputs {
		f.produce(root(event.Command, ask, fmt.Sprint("k", i%3), number{N: i / 3}))
	}
	f.letters(inputs, ask)
	client, err := kafka.Open(kafka.Config{Brokers: strings.Split(brokers(), ",")})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	mended.Store(true)
	var all sync.WaitGroup
	for range people {
		all.Go(func() { _, _ = replayAll(t, client, ask) })
	}
	all.Wait()
	if _, err := replayAll(t, client, ask); err != nil { // what those left who were overtaken
		t.Fatal(err)
	}
	next := map[string]int{}
	for _, r := range f.collect(inputs, topicOf(event.Event, ref(ask.Node, "answer"))) {
		n, _ := decodeNumber(r.Value)
		if n.N != next[string(r.Key)] {
			t.Errorf("key %s: answer %d came when %d was due", r.Key, n.N, next[string(r.Key)])
		}
		next[string(r.Key)]++
	}
	f.collect(2*inputs, event.DeadLetterTopic(ask.Node, ask).String()) // each with its mark, and none again
	if left, err := replayAll(t, client, ask); err != nil || left != 0 {
		t.Errorf("%d letters are left: %v", left, err)
	}
}

// replayAll replays all letters that are open and returns how many there were.
func replayAll(t *testing.T, client *kafka.Client, ask event.Ref) (int, error) {
	t.Helper()
	x, err := client.Claim(t.Context(), "omninode.dlq."+ask.Node)
	if err != nil {
		return 0, err
	}
	defer x.Close()
	box, err := deadletter.Read(t.Context(), client, ask.Node, func(deadletter.Letter) bool { return true })
	if err != nil {
		return 0, err
	}
	rules := deadletter.Rules{Partitions: map[string]int{topicOf(event.Command, ask): 3}}
	plan := box.PlanReplay(box.Select(deadletter.Filter{}), rules)
	var send []kafka.Addressed
	for _, l := range plan.Do {
		for _, s := range deadletter.Replay(l, "ann", time.Now()) {
			send = append(send, kafka.Addressed{Outgoing: s.Record, Partition: s.Partition})
		}
	}
	if len(send) == 0 {
		return 0, nil
	}
	return len(plan.Do), x.Send(t.Context(), send)
}
