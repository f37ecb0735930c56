package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omninode-ai/omninode/e2e/bench/load"
	"github.com/omninode-ai/omninode/internal/process"
)

const (
	idleSettle = 10 * time.Second // from ready until nothing of the start is left
	idleFor    = 30 * time.Second
)

// idle measures what a node of each kind costs that has nothing to do.
func (b *bench) idle(ctx context.Context) error {
	return b.onStage(ctx, func(ctx context.Context, s *stage) error {
		if err := s.topic(ctx, load.InputTopic()); err != nil {
			return err
		}
		kinds := []string{"compute", "effect", "reducer", "orchestrator"}
		var running []*process.Process
		defer func() {
			for _, p := range running {
				_ = p.Stop(20*time.Second, syscall.SIGTERM)
			}
		}()
		for _, kind := range kinds {
			p, err := s.start(ctx, kind, s.name(kind))
			if err != nil {
				return err
			}
			running = append(running, p)
		}
		if err := pause(ctx, idleSettle); err != nil {
			return err
		}
		var before []time.Duration
		for _, p := range running {
			used, err := cpuTime(p.Pid())
			if err != nil {
				return err
			}
			before = append(before, used)
		}
		if err := pause(ctx, idleFor); err != nil {
			return err
		}
		var cores, sizes series
		for i, p := range running {
			used, err := cpuTime(p.Pid())
			if err != nil {
				return err
			}
			size, err := residentBytes(p.Pid())
			if err != nil {
				return err
			}
			cores, sizes = append(cores, 100*(used-before[i]).Seconds()/idleFor.Seconds()), append(sizes, float64(size)/(1<<20))
			fmt.Fprintf(b.out, "  %-14s %.2f %% of a core over %s, %.1f MiB resident\n", kinds[i], cores[i], idleFor, sizes[i])
		}
		b.row("idle node: CPU; resident memory", "≤ 0.5 % of a core; ≤ 40 MiB",
			fmt.Sprintf("%.2f to %.2f %%; %.0f to %.0f MiB (the four kinds)", cores.sorted()[0], cores.sorted()[3], sizes.sorted()[0], sizes.sorted()[3]),
			"make bench CASE=idle")
		return nil
	})
}

// start runs a node and waits until it is ready.
func (s *stage) start(ctx context.Context, kind, node string) (*process.Process, error) {
	env, err := s.node(ctx, node)
	if err != nil {
		return nil, err
	}
	p, err := process.Start(s.command(ctx, s.subject, kind, append(env, s.profile(kind)...)...), process.Config{})
	if err != nil {
		return nil, err
	}
	addr := ""
	for _, e := range env {
		if value, ok := strings.CutPrefix(e, "ONEX_HTTP_ADDR="); ok {
			addr = value
		}
	}
	if err := awaitReady(ctx, "http://"+addr+"/readyz"); err != nil {
		_ = p.Stop(time.Second, syscall.SIGTERM)
		return nil, fmt.Errorf("%s: %w\n%s", kind, err, strings.Join(p.Tail(), "\n"))
	}
	return p, nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// What P3 sends: so many a second, for so long in each round.
const (
	steadyRate  = 1000
	steadyRound = 5 * time.Second
)

// steady is what a process showed at a steady load.
type steady struct {
	p50, p90, p99 float64 // milliseconds from before it was produced until a consumer has it
	cores         float64 // CPU per second
	resident      float64 // MiB
}

// latency is P3: what a node adds to the way from producer to consumer at 1,000 records a second.
func (b *bench) latency(ctx context.Context) error {
	return b.onStage(ctx, func(ctx context.Context, s *stage) error {
		if err := s.topic(ctx, load.InputTopic()); err != nil {
			return err
		}
		subjects := []string{"bare", "session", "compute", "effect"}
		all := map[string][]steady{}
		for range max(b.rounds/2, 1) { // a round is long
			for _, role := range subjects {
				one, err := s.steady(ctx, role)
				if err != nil {
					return fmt.Errorf("%s: %w", role, err)
				}
				all[role] = append(all[role], one)
			}
		}
		b.steadies(subjects, all)
		return nil
	})
}

// steadies prints what each subject showed, and the nodes beside the loops.
func (b *bench) steadies(subjects []string, all map[string][]steady) {
	get := func(role string, of func(steady) float64) series {
		var l series
		for _, one := range all[role] {
			l = append(l, of(one))
		}
		return l
	}
	most := func(role string) float64 { l := get(role, steady.getResident).sorted(); return l[len(l)-1] }
	for _, role := range subjects {
		fmt.Fprintf(b.out, "  %-8s ms p50 %s, p90 %s, p99 %s; %.3f cores, %.0f MiB\n", role, get(role, steady.getP50), get(role, steady.getP90),
			get(role, steady.getP99), get(role, steady.getCores).median(), most(role))
	}
	for _, role := range []string{"compute", "effect"} {
		added := func(control string) string {
			over := func(of func(steady) float64) float64 { return get(role, of).median() - get(control, of).median() }
			return fmt.Sprintf("%+.1f ms p50, %+.1f ms p90, %+.1f ms p99", over(steady.getP50), over(steady.getP90), over(steady.getP99))
		}
		b.row(role+" node at 1,000 records/s of 1 KB: added latency; CPU; resident memory", "≤ 0.3 ms p90, ≤ 0.8 ms p99; ≤ 0.1 of a core; ≤ 64 MiB",
			fmt.Sprintf("%s over a bare loop at least once, %s over bare transactions of 100 ms; %.3f of a core; %.0f MiB",
				added("bare"), added("session"), get(role, steady.getCores).median(), most(role)), "make bench CASE=P3")
	}
}

func (o steady) getP50() float64      { return o.p50 }
func (o steady) getP90() float64      { return o.p90 }
func (o steady) getP99() float64      { return o.p99 }
func (o steady) getCores() float64    { return o.cores }
func (o steady) getResident() float64 { return o.resident }

// steady runs one subject under the load. What is left of earlier rounds is skipped.
func (s *stage) steady(ctx context.Context, role string) (steady, error) {
	r := s.hand(role, role)
	output := ""
	if role == "compute" || role == "effect" {
		r = s.ours(role, role)
	}
	if _, err := s.admin.DeleteTopics(ctx, load.InputTopic()); err != nil {
		return steady{}, err
	}
	if err := s.again(ctx, load.InputTopic()); err != nil {
		return steady{}, err
	}
	name := s.name("run")
	one, err := r.prepare(ctx, name)
	if err != nil {
		return steady{}, err
	}
	if output = "out." + name; role == "compute" || role == "effect" {
		output = load.OutputTopic(name)
	}
	p, err := process.Start(one.cmd, process.Config{})
	if err != nil {
		return steady{}, err
	}
	defer func() { _ = p.Stop(20*time.Second, syscall.SIGTERM) }()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.Brokers), kgo.ConsumeTopics(output), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ProducerLinger(0), kgo.FetchMaxWait(500*time.Millisecond))
	if err != nil {
		return steady{}, err
	}
	defer client.Close()
	if _, err := s.through(ctx, client, 0, steadyRate); err != nil { // warms up, and waits until it is there
		return steady{}, err
	}
	before, err := cpuTime(p.Pid())
	if err != nil {
		return steady{}, err
	}
	begun := time.Now()
	took, err := s.through(ctx, client, steadyRate, int(steadyRate*steadyRound/time.Second))
	if err != nil {
		return steady{}, err
	}
	after, err := cpuTime(p.Pid())
	if err != nil {
		return steady{}, err
	}
	size, err := residentBytes(p.Pid())
	return steady{
		p50: at(took, 50), p90: at(took, 90), p99: at(took, 99),
		cores: (after - before).Seconds() / time.Since(begun).Seconds(), resident: float64(size) / (1 << 20),
	}, err
}

// again creates a topic whose deletion may not be over.
func (s *stage) again(ctx context.Context, name string) (err error) {
	for range 100 {
		if err = s.topic(ctx, name); err == nil {
			return nil
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	return err
}

// through sends n records at the rate, the first is the from-th, and returns, sorted, how long each took.
func (s *stage) through(ctx context.Context, client *kgo.Client, from, n int) ([]time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	failed := make(chan error, 1)
	go func() { failed <- s.sendAt(ctx, client, from, n) }()
	var took []time.Duration
	for len(took) < n {
		fetches := client.PollFetches(ctx)
		now := time.Now().UnixNano()
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("%d of %d came: %w", len(took), n, err)
		}
		for _, r := range fetches.Records() {
			o, err := load.DecodeOrder(r.Value)
			if err != nil {
				return nil, err
			}
			took = append(took, time.Duration(now-o.Sent))
		}
	}
	slices.Sort(took)
	return took, <-failed
}

// sendAt sends two records each two milliseconds.
func (s *stage) sendAt(ctx context.Context, client *kgo.Client, from, n int) error {
	const each = 2
	tick := time.NewTicker(time.Second * each / steadyRate)
	defer tick.Stop()
	first := kgo.AbortingFirstErrPromise(client)
	for i := from; i < from+n; i++ {
		if i%each == 0 {
			<-tick.C
		}
		r, err := load.Record(load.InputTopic(), load.Input(), i, outboxKeys, time.Now())
		if err != nil {
			return err
		}
		client.Produce(ctx, r, first.Promise())
	}
	return first.Err()
}
