package simulation

import (
	"context"
	"slices"
	"time"
)

const (
	nearby       = 30               // seeds that are tried with fewer records
	shrinkBudget = 20 * time.Second // of real time
)

// Shrunk is the shortest way that was found to break the promise a seed breaks.
type Shrunk struct {
	Result

	Config Config
	Runs   int // how many were tried
}

// Shrink looks for a shorter way to what a seed broke: with fewer records, then without one decision after
// the other (delta debugging). It ends when nothing more can be left out, when its time is over or with ctx.
func Shrink(ctx context.Context, f Fleet, cfg Config, broken Result) (Shrunk, error) {
	ctx, cancel := context.WithTimeout(ctx, shrinkBudget)
	defer cancel()
	s := &shrinker{ctx: ctx, fleet: f, best: Shrunk{Result: broken, Config: cfg.withDefaults()}}
	s.fewer()
	s.tidy()
	for s.round() {
	}
	if s.err != nil {
		return s.best, s.err
	}
	cfg, runs := s.best.Config, s.best.Runs
	cfg.Trace = true
	last, err := Replay(f, cfg, broken.Seed, s.best.Decisions)
	return Shrunk{last, cfg, runs}, err
}

type shrinker struct {
	ctx   context.Context //nolint:containedctx // bounds one search
	fleet Fleet
	best  Shrunk
	err   error
}

// try runs decisions and keeps them if they break the same promise in a shorter way.
func (s *shrinker) try(cfg Config, d *decider) bool {
	if s.err != nil || s.ctx.Err() != nil {
		return false
	}
	cfg.Trace = false
	s.best.Runs++
	r, err := run(s.fleet, cfg, s.best.Seed, d)
	if err != nil {
		s.err = err
		return false
	}
	if r.Broken == nil || r.Broken.Promise != s.best.Broken.Promise || !shorter(r, s.best.Result) {
		return false
	}
	s.best.Result, s.best.Config = r, cfg
	return true
}

// shorter compares runs by what went wrong in them, then by their steps.
func shorter(a, b Result) bool {
	if x, y := surprises(a.Decisions), surprises(b.Decisions); a.Inputs == b.Inputs && a.Steps == b.Steps {
		return x < y
	}
	if a.Inputs != b.Inputs {
		return a.Inputs < b.Inputs
	}
	return a.Steps < b.Steps
}

func surprises(decisions []int) int {
	n := 0
	for _, d := range decisions {
		if d != 0 {
			n++
		}
	}
	return n
}

// fewer looks for a run with few records among those of seeds that are made from this one.
func (s *shrinker) fewer() {
	for n := 1; n < s.best.Config.Records; n *= 4 {
		for k := range uint64(nearby) {
			cfg := s.best.Config
			cfg.Records = n
			d := newDecider(s.best.Seed + k<<32)
			d.often = 60
			if s.try(cfg, d) {
				return
			}
		}
	}
}

// tidy cuts off what was decided for nothing.
func (s *shrinker) tidy() {
	d := s.best.Decisions
	for len(d) > 0 && d[len(d)-1] == 0 {
		d = d[:len(d)-1]
	}
	s.best.Decisions = d
}

// round leaves out and calms down parts of the decisions, large ones first. It says whether that helped.
func (s *shrinker) round() bool {
	helped := false
	for size := max(len(s.best.Decisions)/2, 1); size > 0 && s.ctx.Err() == nil; size /= 2 {
		for at := 0; at < len(s.best.Decisions); {
			if s.without(at, size) || s.calm(at, size) {
				helped = true
				s.tidy()
				continue
			}
			at += size
		}
	}
	return helped && s.err == nil && s.ctx.Err() == nil
}

// without leaves decisions out, so that those behind them come earlier.
func (s *shrinker) without(at, size int) bool {
	d := slices.Clone(s.best.Decisions)
	return s.try(s.best.Config, &decider{script: slices.Delete(d, at, min(at+size, len(d))), scripted: true})
}

// calm lets nothing surprising happen at some decisions.
func (s *shrinker) calm(at, size int) bool {
	d := slices.Clone(s.best.Decisions)
	part := d[at:min(at+size, len(d))]
	if surprises(part) == 0 {
		return false
	}
	clear(part)
	return s.try(s.best.Config, &decider{script: d, scripted: true})
}
