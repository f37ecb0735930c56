package delivery

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/omninode-ai/omninode/onex/engine"
)

// joining is a store whose transactions are pretended: it runs the functions that take part in a commit
// and lets it fail with them.
type joining struct {
	engine.Store

	mu    sync.Mutex
	sizes []int // of the commits that were tried
}

func (j *joining) Commit(ctx context.Context, l engine.Lease, commits ...engine.Commit) error {
	j.mu.Lock()
	j.sizes = append(j.sizes, len(commits))
	j.mu.Unlock()
	for _, c := range commits {
		for _, join := range c.Joins {
			if err := join(ctx, nil); err != nil {
				return &engine.JoinError{Err: err}
			}
		}
	}
	return j.Store.Commit(ctx, l, commits...)
}

// TestJoinFails: a function that fails in the commit counts as its handler: tried again, dead-lettered,
// or the key halted.
func TestJoinFails(t *testing.T) {
	t.Parallel()
	no := errors.New("no")
	for name, tc := range map[string]struct {
		retry engine.RetryPolicy
		err   error
		want  engine.Result
	}{
		"again":     {engine.RetryPolicy{Attempts: 2}, no, engine.Retried},
		"exhausted": {engine.RetryPolicy{Attempts: 1}, no, engine.DeadLettered},
		"permanent": {engine.RetryPolicy{Attempts: 9}, engine.Permanent(no), engine.DeadLettered},
		"halts":     {engine.RetryPolicy{Attempts: 1, HaltKey: true}, no, engine.KeyHalted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, engine.Input{Retry: tc.retry}, func(ctx context.Context, c engine.Call) engine.Outcome {
				out := reply(ctx, c)
				out.Joins = []engine.Join{func(context.Context, engine.Tx) error { return tc.err }}
				return out
			})
			r.Store = &joining{Store: r.store}
			l := r.claim(t)
			if err := r.Process(t.Context(), l, r.Core.Open(records("k")[0])); err != nil {
				t.Fatal(err)
			}
			if r.seen.results[tc.want] != 1 || l.Next != 1 {
				t.Errorf("results %v, next %d", r.seen.results, l.Next)
			}
			for _, out := range r.store.Outbox() {
				if out.Topic == "onex.evt.shop.answer.v1" {
					t.Error("the answer of a failed commit was sent")
				}
			}
		})
	}
}

// TestJoinFailsAlone: one function that fails does not keep back those that were committed with it.
func TestJoinFailsAlone(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int{"committed together": 0, "handled together": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls calls
			answers := replies(&calls, never)
			in := engine.Input{Batch: engine.Batch{Size: size}, Retry: engine.RetryPolicy{Attempts: 1}}
			r := newRig(t, in, func(ctx context.Context, c engine.Call) engine.Outcome {
				out := answers(ctx, c)
				out.Joins = refuses(c, "1")
				for i := range out.Rest {
					out.Rest[i].Joins = refuses(c.Rest[i], "1")
				}
				return out
			})
			store := &joining{Store: r.store}
			r.Store = store
			w := newWorker(r.Processor, *r.claim(t), func(bool) {})
			w.deliver(records("a", "b", "c"))
			for w.lease.Next < 3 {
				if _, err := w.step(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if r.seen.results[engine.Handled] != 2 || r.seen.results[engine.DeadLettered] != 1 || store.sizes[0] != 3 {
				t.Errorf("results %v of commits %v", r.seen.results, store.sizes)
			}
		})
	}
}

// refuses returns what takes part in a commit and refuses the input with the payload.
func refuses(c engine.Call, payload string) []engine.Join {
	return []engine.Join{func(context.Context, engine.Tx) error {
		if string(c.Event.Data) == payload {
			return fmt.Errorf("no %s", payload)
		}
		return nil
	}}
}
