package delivery

import (
	"sync"

	"github.com/omninode-ai/omninode/onex/engine"
)

const (
	// BudgetBytes is how much of fetched records a process holds at most before they are committed, but for
	// what one poll hands over.
	BudgetBytes = 64 << 20

	// shareBytes is the most that one partition holds of it, and one that has plenty of others beside it
	// holds less: five eighths of the budget are divided among them, so that those which wait for something
	// leave room for the rest.
	shareBytes = 8 << 20

	// turnBytes bounds what is settled in one transaction, except for the last record: what a handler makes
	// of its inputs, and what the store is sent, is in memory beside them.
	turnBytes = 2 << 20

	recordOverhead = 200 // bytes of a record beside its key, headers and value
)

// Budget bounds the bytes of records that the partitions of a process hold. Once it is used up all of them
// are paused, until an eighth is free again. It is safe for concurrent use; nil bounds each partition alone.
type Budget struct {
	limit int64

	mu      sync.Mutex
	used    int64
	spent   bool // all are paused
	workers map[*worker]bool
}

// NewBudget returns a budget of so many bytes.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit, workers: map[*worker]bool{}} }

// join counts a partition in.
func (b *Budget) join(w *worker) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.workers[w] = true
	b.divide()
	if b.spent {
		w.hold(true)
	}
}

// leave counts a partition out, with what it holds.
func (b *Budget) leave(w *worker, held int64) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.workers, w)
	b.divide()
	b.add(-held)
}

// took counts what a partition was given, or has settled if n is negative.
func (b *Budget) took(n int64) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.add(n)
}

func (b *Budget) add(n int64) {
	b.used += n
	spent := b.used >= b.limit || b.spent && b.used > b.limit/8*7
	if spent == b.spent {
		return
	}
	b.spent = spent
	for w := range b.workers {
		w.hold(spent)
	}
}

// divide tells each partition its share.
func (b *Budget) divide() {
	if len(b.workers) == 0 {
		return
	}
	share := min(shareBytes, b.limit/8*5/int64(len(b.workers)))
	for w := range b.workers {
		w.share.Store(share)
	}
}

// sizeOf returns about how many bytes of memory a record takes.
func sizeOf(r engine.Record) int64 {
	n := recordOverhead + len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		n += headerBytes + len(h.Key) + len(h.Value)
	}
	return int64(n)
}
