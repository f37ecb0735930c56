package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// A lane is a sequence of steps that run one after the other; the lanes run
// beside each other.
type lane int

const (
	compiling  lane = iota // Go programs: one at a time uses both cores
	assembling             // packages, images, the engine: mostly waiting for I/O
	lanes
)

// A step makes one thing and knows whether it is there.
type step struct {
	name   string
	lane   lane
	needs  []string      // steps of any lane that must be done before
	key    string        // hash of what goes into it; "" if it has no content
	expect time.Duration // on two cores with empty caches
	disk   int64         // bytes to have free before making it

	// ready tells whether the thing is there under this key and works. Where it
	// cannot tell, the thing is not ready.
	ready func(ctx context.Context) bool
	// make makes it, from whatever state an earlier run was killed in.
	make func(ctx context.Context, log io.Writer) error
	// size is how much the finished thing takes, 0 if that is not known.
	size func(ctx context.Context) int64
}

// A plan is all steps, in the order in which each lane runs its own.
type plan []step

// A reporter is told how the steps go. Its methods are called concurrently.
type reporter interface {
	started(s step) (log io.WriteCloser)
	finished(s step, took time.Duration)
	inPlace(s step)
	failed(s step, err error) error // wraps err with what the reporter knows
}

// run makes what is not ready. The first failure stops both lanes.
func (p plan) run(ctx context.Context, rep reporter) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)

	done := make(map[string]chan struct{}, len(p))
	for _, s := range p {
		done[s.name] = make(chan struct{})
	}
	var group sync.WaitGroup
	for l := range lanes {
		group.Go(func() {
			if err := p.runLane(ctx, l, done, rep); err != nil {
				stop(err) // only the first counts
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}

func (p plan) runLane(ctx context.Context, l lane, done map[string]chan struct{}, rep reporter) error {
	for _, s := range p {
		if s.lane != l {
			continue
		}
		for _, need := range s.needs {
			select {
			case <-done[need]:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		if err := s.bringAbout(ctx, rep); err != nil {
			return err
		}
		close(done[s.name])
	}
	return nil
}

// bringAbout makes the step's thing unless it is there, and checks that it then
// is: ready is the only truth.
func (s step) bringAbout(ctx context.Context, rep reporter) error {
	if s.ready(ctx) {
		rep.inPlace(s)
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	begin := time.Now()
	log := rep.started(s)
	err := s.make(ctx, log)
	if err == nil && !s.ready(ctx) && ctx.Err() == nil {
		err = errors.New("was made, but is still found missing")
	}
	if closeErr := log.Close(); err == nil && closeErr != nil {
		err = fmt.Errorf("write its log: %w", closeErr)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return rep.failed(s, err)
	}
	rep.finished(s, time.Since(begin))
	return nil
}

// missing are the steps that a run would make now, in order.
func (p plan) missing(ctx context.Context) plan {
	var out plan
	for _, s := range p {
		if !s.ready(ctx) {
			out = append(out, s)
		}
	}
	return out
}

// validate checks that every need is a step, and one that is listed before: a
// plan that passes cannot wait for itself.
func (p plan) validate() error {
	seen := map[string]bool{}
	for _, s := range p {
		for _, need := range s.needs {
			if !seen[need] {
				return fmt.Errorf("step %q needs %q, which is not listed before it", s.name, need)
			}
		}
		if seen[s.name] {
			return fmt.Errorf("step %q is listed twice", s.name)
		}
		seen[s.name] = true
	}
	return nil
}
