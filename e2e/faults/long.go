package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// outboxLong is R9.
func outboxLong(ctx context.Context, h *harness) (string, error) {
	b, err := h.bus()
	if err != nil {
		return "", err
	}
	defer b.close()
	w, err := newWriters(ctx, h, b)
	if err != nil {
		return "", err
	}
	defer w.pool.Close()
	p, err := w.relay(ctx)
	if err != nil {
		return "", err
	}
	if err := p.awaitReady(ctx); err != nil {
		return "", err
	}
	arrivals, err := b.watch(ctx, w.topic.String())
	if err != nil {
		return "", err
	}
	defer arrivals.stop()
	open := pick(h, 6*time.Second, time.Minute)
	control, err := w.measure(ctx, arrivals, open/2, false)
	if err != nil {
		return "", err
	}
	delays, err := w.measure(ctx, arrivals, open, true)
	if err != nil {
		return "", err
	}
	if err := w.drained(ctx, 20*time.Second); err != nil {
		return "", err
	}
	h.endProcesses()
	records, err := b.read(ctx, w.topic.String(), true)
	if err != nil {
		return "", err
	}
	if _, err := checkSequence("outbox", records, w.want); err != nil {
		return "", err
	}
	p99, without := quantile(delays, 0.99), quantile(control, 0.99)
	text := fmt.Sprintf("one transaction open %s with lower ids than %d others, committed at %d/s and published meanwhile: commit to arrival at a consumer p50 %s, p99 %s; "+
		"without the long transaction p50 %s, p99 %s (n=%d); its rows followed when it ended", open, len(delays), int(float64(len(delays))/open.Seconds()),
		quantile(delays, 0.5).Round(100*time.Microsecond), p99.Round(100*time.Microsecond),
		quantile(control, 0.5).Round(100*time.Microsecond), without.Round(100*time.Microsecond), len(control))
	if p99 > 250*time.Millisecond && p99 > without*3/2 {
		return "", violatedf("p99 is above 250 ms and above 1.5 times that of the control: %s", text)
	}
	return text, nil
}

// measure commits beside a transaction that is open meanwhile, or without it, and returns the sorted
// delays of the others.
func (w *writers) measure(ctx context.Context, a *arrivals, open time.Duration, long bool) ([]time.Duration, error) {
	n := 0
	if long {
		n = 50
	}
	commits, err := w.beside(ctx, open, n)
	if err != nil {
		return nil, err
	}
	return a.delays(ctx, commits)
}

const rowsPerSecond = 500

// beside opens a transaction, and while it is open commits 500 others each second, by key and place.
func (w *writers) beside(ctx context.Context, open time.Duration, rows int) (map[string]time.Time, error) {
	long := make(chan error, 1)
	go func() {
		if rows == 0 {
			long <- sleep(ctx, open)
			return
		}
		_, err := w.write(ctx, "long", rows, open, false)
		long <- err
	}()
	if err := sleep(ctx, 500*time.Millisecond); err != nil {
		return nil, err
	}
	commits := map[string]time.Time{}
	var mu sync.Mutex
	var group sync.WaitGroup
	failed := make(chan error, 1)
	slots := make(chan int, 50)
	for i := range cap(slots) {
		slots <- i
	}
	ticker := time.NewTicker(time.Second / rowsPerSecond)
	defer ticker.Stop()
	for ended := false; !ended; {
		select {
		case err := <-long:
			if err != nil {
				return nil, err
			}
			ended = true
		case err := <-failed:
			return nil, err
		case <-ticker.C:
			slot := <-slots
			group.Go(func() {
				defer func() { slots <- slot }()
				key := fmt.Sprintf("k%d", slot)
				at, err := w.write(ctx, key, 1, 0, false)
				if err != nil {
					select {
					case failed <- err:
					default:
					}
					return
				}
				w.mu.Lock()
				ids := w.want[key]
				w.mu.Unlock()
				mu.Lock()
				commits[ids[len(ids)-1]] = at
				mu.Unlock()
			})
		}
	}
	group.Wait()
	return commits, nil
}

func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// arrivals notes when records of a topic reach a consumer.
type arrivals struct {
	mu   sync.Mutex
	at   map[string]time.Time
	stop context.CancelFunc
}

// delays returns, sorted, how long after their commits records arrived.
func (a *arrivals) delays(ctx context.Context, commits map[string]time.Time) ([]time.Duration, error) {
	var list []time.Duration
	err := eventually(ctx, 20*time.Second, "all records arrive", func(context.Context) error {
		a.mu.Lock()
		defer a.mu.Unlock()
		list = list[:0]
		for id, at := range commits {
			arrived, ok := a.at[id]
			if !ok {
				return violatedf("id %s was committed and never published", id)
			}
			list = append(list, max(0, arrived.Sub(at)))
		}
		return nil
	})
	slices.Sort(list)
	if err == nil && len(list) == 0 {
		err = errors.New("nothing was committed meanwhile: nothing is proved")
	}
	return list, err
}
