package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omninode-ai/omninode/e2e/bench/load"
	"github.com/omninode-ai/omninode/internal/process"
)

// runner takes part in a race: a process that turns all records of a topic into as many of another.
type runner struct {
	name    string
	prepare func(ctx context.Context, run string) (cmd *exec.Cmd, output string, err error)
}

// hand is a loop written by hand; role names it.
func (s *stage) hand(name, role string) runner { return s.other(name, s.subject, role) }

// rival is another library.
func (s *stage) rival(name, role string) runner { return s.other(name, s.rivals, role) }

func (s *stage) other(name, program, role string) runner {
	return runner{name, func(ctx context.Context, run string) (*exec.Cmd, string, error) {
		output := "out." + run
		env := append(s.place(run, output), s.profile(role)...)
		return s.command(ctx, program, role, env...), output, s.topic(ctx, output)
	}}
}

// ours is a node of a kind.
func (s *stage) ours(name, kind string) runner {
	return runner{name, func(ctx context.Context, run string) (*exec.Cmd, string, error) {
		env, err := s.node(ctx, run)
		if err != nil {
			return nil, "", err
		}
		output := load.OutputTopic(run)
		return s.command(ctx, s.subject, kind, append(env, s.profile(kind)...)...), output, s.topic(ctx, output)
	}}
}

// lap is how one run went.
type lap struct {
	rate float64 // records per second
	cpu  float64 // nanoseconds of user and system time of the process per record
}

// race runs each runner in turn, so many rounds.
func (s *stage) race(ctx context.Context, total, keys int, runners ...runner) (map[string][]lap, error) {
	laps := map[string][]lap{}
	for range s.b.rounds {
		for _, r := range runners {
			l, err := s.lap(ctx, r, total, keys)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", r.name, err)
			}
			laps[r.name] = append(laps[r.name], l)
		}
	}
	return laps, nil
}

// lap starts a runner, measures until all is there or slow is over, stops it and checks what it made.
func (s *stage) lap(ctx context.Context, r runner, total, keys int) (lap, error) {
	cmd, output, err := r.prepare(ctx, s.name("run"))
	if err != nil {
		return lap{}, err
	}
	log, err := os.Create(filepath.Join(s.b.temp, "subject.log"))
	if err != nil {
		return lap{}, err
	}
	defer func() { _ = log.Close() }()
	p, err := process.Start(cmd, process.Config{Log: log})
	if err != nil {
		return lap{}, err
	}
	l, err := s.watch(ctx, p, total, func(ctx context.Context) (int64, error) { return s.count(ctx, output) })
	if stopped := p.Stop(20*time.Second, syscall.SIGTERM); err == nil && stopped != nil {
		err = fmt.Errorf("stop: %w", stopped)
	}
	if err != nil {
		return lap{}, fmt.Errorf("%w\n%s", err, strings.Join(p.Tail(), "\n"))
	}
	if err := s.check(ctx, output, total, keys); err != nil {
		return lap{}, err
	}
	_, err = s.admin.DeleteTopics(ctx, output)
	return l, err
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
func (s *stage) watch(ctx context.Context, p *process.Process, total int, count func(context.Context) (int64, error)) (lap, error) {
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
		if o.Err != nil {
			return 0, o.Err
		}
		sum += o.Offset
	}
	return sum, nil
}

// check reads what a run made: for each key, its orders in their order, from the first, each once.
func (s *stage) check(ctx context.Context, topic string, total, keys int) error {
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
	next, seen := make(map[string]int64, keys), 0
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
			seen++
		}
	}
	if seen > total {
		return fmt.Errorf("check output: %d records of %d", seen, total)
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
