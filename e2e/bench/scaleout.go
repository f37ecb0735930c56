package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omninode-ai/omninode/e2e/bench/load"
	"github.com/omninode-ai/omninode/e2e/servers"
	"github.com/omninode-ai/omninode/internal/process"
)

// What P15 measures: handlers that wait, on more partitions and in more processes.
const (
	waits          = "BENCH_WAIT=5ms"
	mostParts      = 8
	perPartition   = 400 // records of the one key that a partition has
	scaleInstances = 4_000
)

// scaleOut is P15.
func (b *bench) scaleOut(ctx context.Context) error {
	reducers, flows := map[int]series{}, map[int]series{}
	for range b.rounds {
		for _, parts := range []int{1, mostParts} {
			err := b.onStage(ctx, func(ctx context.Context, s *stage) error {
				rate, err := s.waitingReducer(ctx, parts)
				reducers[parts] = append(reducers[parts], rate)
				return err
			})
			if err != nil {
				return fmt.Errorf("reducer on %d partitions: %w", parts, err)
			}
		}
		err := b.onStage(ctx, func(ctx context.Context, s *stage) error {
			for _, n := range []int{2, mostParts} {
				rate, err := s.waitingFlows(ctx, n)
				if err != nil {
					return fmt.Errorf("orchestrator in %d processes: %w", n, err)
				}
				flows[n] = append(flows[n], rate)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	fmt.Fprintf(b.out, "  reducer, one key each on 1 partition   %s records/s\n  reducer, one key each on 8 partitions  %s records/s\n", reducers[1], reducers[mostParts])
	fmt.Fprintf(b.out, "  orchestrator in 2 processes            %s instances/s\n  orchestrator in 8 processes            %s instances/s\n", flows[2], flows[mostParts])
	b.row("a reducer's partitions, 1 to 8, handler waits 5 ms", "≥ 0.85 linear", fmt.Sprintf("%.2f linear (%s records/s)",
		ratios(reducers[mostParts], reducers[1]).median()/mostParts, reducers[mostParts]), "make bench CASE=P15")
	b.row("an orchestrator's processes, 2 to 8 on the same cores, handlers wait 5 ms", "≥ 0.9 linear", fmt.Sprintf("%.2f linear (%s instances/s)",
		ratios(flows[mostParts], flows[2]).median()/(mostParts/2), flows[mostParts]), "make bench CASE=P15")
	return nil
}

// waitingReducer returns how many records a second a reducer settles whose partitions have one key each, so that
// nothing of a partition can be handled side by side.
func (s *stage) waitingReducer(ctx context.Context, parts int) (float64, error) {
	if err := s.create(ctx, load.InputTopic(), int32(parts), nil); err != nil {
		return 0, err
	}
	first := kgo.AbortingFirstErrPromise(s.kgo)
	for _, key := range keysOf(load.InputTopic(), parts) {
		for n := range perPartition {
			r, err := load.Record(load.InputTopic(), load.Input(), key+n<<20, 1<<20, time.Now())
			if err != nil {
				return 0, err
			}
			s.kgo.Produce(ctx, r, first.Promise())
		}
	}
	if err := first.Err(); err != nil {
		return 0, err
	}
	one, err := s.reducer("").prepare(ctx, s.name("run"))
	if err != nil {
		return 0, err
	}
	one.cmd.Env = append(one.cmd.Env, waits)
	l, err := one.measure(ctx, parts*perPartition)
	return l.rate, err
}

// keysOf returns for each partition of a topic the number of a key that is sent there.
func keysOf(topic string, parts int) []int {
	found := make([]int, parts)
	partition := kgo.StickyKeyPartitioner(nil).ForTopic(topic)
	for left, i := parts, 1; left > 0; i++ {
		at := partition.Partition(&kgo.Record{Key: []byte(load.Key(i, 1<<20))}, parts)
		if found[at] == 0 {
			found[at], left = i, left-1
		}
	}
	return found
}

// waitingFlows returns how many instances a second so many processes lead through their steps.
func (s *stage) waitingFlows(ctx context.Context, processes int) (rate float64, err error) {
	node := s.name("run")
	env, err := s.node(ctx, node)
	if err != nil {
		return 0, err
	}
	hand, err := s.node(ctx, load.Hand(node))
	if err != nil {
		return 0, err
	}
	output := load.OutputTopic(node)
	if err := errors.Join(s.topic(ctx, output), s.starts(ctx, node, mostParts, scaleInstances)); err != nil {
		return 0, err
	}
	var running []*process.Process
	defer func() {
		for _, p := range running {
			err = errors.Join(err, p.Stop(20*time.Second, syscall.SIGTERM))
		}
	}()
	for i := range processes {
		port, err := servers.FreePort(ctx)
		if err != nil {
			return 0, err
		}
		own := []string{waits, "ONEX_INSTANCE=bench-" + strconv.Itoa(i), "ONEX_HTTP_ADDR=127.0.0.1:" + port}
		p, err := process.Start(s.command(ctx, s.subject, "flow", slices.Concat(hand, env, own)...), process.Config{})
		if err != nil {
			return 0, err
		}
		running = append(running, p)
	}
	return s.rateOf(ctx, running, output)
}

// rateOf watches a topic until every instance has ended; the first fifth does not count.
func (s *stage) rateOf(ctx context.Context, running []*process.Process, output string) (float64, error) {
	var from time.Time
	var first int64
	deadline := time.Now().Add(2 * time.Minute)
	for time.Now().Before(deadline) {
		if err := pause(ctx, watchEvery); err != nil {
			return 0, err
		}
		for _, p := range running {
			select {
			case <-p.Done():
				return 0, fmt.Errorf("a process ended: %w\n%s", p.Err(), strings.Join(p.Tail(), "\n"))
			default:
			}
		}
		n, err := s.count(ctx, output)
		switch {
		case err != nil:
			return 0, err
		case n >= scaleInstances:
			return float64(n-first) / time.Since(from).Seconds(), s.check(ctx, output)
		case from.IsZero() && n >= scaleInstances/5:
			from, first = time.Now(), n
		}
	}
	return 0, errors.New("not every instance ended within two minutes")
}
