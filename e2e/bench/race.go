package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omninode-ai/omninode/e2e/bench/load"
	"github.com/omninode-ai/omninode/internal/process"
)

// runner takes part in a race: a process that works off what is there.
type runner struct {
	name    string
	prepare func(ctx context.Context, run string) (attempt, error)
}

// attempt is a process that was not started yet, and how to judge it.
type attempt struct {
	cmd    *exec.Cmd
	count  func(ctx context.Context) (int64, error) // how much is done
	finish func(ctx context.Context) error          // checks and removes what it made
}

// hand is a loop written by hand; role names it.
func (s *stage) hand(name, role string) runner { return s.other(name, s.subject, role) }

// rival is another library.
func (s *stage) rival(name, role string) runner { return s.other(name, s.rivals, role) }

func (s *stage) other(name, program, role string, env ...string) runner {
	return runner{name, func(ctx context.Context, name string) (attempt, error) {
		output := "out." + name
		env := slices.Concat(s.place(name, output), s.profile(role), env)
		return s.sends(s.command(ctx, program, role, env...), output), s.topic(ctx, output)
	}}
}

// ours is a node of a kind; before is called with its name and environment before it starts.
func (s *stage) ours(name, kind string, before ...func(ctx context.Context, node string) error) runner {
	return runner{name, func(ctx context.Context, node string) (attempt, error) {
		env, err := s.node(ctx, node)
		for _, f := range before {
			if err == nil {
				err = f(ctx, node)
			}
		}
		if err != nil {
			return attempt{}, err
		}
		output := load.OutputTopic(node)
		return s.sends(s.command(ctx, s.subject, kind, append(env, s.profile(kind)...)...), output), s.topic(ctx, output)
	}}
}

// sends is a process that sends orders to a topic.
func (s *stage) sends(cmd *exec.Cmd, output string) attempt {
	return attempt{
		cmd:   cmd,
		count: func(ctx context.Context) (int64, error) { return s.count(ctx, output) },
		finish: func(ctx context.Context) error {
			if err := s.check(ctx, output); err != nil {
				return err
			}
			_, err := s.admin.DeleteTopics(ctx, output)
			return err
		},
	}
}

// lap is how one run went.
type lap struct {
	rate float64 // records per second
	cpu  float64 // nanoseconds of user and system time of the process per record
}

// race runs each runner in turn, so many rounds.
func (s *stage) race(ctx context.Context, total int, runners ...runner) (map[string][]lap, error) {
	laps := map[string][]lap{}
	for range s.b.rounds {
		for _, r := range runners {
			l, err := s.lap(ctx, r, total)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", r.name, err)
			}
			laps[r.name] = append(laps[r.name], l)
		}
	}
	return laps, nil
}

// lap prepares a runner and measures it.
func (s *stage) lap(ctx context.Context, r runner, total int) (lap, error) {
	one, err := r.prepare(ctx, s.name("run"))
	if err != nil {
		return lap{}, err
	}
	return one.measure(ctx, total)
}

// measure starts the process, measures until all is done or slow is over, stops it and checks what it made.
func (one attempt) measure(ctx context.Context, total int) (lap, error) {
	p, err := process.Start(one.cmd, process.Config{})
	if err != nil {
		return lap{}, err
	}
	l, err := watch(ctx, p, total, one.count)
	if stopped := p.Stop(20*time.Second, syscall.SIGTERM); err == nil && stopped != nil {
		err = fmt.Errorf("stop: %w", stopped)
	}
	if err != nil {
		return lap{}, fmt.Errorf("%w\n%s", err, strings.Join(p.Tail(), "\n"))
	}
	return l, one.finish(ctx)
}

// What a run is watched by.
const (
	watchEvery = 20 * time.Millisecond
	warmUp     = 15 * time.Second       // to the first record
	slow       = 4 * time.Second        // from then on: who is not done by then is measured up to here
	quiet      = 300 * time.Millisecond // without a change after the last record
)

// reading is the state of a run at a time.
type reading struct {
	at    time.Time
	count int64
	cpu   time.Duration
}

// watch reads how many records are out until nothing is left to do. The first tenth does not count.
// Transactions put marks of their own among the records: the last count is taken as all records.
func watch(ctx context.Context, p *process.Process, total int, count func(context.Context) (int64, error)) (lap, error) {
	var readings []reading
	begun := time.Now()
	for {
		select {
		case <-ctx.Done():
			return lap{}, ctx.Err()
		case <-p.Done():
			return lap{}, fmt.Errorf("ended: %w", cmp.Or(p.Err(), errors.New("without an error")))
		case <-time.After(watchEvery):
		}
		n, err := count(ctx)
		if err != nil {
			return lap{}, err
		}
		used, err := cpuTime(p.Pid())
		if err != nil {
			return lap{}, err
		}
		now := time.Now()
		if n > 0 && (len(readings) == 0 || readings[len(readings)-1].count != n) {
			readings = append(readings, reading{now, n, used})
		}
		switch {
		case len(readings) == 0 && now.Sub(begun) > warmUp:
			return lap{}, fmt.Errorf("no record within %s", warmUp)
		case len(readings) == 0:
			continue
		}
		last := readings[len(readings)-1]
		done := n >= int64(total) && now.Sub(last.at) > quiet
		late := now.Sub(readings[0].at) > slow
		if done || late {
			return measured(readings, total, done), nil
		}
	}
}

// measured turns readings into a rate.
func measured(readings []reading, total int, done bool) lap {
	last := readings[len(readings)-1]
	scale := 1.0
	if done {
		scale = float64(total) / float64(last.count)
	}
	from := slices.IndexFunc(readings, func(r reading) bool { return r.count >= last.count/10 })
	first := readings[from]
	if first == last && from > 0 {
		first = readings[from-1]
	}
	n := float64(last.count-first.count) * scale
	return lap{rate: n / last.at.Sub(first.at).Seconds(), cpu: float64((last.cpu - first.cpu).Nanoseconds()) / n}
}

// count returns how many offsets of a topic are committed.
func (s *stage) count(ctx context.Context, topic string) (int64, error) {
	ends, err := s.admin.ListCommittedOffsets(ctx, topic)
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, o := range ends[topic] {
		if errors.Is(o.Err, kerr.UnknownTopicOrPartition) {
			continue // its leader does not know yet that the topic was created
		}
		if o.Err != nil {
			return 0, o.Err
		}
		sum += o.Offset
	}
	return sum, nil
}

// check reads what a run made: for each key, its orders in their order, from the first, each once.
func (s *stage) check(ctx context.Context, topic string) error {
	want, err := s.admin.ListCommittedOffsets(ctx, topic)
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(s.Brokers), kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.KeepControlRecords())
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	next := map[string]int64{}
	left := int64(0)
	for _, o := range want[topic] {
		left += o.Offset
	}
	for left > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("check output: %w", err)
		}
		for _, r := range fetches.Records() {
			left--
			if r.Attrs.IsControl() {
				continue
			}
			var o struct{ N int64 }
			if err := json.Unmarshal(r.Value, &o); err != nil {
				return fmt.Errorf("check output: %w", err)
			}
			if o.N != next[string(r.Key)] {
				return fmt.Errorf("check output: key %s has order %d where %d belongs", r.Key, o.N, next[string(r.Key)])
			}
			next[string(r.Key)]++
		}
	}
	return nil
}

// cpuTime returns the user and system time of a process so far.
func cpuTime(pid int) (time.Duration, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(raw), ") ")
	fields := strings.Fields(after)
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat is malformed", pid)
	}
	var ticks int64
	for _, f := range fields[11:13] { // utime and stime
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / clockTicks, nil
}

// clockTicks are those of Linux's user interface, on every architecture that Go runs on.
const clockTicks = 100
