package onex

import (
	"runtime"
	"testing"
)

// TestCollectorPace: many collections let the process grow, and it stays so until there are hardly any:
// growing makes them rarer.
func TestCollectorPace(t *testing.T) {
	t.Parallel()
	percent := calmPercent
	for i, step := range []struct {
		collected uint64
		want      int
	}{{0, calmPercent}, {3, calmPercent}, {12, busyPercent}, {4, busyPercent}, {1, busyPercent}, {0, calmPercent}, {2, calmPercent}} {
		if percent = percentFor(percent, step.collected); percent != step.want {
			t.Errorf("step %d: %d collections lead to %d %%, want %d", i, step.collected, percent, step.want)
		}
	}
	before := cycles()
	runtime.GC()
	if now := cycles(); now < before {
		t.Errorf("collections are counted backwards: %d, then %d", before, now)
	}
}
