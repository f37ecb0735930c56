package onex_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omninode-ai/omninode/internal/provision"
	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// poisons returns bad records on the topic of a command, by the class each is to be buried with.
func poisons(ask event.Ref) map[string]struct {
	class  engine.Class
	record *kgo.Record
} {
	good := func() *kgo.Record { return root(event.Command, ask, "p", number{N: 1}) }
	with := func(change func(*kgo.Record)) *kgo.Record {
		r := good()
		change(r)
		return r
	}
	set := func(key, value string) *kgo.Record {
		return with(func(r *kgo.Record) {
			for i := range r.Headers {
				if r.Headers[i].Key == key {
					r.Headers[i].Value = []byte(value)
				}
			}
		})
	}
	bomb := func(n, size int) *kgo.Record {
		return with(func(r *kgo.Record) {
			for i := range n {
				r.Headers = append(r.Headers, kgo.RecordHeader{Key: "x" + strconv.Itoa(i), Value: make([]byte, size)})
			}
		})
	}
	return map[string]struct {
		class  engine.Class
		record *kgo.Record
	}{
		"garbage":        {engine.Malformed, with(func(r *kgo.Record) { r.Headers, r.Value, r.Key = nil, []byte{0, 0xff}, []byte{0xfe, 0} })},
		"broken json":    {engine.Malformed, with(func(r *kgo.Record) { r.Value = []byte(`{"n":`) })},
		"other key":      {engine.Malformed, with(func(r *kgo.Record) { r.Key = []byte("q") })},
		"no causation":   {engine.Incomplete, set("ce_causationid", "")},
		"no time":        {engine.Incomplete, set("ce_time", "")},
		"tombstone":      {engine.Tombstone, with(func(r *kgo.Record) { r.Value = nil })},
		"bare tombstone": {engine.Tombstone, with(func(r *kgo.Record) { r.Value, r.Headers, r.Key = nil, nil, nil })},
		"too large":      {engine.TooLarge, with(func(r *kgo.Record) { r.Value = []byte(strings.Repeat(" ", 990<<10)) })},
		"2 MiB":          {engine.TooLarge, with(func(r *kgo.Record) { r.Value = []byte(strings.Repeat(" ", 2<<20)) })},
		"header bomb":    {engine.HeaderLimit, bomb(20_000, 1)},
		"huge header":    {engine.HeaderLimit, bomb(1, 900<<10)},
		"wrong type":     {engine.WrongType, set("ce_type", ask.Node+"/other.v1")},
		"wrong version":  {engine.WrongVersion, set("ce_type", ask.Node+"/"+ask.Name+".v7")},
		"clock":          {engine.Future, set("ce_time", time.Now().Add(engine.MaxAhead+time.Hour).Format(time.RFC3339Nano))},
		"wrong schema":   {engine.Invalid, with(func(r *kgo.Record) { r.Value = []byte(`{"n":-1}`) })},
	}
}

// TestPoison: each kind of node buries each kind of bad record with its class and its origin, and goes on.
func TestPoison(t *testing.T) {
	t.Parallel()
	f := setup(t)
	worker := f.name("worker")
	asks := map[onex.Kind]event.Ref{
		onex.Compute: ref(f.name("compute"), "ask"), onex.Effect: ref(f.name("effect"), "ask"),
		onex.Reducer: ref(f.name("reducer"), "open"), onex.Orchestrator: ref(f.name("orchestrator"), "start"),
	}
	for _, ask := range asks { // a topic that takes more than the topic of dead letters does
		f.largeTopic(topicOf(event.Command, ask))
	}
	f.start("a", echo(onex.Compute, asks[onex.Compute].Node, engine.RetryPolicy{}, succeed),
		echo(onex.Effect, asks[onex.Effect].Node, engine.RetryPolicy{}, succeed), counter(asks[onex.Reducer].Node),
		flow(asks[onex.Orchestrator].Node, worker, 0), echo(onex.Effect, worker, engine.RetryPolicy{}, succeed))
	for kind, ask := range asks {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			type poison struct {
				name  string
				class engine.Class
			}
			want := map[string]poison{} // by origin
			for name, p := range poisons(ask) {
				f.produceLarge(p.record)
				want[fmt.Sprint(p.record.Partition, "/", p.record.Offset)] = poison{name, p.class}
			}
			f.produce(root(event.Command, ask, "p", number{N: 1}))
			for _, l := range f.letters(len(want), ask) {
				at := fmt.Sprint(l.Origin.Partition, "/", l.Origin.Offset)
				p := want[at]
				if delete(want, at); l.Class != p.class {
					t.Errorf("%s was buried as %s: %s", p.name, l.Class, l.Error)
				}
				if l.Node != ask.Node || l.Version != "1.0.0" || l.Instance != "a" || l.Origin.Topic != topicOf(event.Command, ask) {
					t.Errorf("%s: letter of %s %s %s from %s", p.name, l.Node, l.Version, l.Instance, l.Origin)
				}
			}
			f.stillHandles(kind, ask, worker)
		})
	}
}

// stillHandles waits for what the good input leads to.
func (f *fixture) stillHandles(kind onex.Kind, ask event.Ref, worker string) {
	f.t.Helper()
	switch kind {
	case onex.Reducer:
		f.eventually("the good input is handled", func() error {
			if machine, _ := f.state(ask.Node, "p"); machine != "open" {
				return fmt.Errorf("state %q", machine)
			}
			return nil
		})
	case onex.Orchestrator:
		f.collect(2, topicOf(event.Command, ref(worker, "ask"))) // one for each step
	case onex.Compute, onex.Effect:
		f.collect(1, topicOf(event.Event, ref(ask.Node, "answer")))
	}
}

func engineHeaders(r *kgo.Record) []event.Header {
	headers := make([]event.Header, 0, len(r.Headers))
	for _, h := range r.Headers {
		headers = append(headers, event.Header{Key: h.Key, Value: h.Value})
	}
	return headers
}

// letters reads n dead letters of an input.
func (f *fixture) letters(n int, ask event.Ref) []engine.Letter {
	f.t.Helper()
	var list []engine.Letter
	for _, r := range f.collect(n, event.DeadLetterTopic(ask.Node, ask).String()) {
		l, err := engine.ReadLetter(engine.Record{
			Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Headers: engineHeaders(r), Key: string(r.Key), Value: r.Value,
		})
		if err != nil {
			f.t.Fatal(err)
		}
		list = append(list, l)
	}
	return list
}

// largeTopic creates a topic that takes records of up to 4 MiB.
func (f *fixture) largeTopic(topic string) {
	f.t.Helper()
	size := strconv.Itoa(4 << 20)
	if _, err := f.admin.CreateTopic(f.t.Context(), 3, -1, map[string]*string{"max.message.bytes": &size}, topic); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) produceLarge(r *kgo.Record) {
	f.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(brokers(), ",")...), kgo.ProducerLinger(0),
		kgo.ProducerBatchMaxBytes(4<<20), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		f.t.Fatal(err)
	}
	defer client.Close()
	if err := client.ProduceSync(f.t.Context(), r).FirstErr(); err != nil {
		f.t.Fatalf("produce: %v", err)
	}
}

// parked waits until a node has so many records parked.
func (f *fixture) parked(node string, want int) {
	f.t.Helper()
	query := fmt.Sprintf(`SELECT count(*) FROM %q.parked`, provision.Schema(node))
	f.eventually("records are parked", func() error {
		var n int
		if err := f.db.QueryRow(f.t.Context(), query).Scan(&n); err != nil || n != want {
			return fmt.Errorf("%d are parked, want %d (%w)", n, want, err)
		}
		return nil
	})
}

// replay sends a letter once more.
func (f *fixture) replay(l engine.Letter) {
	f.t.Helper()
	out := l.Replay("ann", time.Now())
	r := &kgo.Record{Topic: out.Topic, Key: []byte(out.Key), Value: out.Value}
	for _, h := range out.Headers {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
	}
	f.produce(r)
}

// TestReplay: a letter that is replayed while its cause lasts is buried again, with the count; once that
// is mended, it is handled, under its own id, however often it is replayed.
func TestReplay(t *testing.T) {
	t.Parallel()
	for _, kind := range []onex.Kind{onex.Compute, onex.Effect} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			var mended atomic.Bool
			ask := ref(f.name(string(kind)), "ask")
			f.start("a", echo(kind, ask.Node, engine.RetryPolicy{}, func(onex.Input[number]) error {
				if !mended.Load() {
					return onex.Permanent(errors.New("broken"))
				}
				return nil
			}))
			sent := root(event.Command, ask, "k", number{N: 1})
			f.produce(sent)
			first := f.letters(1, ask)[0]
			f.replay(first)
			second := f.letters(2, ask)[1]
			if second.Replays != 1 || second.Origin != first.Origin || second.EventID != first.EventID || !second.FirstFailure.Equal(first.FirstFailure) {
				t.Errorf("second letter %+v, first %+v", second, first)
			}
			mended.Store(true)
			f.replay(second)
			times := 1
			if kind == onex.Effect { // the other answers again under the same id
				f.replay(second)
				f.replay(first)
				f.produce(sent)
			}
			answer := f.collect(times, topicOf(event.Event, ref(ask.Node, "answer")))[0]
			if header(answer, "ce_causationid") != first.EventID || header(answer, "ce_correlationid") != first.CorrelationID {
				t.Errorf("answer to %s of %s", header(answer, "ce_causationid"), header(answer, "ce_correlationid"))
			}
			f.letters(2, ask)
		})
	}
}

// TestReplayTakesItsPlace: a replay waits behind what is parked of its key, and is handled after it.
func TestReplayTakesItsPlace(t *testing.T) {
	t.Parallel()
	f := setup(t)
	var open, mended atomic.Bool
	ask := ref(f.name("effect"), "ask")
	policy := engine.RetryPolicy{Attempts: 1000, First: 20 * time.Millisecond, Max: 50 * time.Millisecond}
	f.start("a", echo(onex.Effect, ask.Node, policy, func(in onex.Input[number]) error {
		switch {
		case in.Data.N == 1 && !mended.Load():
			return onex.Permanent(errors.New("broken"))
		case in.Data.N == 2 && !open.Load():
			return errors.New("not yet")
		}
		return nil
	}))
	f.produce(root(event.Command, ask, "k", number{N: 1}))
	l := f.letters(1, ask)[0]
	f.produce(root(event.Command, ask, "k", number{N: 2}), root(event.Command, ask, "k", number{N: 3}))
	f.parked(ask.Node, 2)
	mended.Store(true)
	f.replay(l)
	f.parked(ask.Node, 3)
	open.Store(true)
	var order []int
	for _, r := range f.collect(3, topicOf(event.Event, ref(ask.Node, "answer"))) {
		n, _ := decodeNumber(r.Value)
		order = append(order, n.N)
	}
	if fmt.Sprint(order) != "[2 3 1]" {
		t.Errorf("handled in order %v", order)
	}
}
