package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
)

// shelf is an outbox in memory whose broker may refuse keys.
type shelf struct {
	mu      sync.Mutex
	queued  []engine.Queued
	last    int64
	refuses map[string]int // by key: how often
	sent    []string
	sweeps  int
	waves   chan int // told of each wave's size before it is sent; nil: nobody is
	delay   func() time.Duration
	read    int            // records
	tried   map[string]int // by key
	stuck   int            // how many deletions fail
	ticks   map[string]engine.Tick
	gone    int           // how many ticks fail
	busy    chan struct{} // another process leads until it is closed
}

func (s *shelf) Lead(ctx context.Context, f func(context.Context, engine.Queue) error) error {
	if s.busy != nil {
		select {
		case <-s.busy:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return f(ctx, s)
}

func (s *shelf) Next(_ context.Context, skip engine.Except, limit int) (next []engine.Queued, more bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range s.queued {
		a := engine.Aggregate{Topic: q.Record.Topic, Key: q.Record.Key}
		if slices.Contains(skip.IDs, q.ID) || slices.Contains(skip.Aggregates, a) || slices.Contains(skip.Topics, a.Topic) {
			continue
		}
		if len(next) < limit {
			next = append(next, q)
		}
	}
	s.read += len(next)
	return next, len(next) == limit, nil
}

func (s *shelf) Read(_ context.Context, ids []int64) (found []engine.Queued, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range s.queued {
		if slices.Contains(ids, q.ID) {
			found = append(found, q)
		}
	}
	return found, nil
}

func (s *shelf) Sweep(context.Context, []string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweeps++
	return s.sweeps%3 != 0, nil
}

func (s *shelf) Delete(ctx context.Context, ids []int64) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stuck > 0 {
		s.stuck--
		return errStuck
	}
	s.queued = slices.DeleteFunc(s.queued, func(q engine.Queued) bool { return slices.Contains(ids, q.ID) })
	return nil
}

func (s *shelf) Ticks(context.Context) (map[string]engine.Tick, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.ticks), nil
}

func (s *shelf) tick(name string) engine.Tick {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ticks[name]
}

func (s *shelf) Tick(_ context.Context, name string, last, next engine.Tick, send []engine.Outgoing) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone > 0 {
		s.gone--
		return errGone
	}
	if s.ticks[name] != last {
		return engine.ErrConflict
	}
	s.ticks[name] = next
	for _, out := range send {
		s.last++
		s.queued = append(s.queued, engine.Queued{ID: s.last, Record: out})
	}
	return nil
}

func (s *shelf) Wait(ctx context.Context, wake <-chan struct{}, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-wake:
	case <-time.After(d):
	}
	return nil
}

// produce takes all or none of a key's records, as a broker does of a partition's batch.
func (s *shelf) produce(_ context.Context, records []engine.Outgoing) []error {
	if s.waves != nil {
		s.waves <- len(records)
	}
	if s.delay != nil {
		time.Sleep(s.delay())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tried == nil {
		s.tried = map[string]int{}
	}
	errs := make([]error, len(records))
	refused := map[string]bool{}
	for i, r := range records {
		s.tried[r.Key]++
		if !refused[r.Key] && s.refuses[r.Key] > 0 {
			s.refuses[r.Key]--
			refused[r.Key] = true
		}
		if refused[r.Key] {
			errs[i] = errors.New("too large")
			continue
		}
		s.sent = append(s.sent, r.Key+string(r.Value))
	}
	return errs
}

func (s *shelf) put(key, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	s.queued = append(s.queued, engine.Queued{ID: s.last, Record: engine.Outgoing{Topic: "t", Key: key, Value: []byte(value)}})
}

// TestRelay: a record the broker refuses holds back its key and no other; stop drains.
func TestRelay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{refuses: map[string]int{"a": 5}}
		s.put("a", "0")
		s.put("b", "1")
		r := NewRelay(s, s.produce, slog.New(slog.DiscardHandler))
		stop := make(chan struct{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.Run(t.Context(), stop)
		}()
		synctest.Wait()
		s.put("a", "2")
		s.put("b", "3")
		time.Sleep(time.Minute)
		synctest.Wait()
		want(t, "sent", s.sent, []string{"b1", "b3", "a0", "a2"})
		want(t, "left", len(s.queued), 0)
		s.put("c", "4")
		close(stop)
		<-done
		want(t, "left after stop", len(s.queued), 0)
	})
}

// TestRefusedKeyHoldsBackNoOther: however many records a refused key has, those of others behind them
// are sent meanwhile, and its own go out in order once the broker takes them.
func TestRefusedKeyHoldsBackNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{refuses: map[string]int{"a": 1 << 30}}
		s.put("a", "0")
		r := NewRelay(s, s.produce, slog.New(slog.DiscardHandler))
		stop := make(chan struct{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.Run(t.Context(), stop)
		}()
		synctest.Wait() // a is known to be refused
		var order []string
		for i := range 2*relayBatch + 10 {
			s.put("a", fmt.Sprint(i+1))
			order = append(order, fmt.Sprint("a", i))
		}
		s.put("b", "0")
		time.Sleep(time.Minute)
		synctest.Wait()
		want(t, "sent while refused", s.sent, []string{"b0"})
		s.mu.Lock()
		clear(s.refuses)
		s.mu.Unlock()
		close(stop)
		<-done
		want(t, "sent in the end", s.sent, append(append([]string{"b0"}, order...), fmt.Sprint("a", len(order))))
	})
}

func TestRelayOnStandbyEndsWhenTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := NewRelay(&shelf{busy: make(chan struct{})}, nil, slog.New(slog.DiscardHandler))
		stop := make(chan struct{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.Run(t.Context(), stop)
		}()
		synctest.Wait()
		close(stop)
		<-done
	})
}
