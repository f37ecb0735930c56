package onex

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"

	"github.com/omninode-ai/omninode/internal/delivery"
	"github.com/omninode-ai/omninode/internal/kafka"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// A seed is a broker in memory of three nodes, some processes of a node that come and go, and faults on
// every kind of request. It fixes the faults, not how goroutines interleave.
//
//	go test ./onex -run 'TestSeeds$' -v                      the short form
//	go test ./onex -run 'TestSeeds$' -v -seeds=1000 -timeout 30m   the full form
//	go test ./onex -run 'TestSeeds$' -v -seeds=1 -seed=17          one seed again
var (
	seedCount = flag.Int("seeds", 10, "how many seeds TestSeeds runs") //nolint:gochecknoglobals // flags of a test
	firstSeed = flag.Uint64("seed", 1, "the first seed of TestSeeds")  //nolint:gochecknoglobals // flags of a test
)

const (
	seedRecords = 2000
	seedKeys    = 40
	seedBudget  = 2 * time.Minute
)

// TestSeeds: whatever request fails, is late or is not answered, and whoever comes and goes, every
// input is answered once and in order of its key, and nothing of an aborted transaction is read.
func TestSeeds(t *testing.T) {
	t.Parallel()
	n := *seedCount
	hits, aborted := runSeeds(t, n, (*seedRun).transact, (*seedRun).consume)
	least := 0 // few seeds cannot hit what a node seldom asks for
	if n >= 30 {
		least = 1
	}
	if n >= 1000 {
		least = 50
	}
	for _, key := range seedRequests() {
		t.Logf("%-16s %6d faults", key.name, hits[key.name])
		if hits[key.name] < least {
			t.Errorf("requests of type %s had %d faults, want %d", key.name, hits[key.name], least)
		}
	}
	if n >= 10 && aborted == 0 {
		t.Error("no transaction was aborted: the faults do not bite")
	}
	if !t.Failed() {
		t.Logf("%d seeds from %d, %d records each: 0 lost, 0 twice, 0 out of order; %d records of aborted transactions, none read",
			n, *firstSeed, seedRecords, aborted)
	}
}

// TestSeedSchedule: what goes wrong, and in what order, is a function of the seed alone.
func TestSeedSchedule(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		if !reflect.DeepEqual(seedSchedule(seed), seedSchedule(seed)) {
			t.Errorf("seed %d has two schedules", seed)
		}
		if reflect.DeepEqual(seedSchedule(seed), seedSchedule(seed+1)) {
			t.Errorf("seeds %d and %d have one schedule", seed, seed+1)
		}
		for n := range uint64(500) {
			late, lost := seedAnswerFate(seed, kmsg.Produce, n)
			if again, gone := seedAnswerFate(seed, kmsg.Produce, n); late != again || lost != gone {
				t.Errorf("seed %d: answer %d has two fates", seed, n)
			}
		}
	}
}

// TestSeedsSeeCarelessCommits: a node that commits its offsets beside its transactions is found out.
func TestSeedsSeeCarelessCommits(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		if err := newSeedRun(seed + 1).run((*seedRun).careless); err != nil {
			t.Logf("seed %d: %v", seed+1, err)
			return
		}
	}
	t.Error("no seed found a node that commits offsets beside its transactions")
}

// runSeeds runs seeds with each of the ways in turn.
func runSeeds(t *testing.T, n int, ways ...way) (hits map[string]int, aborted int) {
	t.Helper()
	var group errgroup.Group
	group.SetLimit(6 * runtime.GOMAXPROCS(0)) // they mostly wait
	var mu sync.Mutex
	hits = map[string]int{}
	for i := range n {
		group.Go(func() error {
			seed := *firstSeed + uint64(i)
			r := newSeedRun(seed)
			err := r.run(ways[seed%uint64(len(ways))])
			mu.Lock()
			defer mu.Unlock()
			for name, n := range r.faults.counts() {
				hits[name] += n
			}
			aborted += r.aborted
			if err != nil {
				t.Errorf("seed %d: %v (go test ./onex -run 'TestSeeds$' -seeds=1 -seed=%d)", seed, err, seed)
			}
			return nil
		})
	}
	_ = group.Wait()
	return hits, aborted
}

// way is how a process of the node works until ctx ends.
type way func(r *seedRun, ctx, work context.Context, p seedProcess) error

// seedProcess is one process of the node.
type seedProcess struct {
	kafka    *kafka.Client
	options  []kgo.Opt // of its clients
	instance string
}

// seedRun is one seed.
type seedRun struct {
	seed    uint64
	random  *rand.Rand // of the main goroutine
	cluster *kfake.Cluster
	faults  *seedFaults
	store   *engine.Memory // of an effect
	aborted int
}

func newSeedRun(seed uint64) *seedRun {
	return &seedRun{seed: seed, random: rand.New(rand.NewPCG(seed, 0)), store: engine.NewMemory()}
}

func seedAsk() event.Ref    { return event.MustRef("seeded/ask.v1") }
func seedAnswer() event.Ref { return event.MustRef("seeded/answer.v1") }

func seedIn() string  { return event.Topic{Class: event.Command, Ref: seedAsk()}.String() }
func seedOut() string { return event.Topic{Class: event.Event, Ref: seedAnswer()}.String() }

func (r *seedRun) run(w way) error {
	var err error
	r.cluster, err = kfake.NewCluster(kfake.NumBrokers(3), kfake.SeedTopics(4, seedIn(), seedOut()), kfake.GroupMinSessionTimeout(time.Second))
	if err != nil {
		return err
	}
	defer r.cluster.Close()
	reading := context.Background()
	ctx, cancel := context.WithTimeout(reading, seedBudget)
	defer cancel()
	source, err := kgo.NewClient(kgo.SeedBrokers(r.cluster.ListenAddrs()...))
	if err != nil {
		return err
	}
	defer source.Close()
	if _, _, err := source.ProducerID(ctx); err != nil { // a fault would be the end of all it sends
		return err
	}
	r.faults = newSeedFaults(r.cluster, r.seed)
	working, finish := context.WithCancel(ctx)
	var background sync.WaitGroup
	background.Go(func() { r.faults.run(working) })
	for i := range 3 {
		random := rand.New(rand.NewPCG(r.random.Uint64(), 2))
		background.Go(func() { r.process(working, w, strconv.Itoa(i), random) })
	}
	reached := errors.Join(produce(ctx, source), r.await(ctx))
	r.faults.end()
	finish()
	background.Wait()
	return errors.Join(reached, r.check(reading))
}

// produce sends the inputs, a few at a time.
func produce(ctx context.Context, cl *kgo.Client) error {
	var sent kgo.FirstErrPromise
	for i := range seedRecords {
		e := event.NewRoot("onex://test", seedAsk(), fmt.Sprint("k", i%seedKeys), fmt.Append(nil, i/seedKeys), time.Unix(0, 0))
		rec := &kgo.Record{Topic: seedIn(), Key: []byte(e.PartitionKey), Value: e.Data}
		for _, h := range e.Headers() {
			rec.Headers = append(rec.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
		cl.Produce(ctx, rec, sent.Promise())
		if i%seedKeys == seedKeys-1 {
			if err := errors.Join(cl.Flush(ctx), sleep(ctx, 20*time.Millisecond)); err != nil {
				return err
			}
		}
	}
	return sent.Err()
}

// process is a place of the node: one process after the other, each for a while, of which some stop in
// good order and others are cut off.
func (r *seedRun) process(ctx context.Context, w way, instance string, random *rand.Rand) {
	for ctx.Err() == nil {
		life, cut := time.Duration(200+random.IntN(1500))*time.Millisecond, random.IntN(2) == 0
		if r.faults.ended() {
			life, cut = seedBudget, false
		}
		n := &seedNet{faults: r.faults, conns: map[*seedConn]bool{}}
		p := seedProcess{instance: instance, options: []kgo.Opt{
			// kfake miscounts who has joined when a member leaves while it waits to sync: the rebalance then ends by its timeout.
			kgo.RebalanceTimeout(2 * time.Second),
			kgo.HeartbeatInterval(50 * time.Millisecond), kgo.SessionTimeout(2 * time.Second), kgo.TransactionTimeout(1500 * time.Millisecond),
			kgo.RetryBackoffFn(func(int) time.Duration { return 5 * time.Millisecond }), kgo.MetadataMinAge(10 * time.Millisecond),
			kgo.RecordDeliveryTimeout(2 * time.Second), kgo.RetryTimeout(2 * time.Second), kgo.Dialer(n.dial),
		}}
		var err error
		p.kafka, err = kafka.Open(kafka.Config{Brokers: r.cluster.ListenAddrs(), Log: slog.New(slog.DiscardHandler), Options: p.options})
		if err != nil {
			return
		}
		alive, stop := context.WithTimeout(ctx, life)
		work, die := context.WithCancel(context.WithoutCancel(ctx))
		context.AfterFunc(alive, func() {
			if cut {
				n.down()
				die()
			}
		})
		for alive.Err() == nil {
			if err := w(r, alive, work, p); err != nil && sleep(alive, 5*time.Millisecond) != nil {
				break
			}
		}
		stop()
		die()
		p.kafka.Close()
	}
}

func (r *seedRun) processor(pure bool) (*delivery.Processor, error) {
	core, err := engine.New(engine.Config{Node: "seeded", Pure: pure, Inputs: []engine.Input{
		{Type: seedAsk(), Class: event.Command, Emits: []event.Ref{seedAnswer()}},
	}})
	if err != nil {
		return nil, err
	}
	answer := func(_ context.Context, c engine.Call) engine.Outcome {
		return engine.Outcome{Emissions: []engine.Emission{
			{Class: event.Event, Type: seedAnswer(), Key: c.Event.PartitionKey, Data: c.Event.Data},
		}}
	}
	return &delivery.Processor{
		Core: core, Handlers: Routes{seedAsk(): answer}, Observer: observer{newMetrics(), "seeded"},
		Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}, nil
}

func (p seedProcess) membership() kafka.Membership {
	return kafka.Membership{Group: "onex.seeded", Instance: "seeded-" + p.instance, Topics: []string{seedIn()}}
}

// transact is a compute node.
func (r *seedRun) transact(ctx, work context.Context, p seedProcess) error {
	processor, err := r.processor(true)
	if err != nil {
		return err
	}
	return p.kafka.Transact(ctx, work, p.membership(), processor.Transform)
}

// consume is an effect whose store is in memory, shared by the processes as a database is.
func (r *seedRun) consume(ctx, work context.Context, p seedProcess) error {
	processor, err := r.processor(false)
	if err != nil {
		return err
	}
	processor.Store = r.store
	o := observer{newMetrics(), "seeded"}
	m := &member{
		process: &process{kafka: p.kafka, env: environment{Instance: p.instance}}, node: Node{Name: "seeded"}, core: processor.Core, observer: o,
	}
	return m.consume(ctx, &claims{Dispatcher: delivery.NewDispatcher(processor, false), work: work, observer: o})
}

// careless is a node with a bug: it commits its offsets to the group beside its transaction.
func (r *seedRun) careless(ctx, work context.Context, p seedProcess) error {
	processor, err := r.processor(true)
	if err != nil {
		return err
	}
	m := p.membership()
	cl, err := kgo.NewClient(append(p.options, kgo.SeedBrokers(r.cluster.ListenAddrs()...), kgo.ConsumerGroup(m.Group), kgo.InstanceID(m.Instance),
		kgo.ConsumeTopics(m.Topics...), kgo.TransactionalID(m.Instance), kgo.DisableAutoCommit(), kgo.FetchIsolationLevel(kgo.ReadCommitted()))...)
	if err != nil {
		return err
	}
	defer cl.CloseAllowingRebalance()
	for {
		fetches := cl.PollRecords(ctx, 100)
		if ctx.Err() != nil {
			return nil
		}
		var inputs []engine.PureInput
		fetches.EachRecord(func(rec *kgo.Record) {
			in := engine.Record{Topic: rec.Topic, Partition: rec.Partition, Offset: rec.Offset, Key: string(rec.Key), Value: rec.Value}
			for _, h := range rec.Headers {
				in.Headers = append(in.Headers, event.Header{Key: h.Key, Value: h.Value})
			}
			inputs = append(inputs, engine.PureInput{Record: in})
		})
		out, _, err := processor.Transform(work, inputs)
		if err != nil {
			return err
		}
		if err := cl.BeginTransaction(); err != nil {
			return err
		}
		for _, records := range out {
			for _, o := range records {
				cl.Produce(work, &kgo.Record{Topic: o.Topic, Key: []byte(o.Key), Value: o.Value}, nil)
			}
		}
		if err := errors.Join(cl.Flush(work), cl.CommitUncommittedOffsets(work), cl.EndTransaction(work, kgo.TryCommit)); err != nil {
			return err
		}
	}
}

// answers reads what is committed, or all that was written, until there is as much as was asked, and
// what comes for a moment after that.
func (r *seedRun) answers(ctx context.Context, level kgo.IsolationLevel) (list []engine.Outgoing, err error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(r.cluster.ListenAddrs()...), kgo.ConsumeTopics(seedOut()), kgo.FetchIsolationLevel(level), kgo.FetchMaxWait(50*time.Millisecond))
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var once sync.Once
	for ctx.Err() == nil {
		fetches := cl.PollFetches(ctx)
		if wrong := fetches.Err(); wrong != nil && ctx.Err() == nil {
			err = errors.Join(err, wrong) // of interest if something lacks
		}
		fetches.EachRecord(func(rec *kgo.Record) {
			list = append(list, engine.Outgoing{Key: string(rec.Key), Value: rec.Value})
		})
		if len(list) >= seedRecords {
			err = nil
			once.Do(func() { time.AfterFunc(300*time.Millisecond, cancel) })
		}
	}
	return list, err
}
