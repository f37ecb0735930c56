package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
)

// start runs a relay of the shelf; the function it returns stops it and waits.
func start(t *testing.T, s *shelf) (r *Relay, stop func()) {
	t.Helper()
	r = NewRelay(s, s.produce, slog.New(slog.DiscardHandler))
	stopped, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		r.Run(t.Context(), stopped)
	}()
	return r, func() {
		close(stopped)
		<-done
	}
}

// TestOrderSurvivesRefusals: whatever is refused when, the records of a key reach the broker in order
// and each once, also those that were read ahead or put in meanwhile.
func TestOrderSurvivesRefusals(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))                                                                     //nolint:gosec // a seed to repeat
			s := &shelf{refuses: map[string]int{}, delay: func() time.Duration { return rand.N(20 * time.Millisecond) }} //nolint:gosec // of a test
			r, stop := start(t, s)
			last := map[string]int{}
			for range 40 {
				for range random.IntN(300) {
					key := string(rune('a' + random.IntN(8)))
					last[key]++
					s.put(key, strconv.Itoa(last[key]))
				}
				s.mu.Lock()
				s.refuses[string(rune('a'+random.IntN(8)))] = random.IntN(4)
				s.mu.Unlock()
				r.Wake()
				time.Sleep(time.Duration(random.IntN(100)) * time.Millisecond)
			}
			stop()
			got := map[string]int{}
			for _, sent := range s.sent {
				key, number := sent[:1], sent[1:]
				if got[key]++; number != strconv.Itoa(got[key]) {
					t.Fatalf("seed %d: key %s got %s, want %d", seed, key, number, got[key])
				}
			}
			want(t, fmt.Sprint("seed ", seed, " sent"), got, last)
		})
	}
}

// TestReadsAheadWithinBounds: while a wave is with the broker, what is read ahead is bounded.
func TestReadsAheadWithinBounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{waves: make(chan int)}
		for i := range 10 * relayBatch {
			s.put("k", strconv.Itoa(i))
		}
		_, stop := start(t, s)
		synctest.Wait()
		s.mu.Lock()
		read := s.read
		s.mu.Unlock()
		want(t, "read while the first wave is under way", read, 3*relayBatch)
		go func() {
			for range s.waves {
			}
		}()
		stop()
		close(s.waves)
		want(t, "sent", len(s.sent), 10*relayBatch)
	})
}

// TestTopicAtFault: when very many keys of a topic are refused, the whole topic waits and what is
// held does not grow; it goes on once the broker takes a record of it.
func TestTopicAtFault(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{refuses: map[string]int{}}
		for i := range 3 * relayBatch {
			key := fmt.Sprint("k", i, "/")
			s.refuses[key] = 1 << 30
			s.put(key, "0")
		}
		r, stop := start(t, s)
		time.Sleep(time.Minute)
		synctest.Wait()
		s.mu.Lock()
		want(t, "sent while the topic is refused", len(s.sent), 0)
		want(t, "records that were tried once", s.tried["k1500/"], 0)
		clear(s.refuses)
		s.mu.Unlock()
		r.Wake()
		time.Sleep(time.Minute)
		stop()
		want(t, "sent", len(s.sent), 3*relayBatch)
	})
}

func TestWave(t *testing.T) {
	t.Parallel()
	of := func(sizes ...int) (records []engine.Queued) {
		for _, n := range sizes {
			records = append(records, engine.Queued{Record: engine.Outgoing{Value: make([]byte, n)}})
		}
		return records
	}
	want(t, "small", wave(of(10, 20, 30)), 3)
	want(t, "large", wave(of(400_000, 400_000, 400_000)), 2)
	want(t, "too large for a wave", wave(of(2_000_000, 10)), 1)
	want(t, "followed by one that is", wave(of(10, 2_000_000)), 1)
}

// TestDeletesWhatTheBrokerHas: a process that is stopped in the middle, or that loses its term, still
// deletes what it sent, and gives up what it did not.
func TestDeletesWhatTheBrokerHas(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{}
		s.put("a", "0")
		ctx, cancel := context.WithCancel(t.Context())
		r := NewRelay(s, func(ctx context.Context, records []engine.Outgoing) []error {
			cancel()
			return s.produce(ctx, records)
		}, slog.New(slog.DiscardHandler))
		r.Run(ctx, nil)
		want(t, "left", len(s.queued), 0)
	})
}

// TestDeletionFails: the term ends with the error, and the next one sends again what is still there.
func TestDeletionFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{stuck: 3}
		for i := range 3 * relayBatch {
			s.put("k", strconv.Itoa(i))
		}
		var log strings.Builder
		r := NewRelay(s, s.produce, slog.New(slog.NewTextHandler(&log, nil)))
		stop := make(chan struct{})
		close(stop)
		r.Run(t.Context(), stop)
		want(t, "left", len(s.queued), 0)
		s.sent = slices.Compact(slices.Sorted(slices.Values(s.sent)))
		want(t, "sent", len(s.sent), 3*relayBatch)
		if strings.Count(log.String(), errStuck.Error()) != 3 {
			t.Errorf("log: %s", log.String())
		}
	})
}

var errStuck = errors.New("deletion is stuck")

func TestSweeps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{}
		_, stop := start(t, s)
		time.Sleep(10*time.Minute + 30*time.Second)
		synctest.Wait()
		s.mu.Lock()
		want(t, "sweeps", s.sweeps, 33) // at once and each minute, three times each
		s.mu.Unlock()
		stop()
	})
}
