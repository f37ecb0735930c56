package delivery

import (
	"context"
	"maps"
	"sync"

	"github.com/omninode-ai/omninode/onex/event"
)

// Pauses holds the inputs that a person keeps from being handled. What is in a handler's hands when its
// input is paused is finished; what is queued, fetched or parked waits. It is safe for concurrent use; nil
// pauses nothing.
type Pauses struct {
	mu      sync.Mutex
	inputs  map[event.Ref]bool
	all     bool
	changed chan struct{} // closed at the next change
}

// NewPauses returns Pauses that pause nothing yet.
func NewPauses() *Pauses { return &Pauses{changed: make(chan struct{})} }

// Set replaces what is paused; all says that this is the whole node, so that its timers wait as well:
// the answers they watch for are not read.
func (p *Pauses) Set(inputs map[event.Ref]bool, all bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all == all && maps.Equal(p.inputs, inputs) {
		return
	}
	p.inputs, p.all = maps.Clone(inputs), all
	close(p.changed)
	p.changed = make(chan struct{})
}

// on reports whether an input is paused, and when to ask again.
func (p *Pauses) on(input event.Ref) (paused bool, changed <-chan struct{}) {
	if p == nil {
		return false, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all || p.inputs[input], p.changed
}

func (p *Pauses) timers() bool {
	if p == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all
}

// await returns true once the input may be handled, false if stop or ctx ended before.
func (p *Pauses) await(ctx context.Context, stop <-chan struct{}, input event.Ref) bool {
	for {
		paused, changed := p.on(input)
		if !paused {
			return true
		}
		select {
		case <-changed:
		case <-stop:
			return false
		case <-ctx.Done():
			return false
		}
	}
}
