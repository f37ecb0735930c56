package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/omninode-ai/omninode/e2e/faults/roles"
	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/event"
)

// estate is a fleet under load: an effect, a compute and a reducer in a row, and an orchestrator with the
// effect that does its steps; several processes each.
type estate struct {
	h                  *harness
	bus                *bus
	flows              *flows
	gate, double, fold roles.Role
	feed               *feeder
	tally              *tally
	database           string // of the processes, if it is not the server's
	procs              []*proc
	most               float64 // records a second
}

const (
	estateEach = 2   // processes of each node
	estateLoad = 0.7 // of the most it can do
	estateKeys = 200
	estateFlow = 50   // records for each instance of a workflow
	estateWork = 4000 // records ahead while the most is measured
)

// newEstate starts the fleet and waits until it works.
func (b *bus) newEstate(ctx context.Context, database string) (*estate, error) {
	h := b.h
	e := &estate{h: h, bus: b, database: database}
	ask := roles.Ask(h.name("gate"), "ask")
	e.gate = roles.Role{Name: ask.Ref.Node, Kind: onex.Effect, Inputs: []event.Topic{ask}}
	e.double = roles.Role{Name: h.name("double"), Kind: onex.Compute, Inputs: []event.Topic{roles.Out(e.gate.Name)}}
	e.fold = roles.Role{Name: h.name("fold"), Kind: onex.Reducer, Inputs: []event.Topic{roles.Out(e.double.Name)}, TakesMs: 40}
	var err error
	if e.flows, err = b.newFlows(ctx, pick(h, 5*time.Second, time.Minute)); err != nil {
		return nil, err
	}
	if err := h.prepare(ctx, e.gate.Name, e.double.Name, e.fold.Name); err != nil {
		return nil, err
	}
	if err := b.create(ctx, ask, roles.Out(e.gate.Name), roles.Out(e.double.Name)); err != nil {
		return nil, err
	}
	for i := range estateEach {
		for _, r := range e.roles() {
			p, err := h.launch(ctx, spec{role: r, instance: fmt.Sprintf("p%d", i), database: database})
			if err != nil {
				return nil, err
			}
			e.procs = append(e.procs, p)
		}
	}
	for _, p := range e.procs {
		if err := p.awaitReady(ctx); err != nil {
			return nil, err
		}
	}
	owed := 0
	e.feed = b.feed(ctx, ask, estateKeys)
	e.feed.again = true
	e.feed.also = func(ctx context.Context, n int) error {
		owed += n
		begin := owed / estateFlow
		owed -= begin * estateFlow
		return e.flows.start(ctx, begin)
	}
	e.tally = h.tally(ctx, e.fold.Name)
	return e, nil
}

func (e *estate) roles() []roles.Role {
	return []roles.Role{e.gate, e.double, e.fold, e.flows.flow, e.flows.worker}
}

// stores are the nodes that have a fence.
func (e *estate) stores() []roles.Role {
	return []roles.Role{e.gate, e.fold, e.flows.flow, e.flows.worker}
}

func (e *estate) close() {
	e.feed.stop()
	e.tally.end()
	e.flows.close()
}

// load measures the most the fleet can do and puts a part of that on it.
func (e *estate) load(ctx context.Context) error {
	e.feed.ahead(estateWork, e.tally.now)
	err := eventually(ctx, time.Minute, "the first records are folded", func(context.Context) error {
		if done := e.tally.now(); done < 1000 {
			return fmt.Errorf("%d are", done)
		}
		return nil
	})
	if err != nil {
		return err
	}
	window := pick(e.h, 3*time.Second, 15*time.Second)
	if e.most, err = e.tally.rate(func() error { return sleep(ctx, window) }); err != nil {
		return err
	}
	if e.most < 50 {
		return fmt.Errorf("the fleet does %.0f records/s: nothing is proved", e.most)
	}
	e.h.logf("at most %.0f records/s, %.0f from now on", e.most, estateLoad*e.most)
	e.feed.at(estateLoad * e.most)
	return nil
}

// drain ends the load and waits until everything is done.
func (e *estate) drain(ctx context.Context) error {
	sent, err := e.feed.end()
	if err != nil {
		return err
	}
	bound := pick(e.h, time.Minute, 5*time.Minute)
	return errors.Join(e.h.await(ctx, e.fold.Name, int64(sent), bound), e.flows.await(ctx, bound))
}

// judge checks the whole history. It returns how many records were sent again.
func (e *estate) judge(ctx context.Context) (resent int, err error) {
	asked, err := e.bus.read(ctx, roles.Out(e.gate.Name).String(), true)
	if err != nil {
		return 0, err
	}
	made, err := e.bus.read(ctx, roles.Out(e.double.Name).String(), true)
	if err != nil {
		return 0, err
	}
	done, err := e.bus.read(ctx, roles.Out(e.fold.Name).String(), true)
	if err != nil {
		return 0, err
	}
	again, err := checkSequence("effect", asked, derivedIDs(e.feed.want, e.gate.Name))
	if err != nil {
		return 0, err
	}
	resent += again
	if err := checkMirror("compute", asked, made, func(id string) string { return derived(id, e.double.Name) }); err != nil {
		return 0, err
	}
	if again, err = checkSequence("reducer", done, derivedIDs(e.feed.want, e.gate.Name, e.double.Name, e.fold.Name)); err != nil {
		return 0, err
	}
	resent += again
	if err := checkIntervals(done); err != nil {
		return 0, err
	}
	if err := e.h.checkFold(ctx, e.fold.Name, e.feed.want, e.gate.Name, e.double.Name); err != nil {
		return 0, err
	}
	for _, r := range e.stores() {
		history, err := e.h.moves(ctx, r.Name)
		if err != nil {
			return 0, err
		}
		if _, err := checkFence(history); err != nil {
			return 0, fmt.Errorf("%s: %w", r.Name, err)
		}
	}
	_, again, err = e.flows.check(ctx)
	return resent + again, err
}

// gone wants nothing to be left of processes that have stopped: no connection, no registration, no
// lease, no member of a group and no open transaction.
func (e *estate) gone(ctx context.Context) error {
	return eventually(ctx, 10*time.Second, "what the fleet held is released", func(ctx context.Context) error {
		for _, r := range e.roles() {
			if err := e.h.released(ctx, e.bus, r.Name); err != nil {
				return err
			}
		}
		return nil
	})
}
