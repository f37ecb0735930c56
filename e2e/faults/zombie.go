package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/omninode-ai/omninode/e2e/faults/failpoint"
	"github.com/omninode-ai/omninode/e2e/faults/roles"
	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/event"
)

// zombieSession is the session timeout of the patched program; see patches.go. As it ships it is 15 s.
const zombieSession = 3 * time.Second

// zombies are two instances each of a compute and of the reducer behind it. One process at a time is
// stopped in the middle of a transaction until the group has given its partitions away, and continued.
type zombies struct {
	*chain

	members  map[string][]*proc // by node
	pauses   int
	held     map[string]int // by step
	rejoin   []time.Duration
	replaced int
}

// zombiePause is R3.
func zombiePause(ctx context.Context, h *harness) (string, error) {
	b, err := h.bus()
	if err != nil {
		return "", err
	}
	defer b.close()
	z := &zombies{
		chain: &chain{h: h, bus: b, gate: h.name("source"), double: h.name("double"), fold: h.name("fold"), want: map[string][]link{}},
		held:  map[string]int{}, members: map[string][]*proc{},
	}
	if err := z.begin(ctx); err != nil {
		return "", err
	}
	rounds := pick(h, 3, 50)
	if h.twin != "" {
		rounds = 8
	}
	for i := range rounds {
		err := z.round(ctx, i)
		if h.twin != "" && ctx.Err() == nil { // its first commit is enough
			err = errors.Join(z.fence(ctx), err)
		}
		if err != nil {
			return "", fmt.Errorf("pause %d: %w", i+1, err)
		}
	}
	return z.end(ctx)
}

func (z *zombies) begin(ctx context.Context) error {
	in, made := roles.Out(z.gate), roles.Out(z.double)
	if err := z.h.prepare(ctx, z.double, z.fold); err != nil {
		return err
	}
	if err := z.bus.create(ctx, in, made); err != nil {
		return err
	}
	for _, r := range []roles.Role{
		{Name: z.double, Kind: onex.Compute, Inputs: []event.Topic{in}},
		{Name: z.fold, Kind: onex.Reducer, Inputs: []event.Topic{made}},
	} {
		for _, instance := range []string{"a", "b"} {
			p, err := z.member(ctx, r, instance)
			if err != nil {
				return err
			}
			z.members[r.Name] = append(z.members[r.Name], p)
		}
	}
	for _, ps := range z.members {
		for _, p := range ps {
			if err := p.awaitReady(ctx); err != nil {
				return err
			}
		}
	}
	return z.settled(ctx)
}

// member starts an instance that can be armed.
func (z *zombies) member(ctx context.Context, r roles.Role, instance string) (*proc, error) {
	arm := filepath.Join(z.h.temp, r.Name+"-"+instance+".arm")
	if err := os.WriteFile(arm, nil, 0o600); err != nil {
		return nil, err
	}
	return z.h.launch(ctx, spec{role: r, instance: instance, patched: true, env: map[string]string{failpoint.ArmEnv: arm}})
}

// settled waits until each instance has partitions.
func (z *zombies) settled(ctx context.Context) error {
	return eventually(ctx, 30*time.Second, "every instance has partitions", func(ctx context.Context) error {
		for node, ps := range z.members {
			for _, p := range ps {
				if err := z.bus.assigned(ctx, node, p.spec.instance); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// round pauses one process. Of the reducer, every other time another process takes the zombie's very
// name meanwhile, as a restart by a supervisor does: the group's generation then stays the same.
func (z *zombies) round(ctx context.Context, i int) error {
	node, step := z.fold, []string{"handled", "committing", "decided"}[z.h.random.IntN(3)]
	replace := i%2 == 1 || z.h.twin == generationOnly
	if i%3 == 2 && z.h.twin == "" {
		node, step, replace = z.double, "transacting", false
	}
	who := z.h.random.IntN(2)
	p := z.members[node][who]
	if err := z.stop(ctx, p, step); err != nil {
		return err
	}
	z.pauses++
	z.held[step]++
	paused := time.Now()
	if replace {
		next, err := z.replace(ctx, p)
		if err != nil {
			return err
		}
		z.members[node][who] = next
	}
	if err := z.feedUntil(ctx, paused.Add(pauseTime(replace))); err != nil {
		return err
	}
	if err := p.signal(syscall.SIGCONT); err != nil {
		return err
	}
	woken := time.Now()
	if err := z.send(ctx, 60); err != nil {
		return err
	}
	if replace {
		return z.buried(ctx, p)
	}
	err := eventually(ctx, 10*time.Second, "the continued process has partitions again", func(ctx context.Context) error {
		return z.bus.assigned(ctx, node, p.spec.instance)
	})
	if err != nil {
		return violatedf("%v", err)
	}
	z.rejoin = append(z.rejoin, time.Since(woken))
	z.h.logf("pause %d at %q: back after %s", z.pauses, step, time.Since(woken).Round(time.Millisecond))
	return z.settled(ctx)
}

// pauseTime is three sessions; a process that was replaced need not wait for the group.
func pauseTime(replaced bool) time.Duration {
	if replaced {
		return zombieSession
	}
	return 3 * zombieSession
}

// stop arms a process and feeds it until it has stopped itself at the step.
func (z *zombies) stop(ctx context.Context, p *proc, step string) error {
	if err := os.WriteFile(p.spec.env[failpoint.ArmEnv], []byte(step), 0o600); err != nil {
		return err
	}
	if err := p.signal(syscall.SIGUSR1); err != nil {
		return err
	}
	return eventually(ctx, 15*time.Second, "the process stops at "+step, func(ctx context.Context) error {
		if p.stopped() {
			return nil
		}
		if err := z.send(ctx, 30); err != nil {
			return err
		}
		return errors.New("it still runs")
	})
}

// replace starts another process under the stopped one's name and waits until it commits.
func (z *zombies) replace(ctx context.Context, p *proc) (*proc, error) {
	next, err := z.member(ctx, p.spec.role, p.spec.instance)
	if err != nil {
		return nil, err
	}
	z.replaced++
	return next, next.awaitReady(ctx)
}

// buried wants a process whose name another took to end by itself.
func (z *zombies) buried(ctx context.Context, p *proc) error {
	select {
	case <-p.p.Done():
		z.h.logf("pause %d: replaced, and ended by itself", z.pauses)
		return z.settled(ctx)
	case <-time.After(20 * time.Second):
		return violatedf("a process whose name another took still runs after 20s")
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// feedUntil sends records slowly until a moment.
func (z *zombies) feedUntil(ctx context.Context, until time.Time) error {
	for time.Now().Before(until) {
		if err := z.send(ctx, 30); err != nil {
			return err
		}
		if err := sleep(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// send produces records to the compute's input.
func (z *zombies) send(ctx context.Context, n int) error {
	const keys = 30
	in := roles.Out(z.gate)
	inputs := make([]input, 0, n)
	for range n {
		key := fmt.Sprintf("k%d", z.h.random.IntN(keys))
		place := len(z.want[key])
		id := z.h.rootID(in, key, place)
		z.want[key] = append(z.want[key], link{place, id})
		inputs = append(inputs, input{key, roles.Number{N: place}, id})
	}
	z.records += n
	return z.bus.produce(ctx, in, inputs...)
}

// fence judges the history of the reducer's fence so far.
func (z *zombies) fence(ctx context.Context) error {
	history, err := z.h.moves(ctx, z.fold)
	if err == nil {
		_, err = checkFence(history)
	}
	return err
}

// end drains and judges.
func (z *zombies) end(ctx context.Context) (string, error) {
	drained := z.h.await(ctx, z.fold, int64(z.records), 30*time.Second)
	z.h.endProcesses()
	history, err := z.h.moves(ctx, z.fold)
	if err != nil {
		return "", err
	}
	takeovers, err := checkFence(history)
	if err != nil {
		return "", err
	}
	sent, err := z.bus.read(ctx, roles.Out(z.gate).String(), true)
	if err != nil {
		return "", err
	}
	made, err := z.bus.read(ctx, roles.Out(z.double).String(), true)
	if err != nil {
		return "", err
	}
	if err := checkMirror("compute", sent, made, func(id string) string { return derived(id, z.double) }); err != nil {
		return "", err
	}
	if err := z.h.checkFold(ctx, z.fold, z.want, z.double); err != nil {
		return "", err
	}
	done, err := z.bus.read(ctx, roles.Out(z.fold).String(), true)
	if err != nil {
		return "", err
	}
	resent, err := checkSequence("reducer", done, z.ids(z.double, z.fold))
	if err != nil {
		return "", err
	}
	if drained != nil {
		return "", drained
	}
	fenced := z.h.hits(z.fold)["fenced"]
	if fenced == 0 || len(z.rejoin) == 0 || takeovers == 0 {
		return "", fmt.Errorf("%d commits of zombies were tried, %d rejoined, %d takeovers: nothing is proved", fenced, len(z.rejoin), takeovers)
	}
	return fmt.Sprintf("%d pauses (%v), of %d processes the name was taken meanwhile; %d commits of zombies tried, 0 made; %d records, exact; "+
		"rejoined within %s at most; %d resends recognised; session timeout %s, in place of 15 s", z.pauses, z.held, z.replaced, fenced, z.records,
		slices.Max(z.rejoin).Round(10*time.Millisecond), resent, zombieSession), nil
}
