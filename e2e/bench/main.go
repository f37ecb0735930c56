// Command bench measures the figures of docs/FIGURES.md and prints each with its spread and, beside
// it, a reference measured in the same run. It judges nothing: a figure is compared with its target
// by a person, because times on a shared machine are no test.
//
//	make bench                  every case
//	make bench CASE=node,image  some of them
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// bench is one run: where it writes and where the repository is.
type bench struct {
	out  io.Writer
	root string // of the repository
	temp string // removed at the end

	rounds   int    // of a speed case
	profiles string // folder for CPU profiles of what is measured; "" keeps none
}

// measure is one case.
type measure struct {
	name string
	doc  string
	run  func(b *bench, ctx context.Context) error
}

func measures() []measure {
	return []measure{
		{"generate", "the code of the whole fleet, in memory, beside go/format on the same bytes", (*bench).generate},
		{"scale", "100 and 1,000 contracts: generation, runs without a change, memory", (*bench).scale},
		{"peers", "the same services and the same mistakes given to other generators; needs the Go module proxy", (*bench).peers},
		{"image", "size of each node's program: all an image holds but certificates", (*bench).image},
		{"node", "a process from its start to ready, beside an empty static program", (*bench).node},
		{"e2e", "omninode e2e --on embedded, warm", (*bench).e2e},
		{"dagger", "a trivial dagger call, warm; needs the engine of make pipeline", (*bench).dagger},
		{"airgap", "ci/airgap up when everything is there", (*bench).airgap},
		{"P1", "a node's throughput beside a bare Kafka loop, watermill-kafka and goka; needs Docker", (*bench).throughput},
		{"P2", "what exactly once costs: a compute node beside a bare GroupTransactSession; needs Docker", (*bench).transactions},
		{"idle", "what a node of each kind costs that has nothing to do; needs Docker", (*bench).idle},
		{"P3", "what a node adds to the way of a record at 1,000 a second; needs Docker", (*bench).latency},
		{"P4", "an outbox relayed to Kafka beside COPY, River and watermill-sql; needs Docker", (*bench).relay},
		{"P5", "from commit to a consumer beside fdatasync and River; needs Docker", (*bench).pickup},
		{"P6", "a reducer's keyed state beside upserts, COPY, a reducer by hand and goka; needs Docker", (*bench).state},
		{"P15", "partitions of a reducer and processes of an orchestrator, 1 or 2 to 8, handlers that wait 5 ms; needs Docker", (*bench).scaleOut},
		{"workflows", "instances of five steps in a row beside go-workflows; needs Docker", (*bench).workflows},
		{"pipeline", "make pipeline, warm, without a change", (*bench).pipeline},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	wanted := flags.String("case", "", "cases to run, comma-separated (default all); list prints them")
	rounds := flags.Int("rounds", 7, "rounds of the cases that alternate (P1, P2, …)")
	profiles := flags.String("profiles", "", "folder for CPU profiles of the processes that those cases measure")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *wanted == "list" {
		for _, m := range measures() {
			fmt.Fprintf(out, "%-9s %s\n", m.name, m.doc)
		}
		return nil
	}
	chosen, err := choose(*wanted)
	if err != nil {
		return err
	}
	root, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("find the repository: %w", err)
	}
	temp, err := os.MkdirTemp("", "omninode-bench-")
	if err != nil {
		return fmt.Errorf("make a folder to build in: %w", err)
	}
	defer func() { _ = os.RemoveAll(temp) }()
	b := &bench{out: out, root: root, temp: temp, rounds: max(*rounds, 1), profiles: *profiles}
	b.machine()
	for _, m := range chosen {
		fmt.Fprintf(out, "\n%s: %s\n", m.name, m.doc)
		if err := m.run(b, ctx); err != nil {
			return fmt.Errorf("case %s: %w", m.name, err)
		}
	}
	return nil
}

func choose(wanted string) ([]measure, error) {
	all := measures()
	if wanted == "" {
		return all, nil
	}
	var chosen []measure
	for name := range strings.SplitSeq(wanted, ",") {
		i := slices.IndexFunc(all, func(m measure) bool { return m.name == name })
		if i < 0 {
			return nil, fmt.Errorf("no case %q; see: go run ./e2e/bench -case list", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// spread prints a series of durations as median (least … most).
func (b *bench) spread(what string, series []time.Duration) {
	slices.Sort(series)
	fmt.Fprintf(b.out, "  %-50s %10s  (%s … %s, n=%d)\n", what, round(median(series)),
		round(series[0]), round(series[len(series)-1]), len(series))
}

// bytes prints a size in MiB.
func (b *bench) bytes(what string, n int64) {
	fmt.Fprintf(b.out, "  %-50s %6.1f MiB\n", what, float64(n)/(1<<20))
}

func round(d time.Duration) time.Duration {
	switch {
	case d > 10*time.Second:
		return d.Round(100 * time.Millisecond)
	case d > time.Second:
		return d.Round(10 * time.Millisecond)
	case d > 10*time.Millisecond:
		return d.Round(100 * time.Microsecond)
	}
	return d.Round(10 * time.Microsecond)
}

// middle returns the median of a series in any order.
func middle(series []time.Duration) time.Duration {
	return median(slices.Sorted(slices.Values(series)))
}

// median returns the middle of a sorted series.
func median(series []time.Duration) time.Duration { return series[len(series)/2] }

// inTurn times several functions n times, one after the other in each round, so that a machine's mood
// strikes all alike; the first round does not count.
func inTurn(n int, fs ...func() error) ([][]time.Duration, error) {
	series := make([][]time.Duration, len(fs))
	for round := range n + 1 {
		for i, f := range fs {
			start := time.Now()
			if err := f(); err != nil {
				return nil, err
			}
			if round > 0 {
				series[i] = append(series[i], time.Since(start))
			}
		}
	}
	for _, s := range series {
		slices.Sort(s)
	}
	return series, nil
}

// repeat times f n times, after one run that does not count.
func repeat(n int, f func() error) ([]time.Duration, error) {
	var series []time.Duration
	for i := range n + 1 {
		start := time.Now()
		if err := f(); err != nil {
			return nil, err
		}
		if i > 0 {
			series = append(series, time.Since(start))
		}
	}
	return series, nil
}
