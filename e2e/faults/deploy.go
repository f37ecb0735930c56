package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// The bounds of R5; the short form, which runs on machines that do other things, takes them three times.
const (
	mostGap   = 2 * time.Second
	mostLeave = 5 * time.Second
)

// rollingDeploy is R5.
func rollingDeploy(ctx context.Context, h *harness) (string, error) {
	b, err := h.bus()
	if err != nil {
		return "", err
	}
	defer b.close()
	e, err := b.newEstate(ctx, "")
	if err != nil {
		return "", err
	}
	defer e.close()
	if err := e.load(ctx); err != nil {
		return "", err
	}
	if err := sleep(ctx, 3*time.Second); err != nil { // what was ahead is worked off
		return "", err
	}
	d := &deploy{estate: e, begun: time.Now()}
	for range pick(h, 1, 3) {
		if err := d.roll(ctx); err != nil {
			return "", err
		}
	}
	d.ended = time.Now()
	drained := e.drain(ctx)
	resent, err := e.judge(ctx)
	if err = errors.Join(err, drained); err != nil {
		return "", err
	}
	return d.end(ctx, resent)
}

// deploy is one roll over a fleet.
type deploy struct {
	*estate

	begun, ended time.Time
	left, back   []time.Duration
}

// roll restarts every process, one by one.
func (d *deploy) roll(ctx context.Context) error {
	for i, p := range d.procs {
		if err := p.broken(); err != nil {
			return err
		}
		took, err := p.leave()
		if err != nil {
			return err
		}
		d.left = append(d.left, took)
		begun := time.Now()
		if d.procs[i], err = d.h.launch(ctx, p.spec); err != nil {
			return err
		}
		if err := d.procs[i].awaitReady(ctx); err != nil {
			return err
		}
		err = eventually(ctx, 30*time.Second, "the new process has partitions", func(ctx context.Context) error {
			return d.bus.assigned(ctx, p.spec.role.Name, p.spec.instance)
		})
		if err != nil {
			return violatedf("%v", err)
		}
		d.back = append(d.back, time.Since(begun))
		if err := sleep(ctx, pick(d.h, 200*time.Millisecond, 2*time.Second)); err != nil {
			return err
		}
	}
	return nil
}

// end stops the fleet and compares with the bounds.
func (d *deploy) end(ctx context.Context, resent int) (string, error) {
	for _, p := range d.procs {
		took, err := p.leave()
		if err != nil {
			return "", err
		}
		d.left = append(d.left, took)
	}
	if err := d.gone(ctx); err != nil {
		return "", err
	}
	gap, where, err := d.gaps(ctx)
	if err != nil {
		return "", err
	}
	sent, err := d.feed.end()
	if err != nil {
		return "", err
	}
	round := func(t time.Duration) time.Duration { return t.Round(10 * time.Millisecond) }
	text := fmt.Sprintf("%d processes of 5 nodes at %.0f of %.0f records/s, %d restarts one by one: %d records and %d workflows, 0 lost, 0 twice; "+
		"longest gap of a partition %s (%s); from SIGTERM to exit %s at most; partitions again %s at most after the start; nothing leaked; "+
		"%d resends recognised", len(d.procs), estateLoad*d.most, d.most, len(d.back), sent, d.flows.started, round(gap), where,
		round(slices.Max(d.left)), round(slices.Max(d.back)), resent)
	times := pick[time.Duration](d.h, 3, 1)
	switch {
	case len(d.back) < len(d.procs):
		return "", fmt.Errorf("%d of %d processes were restarted: nothing is proved", len(d.back), len(d.procs))
	case gap > times*mostGap:
		return "", violatedf("a partition stood still too long: %s", text)
	case slices.Max(d.left) > times*mostLeave:
		return "", violatedf("a process stopped too slowly: %s", text)
	}
	return text, nil
}
