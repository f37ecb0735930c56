package vault_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"
)

// recorder counts log messages.
type recorder struct {
	mu   sync.Mutex
	seen map[string]int
}

func (r *recorder) logger() *slog.Logger                     { return slog.New(r) }
func (r *recorder) Enabled(context.Context, slog.Level) bool { return true }
func (r *recorder) WithAttrs([]slog.Attr) slog.Handler       { return r }
func (r *recorder) WithGroup(string) slog.Handler            { return r }

func (r *recorder) Handle(_ context.Context, rec slog.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil {
		r.seen = map[string]int{}
	}
	r.seen[rec.Message]++
	return nil
}

func (r *recorder) count(message string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen[message]
}

// await waits until a message was logged n times.
func (r *recorder) await(t *testing.T, message string, n int) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); <-tick.C {
		if r.count(message) >= n {
			return
		}
	}
	t.Fatalf("%q was logged %d times, want %d", message, r.count(message), n)
}
