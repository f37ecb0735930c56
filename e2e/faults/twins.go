package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// twin is a planted bug and the case that must catch it.
type twin struct {
	name string
	by   string // title of the case
	run  func(ctx context.Context, h *harness) (string, error)
}

func twins() []twin {
	return []twin{
		{commitBeforeHandle, "state_offset_atomic", stateAtomic},
		{dedupOutside, "state_offset_atomic", stateAtomic},
		{selectThenWrite, "state_offset_atomic", stateAtomic},
		{fenceRemoved, "zombie_pause", zombiePause},
		{generationOnly, "zombie_pause", zombiePause},
		{ackBeforeOutbox, "outbox_commit_order", outboxOrder},
		{readUncommitted, "eos_chain_kill", chainKill},
		{revokeIgnored + "," + fenceRemoved, "rebalance_storm", rebalanceStorm},
		{keyOfProcess, "workflow_storm", workflowStorm},
	}
}

const twinBound = 90 * time.Second

// runTwins runs the cases in their short form on programs with a planted bug. A bug passes that its
// case reports as a violation; one that goes unnoticed, or a run that breaks in another way, fails.
func (h *harness) runTwins(ctx context.Context, list []twin) []figure {
	short := h.short
	h.short = true
	defer func() { h.short, h.twin = short, "" }()
	var figures []figure
	for _, t := range list {
		if ctx.Err() != nil {
			break
		}
		figures = append(figures, h.runTwin(ctx, t))
	}
	return figures
}

func (h *harness) runTwin(ctx context.Context, t twin) figure {
	h.twin = t.name
	h.logf("twin %s: %s must catch it", t.name, t.by)
	h.random = rand.New(rand.NewPCG(h.seed, 1)) //nolint:gosec // it must repeat
	f := figure{Case: "twin", Title: t.name, Form: "planted bug", Seed: h.seed}
	bounded, cancel := context.WithTimeoutCause(ctx, twinBound, errors.New("nothing was found within "+twinBound.String()))
	defer cancel()
	start := time.Now()
	_, err := t.run(bounded, h)
	h.endProcesses()
	f.took = time.Since(start)
	f.Took = f.took.Round(time.Second).String()
	switch {
	case err == nil:
		f.Figure = t.by + " did not notice it"
	case isViolation(err):
		f.Pass, f.Figure = true, "caught by "+t.by+": "+err.Error()
	default:
		f.Figure = t.by + " broke in another way: " + err.Error()
	}
	if !f.Pass {
		h.keep = true
	}
	h.logf("twin %s: %s", t.name, f.Figure)
	return f
}
