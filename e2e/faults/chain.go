package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/omninode-ai/omninode/e2e/faults/failpoint"
	"github.com/omninode-ai/omninode/e2e/faults/roles"
	"github.com/omninode-ai/omninode/internal/provision"
	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// chain is an effect, a compute and a reducer, each of which consumes what the one before emits.
type chain struct {
	h                     *harness
	bus                   *bus
	gate, double, fold    string
	procs                 []*proc
	want                  map[string][]link // inputs of each key, as the gate gets them
	records, kills, ready int
}

// chainKill is R1.
func chainKill(ctx context.Context, h *harness) (string, error) {
	rounds := pick(h, 1, h.seeds)
	if h.twin != "" {
		rounds = 1
	}
	first := h.seed
	defer func() { h.seed = first }()
	var sum chainSum
	for i := range rounds {
		h.seed = first + uint64(i)
		if err := h.chainRound(ctx, &sum); err != nil {
			return "", fmt.Errorf("seed %d: %w", h.seed, err)
		}
	}
	return sum.String(), sum.struck()
}

// chainSum is what the rounds of R1 counted.
type chainSum struct {
	rounds, records, kills, met, aborted, failed, rolledBack, resent, clean, hard int
}

func (s chainSum) String() string {
	return fmt.Sprintf("%d of %d seeds; %d records; %d kills, %d of them met a working process; %d records of aborted Kafka transactions, "+
		"%d failed attempts, %d aborted commits; broker bounced %d times clean, %d hard; 0 lost, 0 duplicate state changes, 0 aborted reads, order per key exact; "+
		"%d resends, all recognised by their id", s.rounds, s.rounds, s.records, s.kills, s.met, s.aborted, s.failed, s.rolledBack, s.clean, s.hard, s.resent)
}

// struck fails a run whose faults did not strike.
func (s chainSum) struck() error {
	if s.met == 0 || s.aborted == 0 || s.failed == 0 || s.rolledBack == 0 || s.hard == 0 {
		return fmt.Errorf("a fault never struck, so nothing is proved: %+v", s)
	}
	return nil
}

func (h *harness) chainRound(ctx context.Context, sum *chainSum) error {
	b, err := h.bus()
	if err != nil {
		return err
	}
	defer b.close()
	c := &chain{h: h, bus: b, gate: h.name("gate"), double: h.name("double"), fold: h.name("fold"), want: map[string][]link{}}
	if err := c.begin(ctx); err != nil {
		return err
	}
	if err := c.storm(ctx, sum); err != nil {
		return err
	}
	drained := c.drain(ctx)
	if drained != nil && !isViolation(drained) {
		return drained
	}
	h.endProcesses()
	if err := c.check(ctx, sum); err != nil {
		return errors.Join(err, c.keepInbox(ctx))
	}
	if drained != nil {
		return drained
	}
	sum.rounds, sum.records = sum.rounds+1, sum.records+c.records
	sum.kills, sum.met = sum.kills+c.kills, sum.met+c.ready
	sum.failed += h.hits(c.gate)["abort handler"]
	sum.rolledBack += h.hits(c.gate)["abort commit"] + h.hits(c.fold)["abort commit"]
	h.logf("seed %d: %d records, %d kills, %+v", h.seed, c.records, c.kills, *sum)
	return nil
}

func (c *chain) begin(ctx context.Context) error {
	ask, asked, made := roles.Ask(c.gate, "ask"), roles.Out(c.gate), roles.Out(c.double)
	if err := c.h.prepare(ctx, c.gate, c.double, c.fold); err != nil {
		return err
	}
	if err := c.bus.create(ctx, ask, asked, made); err != nil {
		return err
	}
	aborts := map[string]string{failpoint.AbortEnv: "commit:10"}
	for _, s := range []spec{
		{role: roles.Role{
			Name: c.gate, Kind: onex.Effect, Inputs: []event.Topic{ask},
			Retry: engine.RetryPolicy{Attempts: 5, First: 20 * time.Millisecond, Max: 100 * time.Millisecond},
		}, patched: true, env: aborts},
		{role: roles.Role{Name: c.double, Kind: onex.Compute, Inputs: []event.Topic{asked}}, patched: true, env: map[string]string{failpoint.AbortEnv: fmt.Sprintf("transaction:%d", pick(c.h, 40, 10))}},
		{role: roles.Role{Name: c.fold, Kind: onex.Reducer, Inputs: []event.Topic{made}}, patched: true, env: aborts},
	} {
		p, err := c.h.launch(ctx, s)
		if err != nil {
			return err
		}
		c.procs = append(c.procs, p)
	}
	for _, p := range c.procs {
		if err := p.awaitReady(ctx); err != nil {
			return err
		}
	}
	return nil
}

// storm sends the records slice by slice, and every two seconds kills a process.
func (c *chain) storm(ctx context.Context, sum *chainSum) error {
	total, slices := pick(c.h, 3_000, 100_000), pick(c.h, 6, 32)
	if c.h.twin != "" {
		slices = 3
	}
	for i := range slices {
		begun := time.Now()
		if err := c.send(ctx, total/slices); err != nil {
			return err
		}
		var err error
		switch i {
		case slices / 3:
			sum.clean++
			err = c.h.bounce(ctx, false)
		case 2 * slices / 3:
			sum.hard++
			err = c.h.bounce(ctx, true)
		}
		if err != nil {
			return err
		}
		if err := sleep(ctx, 2*time.Second-time.Since(begun)); err != nil {
			return err
		}
		if err := c.strike(ctx); err != nil {
			return err
		}
	}
	return nil
}

// strike kills a process that chance chose and starts it again.
func (c *chain) strike(ctx context.Context) (err error) {
	i := c.h.random.IntN(len(c.procs))
	if c.procs[i].ready(ctx) == nil {
		c.ready++
	}
	c.kills++
	c.procs[i], err = c.procs[i].again(ctx)
	return err
}

// send produces the next records; one of ten fails at its first attempt.
func (c *chain) send(ctx context.Context, n int) error {
	const keys = 500
	ask := roles.Ask(c.gate, "ask")
	inputs := make([]input, 0, n)
	for range n {
		key := fmt.Sprintf("k%d", c.h.random.IntN(keys))
		place := len(c.want[key])
		data := roles.Number{N: place}
		if c.h.random.IntN(10) == 0 {
			data.Fail = 1
		}
		id := c.h.rootID(ask, key, place)
		c.want[key] = append(c.want[key], link{place, id})
		inputs = append(inputs, input{key, data, id})
	}
	c.records += n
	return c.bus.produce(ctx, ask, inputs...)
}

// drain waits until the reducer has seen everything; nothing is killed meanwhile.
func (c *chain) drain(ctx context.Context) error {
	for _, p := range c.procs {
		if err := p.awaitReady(ctx); err != nil {
			return err
		}
	}
	return c.h.await(ctx, c.fold, int64(c.records), pick(c.h, time.Minute, 5*time.Minute))
}

// await waits until the versions of a reducer's state add up to n and its outbox is empty. It gives
// up when nothing has moved for as long as stall.
func (h *harness) await(ctx context.Context, node string, n int64, stall time.Duration) error {
	schema := provision.Schema(node)
	last, lastMove, told := int64(-1), time.Now(), time.Now()
	for {
		var done, waiting int64
		err := h.database(ctx, func(conn *pgx.Conn) error {
			return conn.QueryRow(ctx, fmt.Sprintf(`SELECT (SELECT coalesce(sum(version), 0)::bigint FROM %[1]q.state),
				(SELECT count(*) FROM %[1]q.outbox)`, schema)).Scan(&done, &waiting)
		})
		if err != nil {
			return err
		}
		switch {
		case done >= n && waiting == 0:
			return nil
		case done != last:
			last, lastMove = done, time.Now()
		case time.Since(lastMove) > stall:
			return violatedf("%s stands still at %d of %d for %s, %d records wait in its outbox", node, done, n, stall, waiting)
		}
		if time.Since(told) > 10*time.Second {
			told = time.Now()
			h.logf("%s has %d of %d", node, done, n)
		}
		if err := sleep(ctx, 200*time.Millisecond); err != nil {
			return fmt.Errorf("%s has %d of %d: %w", node, done, n, err)
		}
	}
}

// check judges the whole history.
func (c *chain) check(ctx context.Context, sum *chainSum) error {
	asked, err := c.bus.read(ctx, roles.Out(c.gate).String(), true)
	if err != nil {
		return err
	}
	made, err := c.bus.read(ctx, roles.Out(c.double).String(), true)
	if err != nil {
		return err
	}
	all, err := c.bus.read(ctx, roles.Out(c.double).String(), false)
	if err != nil {
		return err
	}
	done, err := c.bus.read(ctx, roles.Out(c.fold).String(), true)
	if err != nil {
		return err
	}
	sum.aborted += len(all) - len(made)
	resent, err := checkSequence("effect", asked, c.ids(c.gate))
	if err != nil {
		return err
	}
	sum.resent += resent
	if err := checkMirror("compute", asked, made, func(id string) string { return derived(id, c.double) }); err != nil {
		return err
	}
	if resent, err = checkSequence("reducer", done, c.ids(c.gate, c.double, c.fold)); err != nil {
		return err
	}
	sum.resent += resent
	if err := c.checkInbox(ctx, made); err != nil {
		return err
	}
	if err := c.h.checkFold(ctx, c.fold, c.want, c.gate, c.double); err != nil {
		return err
	}
	for _, node := range []string{c.gate, c.fold} {
		history, err := c.h.moves(ctx, node)
		if err != nil {
			return err
		}
		if _, err := checkFence(history); err != nil {
			return fmt.Errorf("%s: %w", node, err)
		}
	}
	return nil
}

// keepInbox writes down when the effect and the reducer handled what, beside the logs.
func (c *chain) keepInbox(ctx context.Context) error {
	return c.h.database(ctx, func(conn *pgx.Conn) error {
		for _, node := range []string{c.gate, c.fold} {
			rows, err := conn.Query(ctx, fmt.Sprintf(`SELECT handled_at::text, partition, record_offset, event_id
				FROM %q.inbox ORDER BY handled_at, partition, record_offset`, provision.Schema(node)))
			if err != nil {
				return err
			}
			var lines []byte
			var at, id string
			var partition int32
			var offset int64
			if _, err := pgx.ForEachRow(rows, []any{&at, &partition, &offset, &id}, func() error {
				lines = fmt.Appendf(lines, "%s %d %d %s\n", at, partition, offset, id)
				return nil
			}); err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(c.h.temp, node+".inbox"), lines, 0o600); err != nil {
				return err
			}
		}
		return nil
	})
}

// ids returns the ids that must follow from the inputs after they passed some nodes.
func (c *chain) ids(nodes ...string) map[string][]string { return derivedIDs(c.want, nodes...) }

// derivedIDs returns the ids that must follow from inputs by key after they passed some nodes.
func derivedIDs(inputs map[string][]link, nodes ...string) map[string][]string {
	want := make(map[string][]string, len(inputs))
	for key, links := range inputs {
		for _, l := range links {
			id := l.id
			for _, n := range nodes {
				id = derived(id, n)
			}
			want[key] = append(want[key], id)
		}
	}
	return want
}

// checkInbox wants that the reducer handled no record of a transaction that was aborted.
func (c *chain) checkInbox(ctx context.Context, committed []seen) error {
	type place struct {
		partition int32
		offset    int64
	}
	known := make(map[place]bool, len(committed))
	for _, r := range committed {
		known[place{r.partition, r.offset}] = true
	}
	return c.h.database(ctx, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, fmt.Sprintf(`SELECT partition, record_offset FROM %q.inbox`, provision.Schema(c.fold)))
		if err != nil {
			return err
		}
		handled, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p place, err error) {
			return p, row.Scan(&p.partition, &p.offset)
		})
		for _, p := range handled {
			if !known[p] {
				return violatedf("aborted read: %s handled partition %d, offset %d, whose transaction was not committed", c.fold, p.partition, p.offset)
			}
		}
		return err
	})
}

// checkFold wants that each key's state is the fold of the inputs as they came through some nodes.
func (h *harness) checkFold(ctx context.Context, node string, inputs map[string][]link, through ...string) error {
	states, err := h.states(ctx, node)
	if err != nil {
		return err
	}
	ids := derivedIDs(inputs, through...)
	for key, links := range inputs {
		events := make([]link, len(links))
		for i := range links {
			events[i] = link{links[i].n, ids[key][i]}
		}
		want := fold(events)
		if got := states[key]["out"]; got != want {
			return violatedf("state of key %s is %+v, the fold of its %d inputs is %+v", key, got, len(links), want)
		}
	}
	return nil
}

// states reads a reducer's state by key.
func (h *harness) states(ctx context.Context, node string) (map[string]roles.State, error) {
	states := map[string]roles.State{}
	err := h.database(ctx, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, fmt.Sprintf(`SELECT key, data FROM %q.state`, provision.Schema(node)))
		if err != nil {
			return err
		}
		var key string
		var data []byte
		_, err = pgx.ForEachRow(rows, []any{&key, &data}, func() error {
			s, err := roles.DecodeState(data)
			states[key] = s
			return err
		})
		return err
	})
	return states, err
}
