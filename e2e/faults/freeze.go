package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/omninode-ai/omninode/e2e/faults/roles"
	"github.com/omninode-ai/omninode/internal/provision"
	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/event"
)

// The bounds of R11.
const (
	mostMemory = 256 << 20
	mostGrowth = 1.2
	fullAgain  = 5 * time.Second
	enoughRate = 0.8
)

// frozen is a node whose database stops answering while its input goes on.
type frozen struct {
	h     *harness
	bus   *bus
	node  string
	proxy *proxy
	p     *proc

	mu   sync.Mutex
	sent int
	want map[string][]string
}

// backpressure is R11.
func backpressure(ctx context.Context, h *harness) (string, error) {
	b, err := h.bus()
	if err != nil {
		return "", err
	}
	defer b.close()
	f := &frozen{h: h, bus: b, node: h.name("thirsty"), want: map[string][]string{}}
	if f.proxy, err = newProxy(ctx, h.DatabaseAddr); err != nil {
		return "", err
	}
	defer f.proxy.close()
	ask := roles.Ask(f.node, "ask")
	if err := b.create(ctx, ask); err != nil {
		return "", err
	}
	if err := h.prepare(ctx, f.node); err != nil {
		return "", err
	}
	feeding, stop := context.WithCancel(ctx)
	fed := make(chan error, 1)
	go func() { fed <- f.feed(feeding, ask) }()
	text, err := f.suffer(ctx)
	stop()
	if failed := <-fed; err == nil {
		err = failed
	}
	if err != nil {
		return "", err
	}
	if err := f.drain(ctx); err != nil {
		return "", err
	}
	return text, nil
}

// feed keeps some tens of thousands of records ahead of the node.
func (f *frozen) feed(ctx context.Context, ask event.Topic) error {
	const slice, keys = 2_000, 300
	ahead := pick(f.h, 15_000, 40_000)
	pad := strings.Repeat("x", 500)
	for ctx.Err() == nil {
		done, err := f.done(ctx)
		if err != nil && ctx.Err() == nil {
			return err
		}
		f.mu.Lock()
		behind := f.sent - int(done)
		f.mu.Unlock()
		if behind > ahead {
			_ = sleep(ctx, 50*time.Millisecond)
			continue
		}
		inputs := make([]input, 0, slice)
		f.mu.Lock()
		for i := range slice {
			key := fmt.Sprintf("k%d", (f.sent+i)%keys)
			place := len(f.want[key])
			id := f.h.rootID(ask, key, place)
			f.want[key] = append(f.want[key], derived(id, f.node))
			inputs = append(inputs, input{key, roles.Number{N: place, Pad: pad}, id})
		}
		f.sent += slice
		f.mu.Unlock()
		if err := f.bus.produce(context.WithoutCancel(ctx), ask, inputs...); err != nil {
			return err
		}
	}
	return nil
}

// done is how many records the node has settled.
func (f *frozen) done(ctx context.Context) (n int64, err error) {
	err = f.h.database(ctx, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, fmt.Sprintf(`SELECT coalesce(sum(next_off), 0)::bigint FROM %q.fence`, provision.Schema(f.node))).Scan(&n)
	})
	return n, err
}

// sample is what was seen of the node during a time.
type sample struct {
	memory int64     // most, in bytes
	rates  []float64 // records/s, second by second
}

// observe looks at the node until f says that it has seen enough.
func (f *frozen) observe(ctx context.Context, enough func(s sample, since time.Duration) bool) (s sample, err error) {
	begun := time.Now()
	last, at := int64(-1), begun
	for !enough(s, time.Since(begun)) {
		if f.p.ended() {
			return s, violatedf("the process ended: %v\n%s", f.p.p.Err(), strings.Join(f.p.p.Tail(), "\n"))
		}
		memory, err := resident(f.p.p.Pid())
		if err != nil {
			return s, err
		}
		s.memory = max(s.memory, memory)
		if took := time.Since(at); took > time.Second || last < 0 {
			done, err := f.done(ctx)
			if err != nil {
				return s, err
			}
			if last >= 0 {
				s.rates = append(s.rates, float64(done-last)/took.Seconds())
			}
			last, at = done, time.Now()
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return s, err
		}
	}
	return s, nil
}

func resident(pid int) (int64, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(raw)
	if m == nil {
		return 0, errors.New("the process has no memory")
	}
	kib, err := strconv.ParseInt(string(m[1]), 10, 64)
	return kib << 10, err
}

// suffer lets the node work, freezes its database, and heals it.
func (f *frozen) suffer(ctx context.Context) (text string, err error) {
	role := roles.Role{Name: f.node, Kind: onex.Effect, Inputs: []event.Topic{roles.Ask(f.node, "ask")}}
	if f.p, err = f.h.launch(ctx, spec{role: role, database: f.proxy.addr()}); err != nil {
		return "", err
	}
	if err := f.p.awaitReady(ctx); err != nil {
		return "", err
	}
	if err := sleep(ctx, 3*time.Second); err != nil { // until it runs warm
		return "", err
	}
	window := pick(f.h, 5*time.Second, 30*time.Second)
	steady, err := f.observe(ctx, func(_ sample, since time.Duration) bool { return since > window })
	if err != nil {
		return "", err
	}
	rate := middle(steady.rates)
	before, err := f.membership(ctx)
	if err != nil {
		return "", err
	}
	ice := pick(f.h, 6*time.Second, time.Minute)
	f.proxy.freeze()
	cold, err := f.observe(ctx, func(_ sample, since time.Duration) bool { return since > ice })
	if err != nil {
		return "", err
	}
	after, err := f.membership(ctx)
	if err != nil {
		return "", err
	}
	f.proxy.melt()
	healed := time.Now()
	warm, err := f.observe(ctx, func(s sample, since time.Duration) bool {
		return since > 4*fullAgain || len(s.rates) > 0 && s.rates[len(s.rates)-1] >= enoughRate*rate
	})
	if err != nil {
		return "", err
	}
	back := time.Since(healed)
	memory := max(cold.memory, warm.memory)
	text = fmt.Sprintf("Postgres frozen for %s at full input: %.0f records/s before, %.0f while frozen, back at %.0f %% of the rate after %s; "+
		"memory %.0f MiB at most, %.2f times the steady %.0f MiB; the group kept the member; 0 lost", ice, rate, slices.Min(cold.rates), 100*enoughRate,
		back.Round(100*time.Millisecond), mib(memory), float64(memory)/float64(steady.memory), mib(steady.memory))
	switch {
	case slices.Min(cold.rates) > 0, rate == 0:
		return "", fmt.Errorf("the database was never frozen, or there was no load before (%.0f), nothing is proved: %s", steady.rates, text)
	case before != after:
		return "", violatedf("the group had member %s, and %s when the database was frozen: %s", before, after, text)
	case memory > mostMemory, float64(memory) > mostGrowth*float64(steady.memory):
		return "", violatedf("too much memory: %s", text)
	case back > fullAgain+time.Second: // rates are known by the second
		return "", violatedf("too slow after the heal: %s", text)
	}
	return text, nil
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

func middle(list []float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	if len(sorted) == 0 {
		return 0
	}
	return sorted[len(sorted)/2]
}

// membership returns the id of the node's member; a member that was expelled gets another.
func (f *frozen) membership(ctx context.Context) (string, error) {
	groups, err := f.bus.admin.DescribeGroups(ctx, event.Group(f.node))
	if err != nil {
		return "", err
	}
	g := groups[event.Group(f.node)]
	ids := []string{g.State}
	for _, m := range g.Members {
		ids = append(ids, m.MemberID)
	}
	return strings.Join(ids, " "), nil
}

// drain lets the node finish and judges what it answered.
func (f *frozen) drain(ctx context.Context) error {
	err := eventually(ctx, pick(f.h, time.Minute, 10*time.Minute), "the backlog is settled", func(ctx context.Context) error {
		answered, waiting, err := f.h.answered(ctx, f.node)
		if err == nil && (answered < f.sent || waiting > 0) {
			err = violatedf("%d answers to %d records, %d wait", answered, f.sent, waiting)
		}
		return err
	})
	if err != nil {
		return err
	}
	f.p.kill()
	answers, err := f.bus.read(ctx, roles.Out(f.node).String(), true)
	if err != nil {
		return err
	}
	_, err = checkSequence("answers", answers, f.want)
	return err
}
