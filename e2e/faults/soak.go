package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// The bounds of R30.
const (
	mostSlope  = 1.0  // percent in ten minutes, full form
	mostDrift  = 1.25 // times, from the middle third of the short form to its last
	bounceEach = 30   // faults
)

// soak is R30: a fleet under load for long, under one fault after the other.
func soak(ctx context.Context, h *harness) (string, error) {
	b, err := h.bus()
	if err != nil {
		return "", err
	}
	defer b.close()
	p, err := newProxy(ctx, h.DatabaseAddr)
	if err != nil {
		return "", err
	}
	defer p.close()
	e, err := b.newEstate(ctx, p.addr())
	if err != nil {
		return "", err
	}
	defer e.close()
	if err := e.load(ctx); err != nil {
		return "", err
	}
	s := &soaking{estate: e, proxy: p, faults: map[string]int{}}
	watch := s.watch(ctx)
	endured := s.endure(ctx, pick(h, 15*time.Second, 30*time.Minute))
	watch()
	if endured != nil {
		return "", endured
	}
	drained := e.drain(ctx)
	resent, err := e.judge(ctx)
	if err = errors.Join(err, drained); err != nil {
		return "", err
	}
	for _, p := range e.procs {
		if _, err := p.leave(); err != nil {
			return "", err
		}
	}
	if err := e.gone(ctx); err != nil {
		return "", err
	}
	return s.end(resent)
}

// soaking is a soak that goes on. The first process of each node is never killed, so that what it
// holds can be followed.
type soaking struct {
	*estate

	proxy  *proxy
	faults map[string]int
	cut    int
	took   time.Duration

	mu      sync.Mutex
	samples []held // of the processes that stay, in turn
}

// held is what a process held at a moment.
type held struct {
	who        int
	at         time.Duration // since the begin
	memory     float64       // bytes
	goroutines float64
}

// watch looks at what the processes hold once a second until it is told to stop.
func (s *soaking) watch(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var over sync.WaitGroup
	begun := time.Now()
	for who, p := range s.procs[:len(s.roles())] {
		over.Go(func() {
			for sleep(ctx, time.Second) == nil {
				memory, err := resident(p.p.Pid())
				goroutines, err2 := p.metric(ctx, "go_goroutines")
				if errors.Join(err, err2) != nil {
					continue // it is paused
				}
				s.mu.Lock()
				s.samples = append(s.samples, held{who, time.Since(begun), float64(memory), goroutines})
				s.mu.Unlock()
			}
		})
	}
	return func() {
		cancel()
		over.Wait()
		s.took = time.Since(begun)
	}
}

// metric returns a metric of the process that has no labels.
func (p *proc) metric(ctx context.Context, name string) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("no metric %s: %w", name, lines.Err())
}

// endure has a fault strike every few seconds.
func (s *soaking) endure(ctx context.Context, long time.Duration) error {
	until := time.Now().Add(long)
	for i := 1; time.Now().Before(until); i++ {
		if err := sleep(ctx, pick(s.h, 1500*time.Millisecond, 8*time.Second)); err != nil {
			return err
		}
		if err := s.feed.alive(); err != nil {
			return err
		}
		for _, p := range s.procs {
			if p.ended() {
				return errors.Join(p.broken(), violatedf("a process of %s ended\n%s", p.spec.role.Name, strings.Join(p.p.Tail(), "\n")))
			}
		}
		if err := s.strike(ctx, i); err != nil {
			return err
		}
		if i%20 == 0 {
			s.h.logf("%s left, %v, %d records folded", time.Until(until).Round(time.Second), s.faults, s.tally.now())
		}
	}
	return nil
}

// strike is one fault: each kind in turn, on whom chance chose.
func (s *soaking) strike(ctx context.Context, i int) (err error) {
	who := s.h.random.IntN(len(s.procs))
	switch {
	case !s.h.short && i%bounceEach == 0:
		s.faults["broker restarted"]++
		return s.h.bounce(ctx, false)
	case i%3 == 0:
		s.faults["connections cut"]++
		s.cut += s.proxy.cut()
		return nil
	case i%3 == 1:
		s.faults["killed"]++
		n := len(s.roles())
		who = n + who%(len(s.procs)-n)
		s.procs[who], err = s.procs[who].again(ctx)
		return err
	}
	s.faults["paused"]++
	pause := time.Duration(500+s.h.random.IntN(pick(s.h, 1000, 4500))) * time.Millisecond
	if !s.h.short && i%15 == 2 {
		pause = 20 * time.Second // longer than a session
	}
	if err := s.procs[who].signal(syscall.SIGSTOP); err != nil {
		return err
	}
	return errors.Join(sleep(ctx, pause), s.procs[who].signal(syscall.SIGCONT))
}

// end judges what the processes held.
func (s *soaking) end(resent int) (string, error) {
	var memory, goroutines, most float64
	for who := range s.roles() {
		var times []time.Duration
		var m, g []float64
		for _, one := range s.samples {
			if one.who == who && one.at > s.took/3 {
				times, m, g = append(times, one.at), append(m, one.memory), append(g, one.goroutines)
				most = max(most, one.memory)
			}
		}
		if len(times) < 6 {
			return "", fmt.Errorf("the first process of %s was seen %d times: nothing is proved", s.roles()[who].Name, len(times))
		}
		memory, goroutines = max(memory, s.growth(times, m)), max(goroutines, s.growth(times, g))
	}
	unit, bound := "%/10 min", mostSlope
	if s.h.short {
		unit, bound = "times from the middle third to the last", mostDrift
	}
	sent, err := s.feed.end()
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("%s at %.0f of %.0f records/s, faults %v (%d connections): %d records and %d workflows, 0 lost, 0 twice; memory %.0f MiB at most, "+
		"growth %.2f %s, goroutines %.2f; no connection, session, transaction, lease or registration is left; %d resends recognised",
		s.took.Round(time.Second), estateLoad*s.most, s.most, s.faults, s.cut, sent, s.flows.started, mib(int64(most)), memory, unit, goroutines, resent)
	switch {
	case s.faults["killed"] == 0 || s.faults["paused"] == 0 || s.cut == 0:
		return "", fmt.Errorf("a fault never struck, so nothing is proved: %s", text)
	case memory > bound || goroutines > bound:
		return "", violatedf("a process grows: %s", text)
	}
	return text, nil
}

// growth is the slope of some values in percent of their mean in ten minutes; of the short form, which
// is too short for that, how many times the earlier half's least the later half's is. A process that took
// over the partitions of another, or has not collected garbage for a while, holds more and gives it back: what
// leaks is seen in the least that it holds.
func (s *soaking) growth(at []time.Duration, values []float64) float64 {
	if s.h.short {
		half := len(values) / 2
		return slices.Min(values[half:]) / slices.Min(values[:half])
	}
	return slope(at, values) * 100 * (10 * time.Minute).Seconds()
}

// slope is that of the line with the least squares through the least of each half minute, for a
// second, as a part of the mean.
func slope(at []time.Duration, values []float64) float64 {
	buckets := map[int][]float64{}
	for i, t := range at {
		n := int(t / (30 * time.Second))
		buckets[n] = append(buckets[n], values[i])
	}
	var n, sx, sy, sxx, sxy float64
	for k, list := range buckets {
		x, y := 30*float64(k), slices.Min(list)
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	if d := n*sxx - sx*sx; d > 0 && sy > 0 {
		return (n*sxy - sx*sy) / d / (sy / n)
	}
	return 0
}
