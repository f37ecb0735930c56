package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/omninode-ai/omninode/internal/kafka"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// buryRecord writes a dead letter as node shop does: bury KEY CLASS ERROR... A class of huge is a record
// that is cut; a number of replays may follow the class, as in permanent*3.
func buryRecord(ts *testscript.TestScript, _ bool, args []string) {
	class, times, _ := strings.Cut(args[1], "*")
	ts.Check(bury(ts.Getenv("ONEX_KAFKA_BROKERS"), args[0], class, len(times), strings.Join(args[2:], " ")))
}

// bury writes the letter of a record whose handler gave it up, and that was replayed before.
func bury(brokers, key, class string, replays int, text string) error {
	client, err := kafka.Open(kafka.Config{Brokers: strings.Split(brokers, ",")})
	if err != nil {
		return err
	}
	defer client.Close()
	buy := event.MustRef("shop/buy.v1")
	core, err := engine.New(engine.Config{Node: "shop", Version: "1.2.3", Instance: "a", Inputs: []engine.Input{{Type: buy, Class: event.Command}}})
	if err != nil {
		return err
	}
	e := event.NewRoot("onex://test", buy, key, []byte(`{"item":"`+key+`"}`), time.Now())
	if class == "huge" {
		e.Data = []byte(strings.Repeat(" ", 2<<20))
	}
	r := engine.Record{Topic: "onex.cmd.shop.buy.v1", Offset: time.Now().UnixNano(), Key: key, Headers: e.Headers(), Value: e.Data}
	it := core.Open(r)
	if replays > 0 {
		it = core.Reopen(engine.Parked{Record: r, Reason: engine.Retry})
		it.Replay = &engine.Replay{Count: replays, FirstFailure: time.Now()}
	}
	failure := errors.New(text)
	if class != "exhausted" {
		failure = engine.Permanent(failure)
	}
	d := core.Admit(it, engine.View{}, time.Now())
	c := core.Settle(it, engine.View{}, d, engine.Outcome{Err: failure}, time.Now())
	return errors.Join(client.Produce(context.Background(), c.Outbox)...)
}

// countRecords wants so many committed records on a topic: records TOPIC N.
func countRecords(ts *testscript.TestScript, _ bool, args []string) {
	list, err := read(ts.Getenv("ONEX_KAFKA_BROKERS"), args[0])
	ts.Check(err)
	if want := len(args[1]); len(list) != want {
		ts.Fatalf("%s has %d records, want %d", args[0], len(list), want)
	}
}

func read(brokers, topic string) (list []engine.Record, err error) {
	client, err := kafka.Open(kafka.Config{Brokers: strings.Split(brokers, ",")})
	if err != nil {
		return nil, err
	}
	defer client.Close()
	err = client.ReadTopics(context.Background(), []string{topic}, func(r engine.Record) { list = append(list, r) })
	return list, err
}

// TestReplaysAtTheSameTime: however many people replay the same letters at once, each is sent once.
func TestReplaysAtTheSameTime(t *testing.T) {
	t.Parallel()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "onex.cmd.shop.buy.v1", "onex.dlq.shop.buy.v1", "onex.replay.shop"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	brokers := strings.Join(c.ListenAddrs(), ",")
	const letters, people = 20, 6
	for range letters {
		if err := bury(brokers, "k", "permanent", 0, "no luck"); err != nil {
			t.Fatal(err)
		}
	}
	env := func(name string) (string, bool) {
		if name != "ONEX_KAFKA_BROKERS" {
			return "", false
		}
		return brokers, true
	}
	replay := func() int {
		return run(t.Context(), []string{"dlq", "replay", "shop", "--everything", "--yes"}, env, io.Discard, io.Discard)
	}
	var all sync.WaitGroup
	for range people {
		all.Go(func() { replay() })
	}
	all.Wait()
	if code := replay(); code != exitOK { // what those left who were overtaken
		t.Errorf("exit code %d", code)
	}
	sent, err := read(brokers, "onex.replay.shop")
	if err != nil {
		t.Fatal(err)
	}
	times := map[string]int{}
	for _, r := range sent {
		for _, h := range r.Headers {
			if h.Key == engine.ReplayLetter {
				times[string(h.Value)]++
			}
		}
	}
	if len(sent) != letters || len(times) != letters {
		t.Errorf("%d replays of %d letters, want %d of %d", len(sent), len(times), letters, letters)
	}
}
