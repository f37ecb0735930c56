package onex

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// await waits until as many answers are committed as there are inputs.
func (r *seedRun) await(ctx context.Context) error {
	for {
		n := len(r.store.Outbox())
		if n == 0 {
			n = r.passed()
		}
		if n >= seedRecords {
			return nil
		}
		if err := sleep(ctx, 5*time.Millisecond); err != nil {
			return fmt.Errorf("lost: %d of %d inputs were answered in %s", n, seedRecords, seedBudget)
		}
	}
}

// passed counts the inputs that the group's committed offsets are past.
func (r *seedRun) passed() int {
	n := int64(0)
	if info := r.cluster.GroupInfo("onex.seeded"); info != nil {
		for _, c := range info.Commits[seedIn()] {
			n += c.Offset
		}
	}
	return int(n)
}

// check compares the answers with the inputs, each once and in order.
func (r *seedRun) check(ctx context.Context) error {
	list := r.store.Outbox()
	if len(list) == 0 {
		var err error
		if list, err = r.answers(ctx, kgo.ReadCommitted()); err != nil {
			return err
		}
		written, err := r.answers(ctx, kgo.ReadUncommitted())
		if err != nil {
			return err
		}
		r.aborted = max(len(written)-len(list), 0)
	}
	next := map[string]int{}
	for _, a := range list {
		n, err := strconv.Atoi(string(a.Value))
		if err != nil || n != next[a.Key] {
			return fmt.Errorf("key %s: answer %s where %d belongs, lost, twice or out of order", a.Key, a.Value, next[a.Key])
		}
		next[a.Key]++
	}
	if len(list) != seedRecords || len(next) != seedKeys {
		return fmt.Errorf("%d answers to %d inputs, and %d of aborted transactions", len(list), seedRecords, r.aborted)
	}
	return nil
}
