package onex

import (
	"context"
	"runtime/debug"
	rt "runtime/metrics"
	"sync"
	"time"
)

// How often the collector of garbage runs. A node that has little in memory and much to do would collect
// many times a second; while it does, it may grow further in between. An idle one stays small.
const (
	calmPercent = 100 // GOGC
	busyPercent = 300
	busyCycles  = 4 // in a second, from which on the process is busy
	calmCycles  = 1 // in a second, below which it no longer is

	collectorPeriod = time.Second
)

// paceCollector adapts the collector to the process until stop is called. A GOGC of the environment stays.
func (p *process) paceCollector(ctx context.Context) (stop func()) {
	if _, set := p.lookup("GOGC"); set {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var pacing sync.WaitGroup
	pacing.Go(func() { pace(ctx) })
	return func() {
		cancel()
		pacing.Wait()
	}
}

func pace(ctx context.Context) {
	defer debug.SetGCPercent(calmPercent)
	ticker := time.NewTicker(collectorPeriod)
	defer ticker.Stop()
	percent := calmPercent
	for last := cycles(); ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := cycles()
		if want := percentFor(percent, now-last); want != percent {
			percent = want
			debug.SetGCPercent(percent)
		}
		last = now
	}
}

// percentFor returns how much a process may grow which collected so many times in the last period.
func percentFor(percent int, collected uint64) int {
	switch {
	case collected >= busyCycles:
		return busyPercent
	case collected < calmCycles:
		return calmPercent
	}
	return percent
}

// cycles returns how many collections the program began by itself.
func cycles() uint64 {
	sample := []rt.Sample{{Name: "/gc/cycles/automatic:gc-cycles"}}
	rt.Read(sample)
	if sample[0].Value.Kind() != rt.KindUint64 {
		return 0
	}
	return sample[0].Value.Uint64()
}
