package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/omninode-ai/omninode/e2e/faults/roles"
	"github.com/omninode-ai/omninode/internal/provision"
	"github.com/omninode-ai/omninode/onex/event"
)

// feeder sends numbered records of some keys to a topic in the background: at a rate, or as many as
// keep a node busy. It remembers what it sent.
type feeder struct {
	bus   *bus
	to    event.Topic
	keys  int
	also  func(ctx context.Context, n int) error // is told how many records went; nil: nobody
	again bool                                   // sends again what a broker that restarts refuses: the first node must know its ids

	mu    sync.Mutex
	want  map[string][]link
	sent  int
	pace  func(sent int) int // how many records are to follow
	ended chan error
	stop  context.CancelFunc
}

// feedEvery is how often a feeder looks what is to be sent.
const feedEvery = 20 * time.Millisecond

// feed starts a feeder that sends nothing until it is told how fast.
func (b *bus) feed(ctx context.Context, to event.Topic, keys int) *feeder {
	f := &feeder{bus: b, to: to, keys: keys, want: map[string][]link{}, pace: func(int) int { return 0 }, ended: make(chan error, 1)}
	ctx, f.stop = context.WithCancel(ctx)
	go func() { f.ended <- f.run(ctx) }()
	return f
}

func (f *feeder) run(ctx context.Context) error {
	for sleep(ctx, feedEvery) == nil {
		f.mu.Lock()
		n := f.pace(f.sent)
		f.mu.Unlock()
		if n <= 0 {
			continue
		}
		if err := f.send(context.WithoutCancel(ctx), n); err != nil {
			return err
		}
	}
	return nil
}

// send produces the next n records.
func (f *feeder) send(ctx context.Context, n int) error {
	f.mu.Lock()
	inputs := make([]input, 0, n)
	for i := range n {
		key := fmt.Sprintf("k%d", (f.sent+i)%f.keys)
		place := len(f.want[key])
		id := f.bus.h.rootID(f.to, key, place)
		f.want[key] = append(f.want[key], link{place, id})
		inputs = append(inputs, input{key, roles.Number{N: place}, id})
	}
	f.sent += n
	f.mu.Unlock()
	if err := f.produce(ctx, inputs); err != nil || f.also == nil {
		return err
	}
	return f.also(ctx, n)
}

// produce sends the inputs, for as long as a broker takes to restart.
func (f *feeder) produce(ctx context.Context, inputs []input) error {
	if !f.again {
		return f.bus.produce(ctx, f.to, inputs...)
	}
	return patiently(ctx, func() error { return f.bus.produce(ctx, f.to, inputs...) })
}

// patiently tries something for as long as a broker takes to restart.
func patiently(ctx context.Context, try func() error) error {
	return eventually(ctx, time.Minute, "the broker takes it", func(context.Context) error { return try() })
}

// alive returns the error of a feeder that has stopped by itself: then there is no load any more.
func (f *feeder) alive() error {
	select {
	case err := <-f.ended:
		f.ended <- err
		return fmt.Errorf("the load has stopped: %w", err)
	default:
		return nil
	}
}

// at sends so many records a second from now on.
func (f *feeder) at(rate float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	from, begun := f.sent, time.Now()
	f.pace = func(sent int) int { return from + int(rate*time.Since(begun).Seconds()) - sent }
}

// ahead keeps so many records between what is sent and what is done from now on.
func (f *feeder) ahead(n int, done func() int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pace = func(sent int) int { return min(n-(sent-int(done())), 500) }
}

// end stops the feeder and returns how many records it sent.
func (f *feeder) end() (sent int, err error) {
	f.stop()
	err = <-f.ended
	f.ended <- err
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sent, err
}

// tally follows how many records a reducer has put into its states.
type tally struct {
	mu   sync.Mutex
	done int64
	stop context.CancelFunc
	over chan struct{}
}

// tally asks for a reducer's states ten times a second.
func (h *harness) tally(ctx context.Context, node string) *tally {
	t := &tally{over: make(chan struct{})}
	ctx, t.stop = context.WithCancel(ctx)
	go func() {
		defer close(t.over)
		for sleep(ctx, 100*time.Millisecond) == nil {
			done, err := h.folded(ctx, node)
			if err != nil {
				continue // the run's own questions tell why
			}
			t.mu.Lock()
			t.done = done
			t.mu.Unlock()
		}
	}()
	return t
}

func (t *tally) now() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.done
}

func (t *tally) end() {
	t.stop()
	<-t.over
}

// rate is how many records a second were folded while something went on.
func (t *tally) rate(during func() error) (float64, error) {
	before, begun := t.now(), time.Now()
	err := during()
	return float64(t.now()-before) / time.Since(begun).Seconds(), err
}

// folded is how many records a reducer has put into its states.
func (h *harness) folded(ctx context.Context, node string) (n int64, err error) {
	err = h.database(ctx, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, fmt.Sprintf(`SELECT coalesce(sum(version), 0)::bigint FROM %q.state`, provision.Schema(node))).Scan(&n)
	})
	return n, err
}
