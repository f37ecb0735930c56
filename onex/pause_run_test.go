package onex_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/omninode-ai/omninode/internal/provision"
	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// TestPausedNode: a node that a person paused stays ready and in its group, handles nothing, says so, still
// does not after a restart, and goes on where it was when it is resumed.
func TestPausedNode(t *testing.T) {
	t.Parallel()
	for _, kind := range []onex.Kind{onex.Compute, onex.Effect} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			name := f.name(string(kind))
			ask, answers := ref(name, "ask"), topicOf(event.Event, ref(name, "answer"))
			node := echo(kind, name, engine.RetryPolicy{}, succeed)
			r := f.start("a", node)
			f.produce(root(event.Command, ask, "k", number{N: 0}))
			f.collect(1, answers)

			f.control(name, `INSERT INTO paused (input, reason, paused_by) VALUES ($1, 'gateway is down', 'somebody')`, ask.String())
			f.eventually("the node says that it is paused", func() error { return saysPaused(r, ask, true) })
			for i := range 5 {
				f.produce(root(event.Command, ask, "k", number{N: i + 1}))
			}
			r.halt()
			r = f.start("a", node)
			if err := saysPaused(r, ask, true); err != nil {
				t.Errorf("after a restart: %v", err)
			}
			f.stays(answers, 1)
			f.control(name, `DELETE FROM paused WHERE input = $1`, ask.String())
			f.eventually("the node says that it is resumed", func() error { return saysPaused(r, ask, false) })
			f.collect(6, answers)
		})
	}
}

// stays wants a topic to hold n records although those before could have caused more by now: the node
// settles an input that is not paused within the time that a second look takes.
func (f *fixture) stays(topic string, n int) {
	f.t.Helper()
	if got := f.collect(n, topic); len(got) != n {
		f.t.Fatalf("topic %s has %d records", topic, len(got))
	}
	ends, err := f.admin.ListCommittedOffsets(f.t.Context(), topic)
	if err != nil {
		f.t.Fatal(err)
	}
	total := int64(0)
	for _, o := range ends[topic] {
		total += o.Offset
	}
	if total > int64(n)+1 { // and the marker of a transaction
		f.t.Errorf("topic %s ends at %d, want %d: what is paused was handled", topic, total, n)
	}
}

func saysPaused(r *running, input event.Ref, paused bool) error {
	metric, number := fmt.Sprintf("onex_paused{input=%q", input), " 0"
	if paused {
		number = " 1"
	}
	_, body := r.read("/metrics")
	_, after, found := strings.Cut(body, metric)
	line, _, _ := strings.Cut(after, "\n")
	status, ready := r.read("/readyz")
	if !found || !strings.HasSuffix(line, number) || status != 200 || strings.Contains(ready, "gateway is down (by somebody since 2") != paused {
		return fmt.Errorf("%d %s, %s", status, ready, line)
	}
	return nil
}

// control changes a node's schema, as a person would.
func (f *fixture) control(node, sql string, args ...any) {
	f.t.Helper()
	tx, err := f.db.Begin(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	if _, err := tx.Exec(f.t.Context(), fmt.Sprintf(`SET LOCAL search_path = %q`, provision.Schema(node))); err != nil {
		f.t.Fatal(err)
	}
	if _, err := tx.Exec(f.t.Context(), sql, args...); err != nil {
		f.t.Fatal(err)
	}
	if err := tx.Commit(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
}
