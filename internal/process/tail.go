package process

import (
	"bytes"
	"cmp"
	"slices"
	"sync"
)

const (
	defaultLines = 40
	maxLine      = 4 << 10
)

// Tail is a writer that keeps the last lines written to it; longer lines are cut. It is safe for
// concurrent use.
type Tail struct {
	mu    sync.Mutex
	keep  int
	lines []string
	part  []byte
	watch func(line string)
}

// NewTail returns a Tail of n lines; 0 is 40.
func NewTail(n int) *Tail { return &Tail{keep: cmp.Or(n, defaultLines)} }

// Watch has f told of each line as it is complete; nil ends that. f must not use the Tail.
func (t *Tail) Watch(f func(line string)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.watch = f
}

// Write implements io.Writer; it never fails.
func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(p)
	for {
		line, rest, ok := bytes.Cut(p, []byte{'\n'})
		t.part = append(t.part, line[:min(len(line), max(0, maxLine-len(t.part)))]...)
		if !ok {
			return n, nil
		}
		t.lines = append(t.lines, string(t.part))
		if t.watch != nil {
			t.watch(string(t.part))
		}
		if len(t.lines) > t.keep {
			t.lines = slices.Delete(t.lines, 0, len(t.lines)-t.keep)
		}
		t.part, p = t.part[:0], rest
	}
}

// Lines returns the kept lines, oldest first, including an unfinished last one.
func (t *Tail) Lines() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := slices.Clone(t.lines)
	if len(t.part) > 0 {
		lines = append(lines, string(t.part))
	}
	return lines
}
