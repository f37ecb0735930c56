package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/omninode-ai/omninode/e2e/faults/roles"
)

// workflowStorm is R31: instances of a workflow on several processes, one of which is killed every
// moment until all have ended.
func workflowStorm(ctx context.Context, h *harness) (string, error) {
	b, err := h.bus()
	if err != nil {
		return "", err
	}
	defer b.close()
	f, err := b.newFlows(ctx, pick(h, 5*time.Second, time.Minute))
	if err != nil {
		return "", err
	}
	defer f.close()
	w := &flowStorm{flows: f}
	if err := w.begin(ctx); err != nil {
		return "", err
	}
	begun := time.Now()
	if err := w.rage(ctx); err != nil {
		return "", err
	}
	if err := w.settle(ctx); err != nil {
		return "", err
	}
	drained := f.await(ctx, pick(h, time.Minute, 10*time.Minute))
	took := time.Since(begun)
	if drained != nil && !isViolation(drained) {
		return "", drained
	}
	h.endProcesses()
	late, resent, err := f.check(ctx)
	if err == nil {
		err = drained
	}
	if err != nil {
		return "", err
	}
	with, without, err := w.checkTurn(w.after)
	if err != nil {
		return "", err
	}
	effects, calls := f.sink.count()
	if w.met == 0 || w.struck[f.flow.Name] == 0 || w.deaths == 0 || calls == effects || with == 0 || without == 0 {
		return "", fmt.Errorf("%d kills met a working process (%v), %d were between an effect and its commit, %d calls repeated, %d instances had the next definition, %d not: nothing is proved",
			w.met, w.struck, w.deaths, calls-effects, with, without)
	}
	return fmt.Sprintf("%d instances of 7 steps, %d of them failed and were undone, on %d processes; %d kills, %d of them of a working process (%v), and %d between an effect and its commit: "+
		"0 lost, 0 doubled, 0 stuck, each step done under one idempotency key; %d calls repeated under the same key, %d resends recognised, "+
		"%d answers too late; the definition changed meanwhile, process by process: %d instances had its new step, %d ended without as they began; all ended after %s", f.started, w.failing(), len(w.procs), w.kills, w.met, w.struck, w.deaths, calls-effects, resent,
		late, with, without, took.Round(100*time.Millisecond)), nil
}

// flowProcesses is how many processes the orchestrator has.
const flowProcesses = 3

// flowStorm kills the processes of an orchestrator and of the effect behind it.
type flowStorm struct {
	*flows

	procs      []*proc
	kills, met int
	struck     map[string]int // by node
	deaths     int            // between an effect and its commit
	calm       bool           // nobody ends itself any more

	turns int // processes that have the next version
	after int // instances that were begun before all had it
}

func (w *flowStorm) begin(ctx context.Context) error {
	w.struck = map[string]int{}
	for i, r := range append(slices.Repeat([]roles.Role{w.flow}, flowProcesses), w.worker, w.worker) {
		if r.Steps {
			r.DieAt = w.dieAt()
		}
		p, err := w.h.launch(ctx, spec{role: r, instance: fmt.Sprintf("p%d", i), patched: true})
		if err != nil {
			return err
		}
		w.procs = append(w.procs, p)
	}
	for _, p := range w.procs {
		if err := p.awaitReady(ctx); err != nil {
			return err
		}
	}
	return nil
}

// rage starts the instances slice by slice and kills a process after each, until all are under way;
// then it goes on killing while a part of them is left.
func (w *flowStorm) rage(ctx context.Context) error {
	total, most := pick(w.h, 500, 10_000), pick(w.h, 12, 120)
	each := total / pick(w.h, 5, 50)
	for range most {
		if w.turns < flowProcesses {
			w.after = w.started + each
		}
		if w.started < total {
			if err := w.start(ctx, each); err != nil {
				return err
			}
		}
		if err := sleep(ctx, 500*time.Millisecond+time.Duration(w.h.random.IntN(500))*time.Millisecond); err != nil {
			return err
		}
		if ended, _, err := w.over(ctx); err != nil || ended == total {
			return err
		}
		if err := w.strike(ctx); err != nil {
			return err
		}
		if w.started >= total/3 {
			if err := w.turn(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// turn gives the next process of the orchestrator the next version of the workflow.
func (w *flowStorm) turn(ctx context.Context) error {
	if w.turns == flowProcesses {
		return nil
	}
	p := w.procs[w.turns]
	p.spec.role.Next = true
	w.turns++
	if err := w.revive(ctx, w.turns-1); err != nil {
		return err
	}
	return w.procs[w.turns-1].awaitReady(ctx)
}

// checkTurn wants the instances that began after the change to have the new step, and returns how many
// have it and how many did without.
func (w *flowStorm) checkTurn(after int) (with, without int, err error) {
	for i := range w.started {
		key := fmt.Sprintf("w%05d", i)
		insured := w.sink.of[key+"/"+roles.Insure] != nil
		switch {
		case !reaches(w.plans[key], "ship"):
		case insured:
			with++
		case i >= after:
			return 0, 0, violatedf("instance %s began with the next definition and never did %q", key, roles.Insure)
		default:
			without++
		}
	}
	return with, without, nil
}

// dieAt is how many effects a worker does until it ends itself before it commits the last; 0: never.
func (w *flowStorm) dieAt() int64 {
	if w.calm || w.deaths >= pick(w.h, 4, 40) {
		return 0
	}
	return 30 + w.h.random.Int64N(100)
}

// strike kills a process that chance chose, if none has ended itself, and starts it again.
func (w *flowStorm) strike(ctx context.Context) error {
	chosen := w.h.random.IntN(len(w.procs))
	for i, p := range w.procs {
		if p.ended() {
			w.deaths++
			return w.revive(ctx, i)
		}
	}
	if w.procs[chosen].ready(ctx) == nil {
		w.met++
		w.struck[w.procs[chosen].spec.role.Name]++
	}
	w.kills++
	return w.revive(ctx, chosen)
}

// revive starts the next life of a process.
func (w *flowStorm) revive(ctx context.Context, i int) (err error) {
	p := w.procs[i]
	if err := p.broken(); err != nil {
		return err
	}
	p.kill()
	if p.spec.role.Steps {
		p.spec.role.DieAt = w.dieAt()
	}
	w.procs[i], err = w.h.launch(ctx, p.spec)
	return err
}

// settle revives who ended itself until every instance has ended.
func (w *flowStorm) settle(ctx context.Context) error {
	w.calm = true
	for i, p := range w.procs {
		if !p.ended() && !p.spec.role.Steps {
			continue
		}
		if err := w.revive(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// failing is how many instances are planned to fail.
func (w *flowStorm) failing() (n int) {
	for _, plan := range w.plans {
		if plan != "" {
			n++
		}
	}
	return n
}
