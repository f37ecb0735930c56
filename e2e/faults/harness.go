package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/omninode-ai/omninode/e2e/servers"
	"github.com/omninode-ai/omninode/onex/onextest/embedded"
)

// harness is what the cases of a run share.
type harness struct {
	*servers.Servers

	out    io.Writer
	start  time.Time
	root   string // of the repository
	temp   string // logs and programs; kept if a case failed
	short  bool
	seed   uint64
	seeds  int
	random *rand.Rand // of the case that runs, by its seed
	twin   string     // planted bug of the case that runs
	keep   bool

	catalog *embedded.Catalog
	builds  builds

	mu        sync.Mutex
	processes []*proc
	names     int
}

// violation is a promise that was not kept, with its first bad place. Anything else that ends a case
// is a run that proved nothing.
type violation struct{ text string }

func (v *violation) Error() string { return "violated: " + v.text }

func violatedf(format string, args ...any) error {
	return &violation{fmt.Sprintf(format, args...)}
}

func isViolation(err error) bool {
	_, ok := errors.AsType[*violation](err)
	return ok
}

func newHarness(ctx context.Context, out io.Writer, o options) (*harness, error) {
	h := &harness{out: out, start: time.Now(), short: o.short, seed: o.seed, seeds: o.seeds}
	var err error
	if h.root, err = os.Getwd(); err != nil {
		return nil, fmt.Errorf("find the repository: %w", err)
	}
	if h.temp, err = os.MkdirTemp("", "omninode-faults-"); err != nil {
		return nil, fmt.Errorf("make a folder for logs: %w", err)
	}
	h.logf("seed %d; logs of the nodes in %s", h.seed, h.temp)
	h.builds = builds{h: h}
	begun := time.Now()
	if h.Servers, err = servers.Start(ctx, servers.Config{Root: h.root, Label: "faults", Kafka: groups()}); err != nil {
		h.close()
		return nil, err
	}
	h.logf("kafka on %s, postgres on %s, ready in %s", h.Brokers, h.DatabaseAddr, time.Since(begun).Round(100*time.Millisecond))
	if h.catalog, err = embedded.StartCatalog(embedded.CatalogConfig{}); err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

// groups are the broker's times for groups whose partitions it shares out itself: as short as those of
// the patched program.
func groups() map[string]string {
	return map[string]string{
		"KAFKA_GROUP_CONSUMER_SESSION_TIMEOUT_MS": "3000", "KAFKA_GROUP_CONSUMER_MIN_SESSION_TIMEOUT_MS": "3000",
		"KAFKA_GROUP_CONSUMER_HEARTBEAT_INTERVAL_MS": "500", "KAFKA_GROUP_CONSUMER_MIN_HEARTBEAT_INTERVAL_MS": "500",
	}
}

// close ends all that was started; logs stay if a case failed.
func (h *harness) close() {
	h.endProcesses()
	if h.catalog != nil {
		_ = h.catalog.Stop()
	}
	if h.Servers != nil {
		h.Stop()
	}
	if !h.keep {
		_ = os.RemoveAll(h.temp)
	}
}

// bounce ends the broker, cleanly or not, and starts it again.
func (h *harness) bounce(ctx context.Context, hard bool) error {
	end := []string{"stop", "-t", "20", h.Kafka}
	if hard {
		end = []string{"kill", h.Kafka}
	}
	if err := servers.Docker(ctx, end...); err != nil {
		return err
	}
	if err := servers.Docker(ctx, "start", h.Kafka); err != nil {
		return err
	}
	return h.AwaitKafka(ctx)
}

func (h *harness) form() string {
	if h.short {
		return "short"
	}
	return "full"
}

// pick returns the value of the short or of the full form.
func pick[T any](h *harness, short, full T) T {
	if h.short {
		return short
	}
	return full
}

func (h *harness) logf(format string, args ...any) {
	fmt.Fprintf(h.out, "%6.1fs  %s\n", time.Since(h.start).Seconds(), fmt.Sprintf(format, args...))
}

// failed says what went wrong and where to read on.
func (h *harness) failed(c fault, err error) {
	if h.twin != "" && isViolation(err) {
		return // what was wanted
	}
	h.keep = true
	h.logf("%s FAILED: %v", c.name, err)
	h.logf("logs of its nodes are kept in %s; repeat with -case %s -seed %d", h.temp, c.name, h.seed)
}

// name returns a node name that no other case of this run has.
func (h *harness) name(prefix string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.names++
	return fmt.Sprintf("%s-%d", prefix, h.names)
}

func (h *harness) endProcesses() {
	h.mu.Lock()
	all := slices.Clone(h.processes)
	h.processes = nil
	h.mu.Unlock()
	for _, p := range all {
		p.kill()
	}
}

// hits counts what nodes noted in this run under a label, by what it was.
func (h *harness) hits(label string) map[string]int {
	raw, err := os.ReadFile(h.hitsFile(label))
	if err != nil {
		return map[string]int{}
	}
	counts := map[string]int{}
	for line := range strings.Lines(string(raw)) {
		counts[strings.TrimSpace(line)]++
	}
	return counts
}

func (h *harness) hitsFile(label string) string { return filepath.Join(h.temp, label+".hits") }

// sleep waits, or returns why there is no time left.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// eventually polls until check returns nil; the error is check's last.
func eventually(ctx context.Context, bound time.Duration, what string, check func(ctx context.Context) error) error {
	deadline := time.Now().Add(bound)
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s, after %s: %w", what, bound, err)
		}
		if sleep(ctx, 50*time.Millisecond) != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
}
