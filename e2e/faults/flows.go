package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/omninode-ai/omninode/e2e/faults/roles"
	"github.com/omninode-ai/omninode/internal/provision"
	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/event"
)

// flows are an orchestrator, the effect that does its steps, and the outside world that takes them.
type flows struct {
	h            *harness
	bus          *bus
	sink         *sink
	flow, worker roles.Role
	plans        map[string]string // by instance
	started      int
}

// newFlows makes what instances need; wait is how long one waits for the answer that never comes.
func (b *bus) newFlows(ctx context.Context, wait time.Duration) (*flows, error) {
	f := &flows{h: b.h, bus: b, plans: map[string]string{}}
	var err error
	if f.sink, err = startSink(ctx); err != nil {
		return nil, err
	}
	worker := b.h.name("worker")
	f.flow = roles.Role{Name: b.h.name("flow"), Kind: onex.Orchestrator, Worker: worker, WaitMs: int(wait.Milliseconds())}
	f.worker = roles.Role{Name: worker, Kind: onex.Effect, Steps: true, Sink: f.sink.url}
	if err := b.h.prepare(ctx, f.flow.Name, f.worker.Name); err != nil {
		return nil, err
	}
	topics := []event.Topic{roles.Ask(f.flow.Name, "start"), roles.Final(f.flow.Name, "completed"), roles.Final(f.flow.Name, "failed")}
	for _, c := range roles.Commands() {
		topics = append(topics, roles.Ask(worker, c), roles.Done(worker, c), roles.Refused(worker, c))
	}
	return f, b.create(ctx, topics...)
}

func (f *flows) close() { _ = f.sink.server.Close() }

// start begins n more instances: of ten, one is refused when it pays, one when it is shipped, and of
// fifty one gets no answer to its bill.
func (f *flows) start(ctx context.Context, n int) error {
	to := roles.Ask(f.flow.Name, "start")
	var inputs []input
	for range n {
		key := fmt.Sprintf("w%05d", f.started)
		plan := ""
		switch {
		case f.started%50 == 7:
			plan = roles.SilentBill
		case f.started%10 == 3:
			plan = roles.RefuseCharge
		case f.started%10 == 5:
			plan = roles.RefuseShip
		}
		f.plans[key] = plan
		inputs = append(inputs, input{key, roles.Number{N: f.started, Plan: plan}, f.h.rootID(to, key, 0)})
		f.started++
	}
	return patiently(ctx, func() error { return f.bus.produce(ctx, to, inputs...) })
}

// over returns how many instances have ended, and how much waits for anything.
func (f *flows) over(ctx context.Context) (ended, waiting int, err error) {
	err = f.h.database(ctx, func(conn *pgx.Conn) error {
		query := fmt.Sprintf(`SELECT (SELECT count(*) FROM %[1]q.instance WHERE status IN ('completed', 'failed')),
			(SELECT count(*) FROM %[1]q.outbox) + (SELECT count(*) FROM %[1]q.timer) + (SELECT count(*) FROM %[1]q.parked)
			+ (SELECT count(*) FROM %[2]q.outbox) + (SELECT count(*) FROM %[2]q.parked)`,
			provision.Schema(f.flow.Name), provision.Schema(f.worker.Name))
		return conn.QueryRow(ctx, query).Scan(&ended, &waiting)
	})
	return ended, waiting, err
}

// await waits until every instance has ended and did what its end asks for.
func (f *flows) await(ctx context.Context, bound time.Duration) error {
	told := time.Now()
	return eventually(ctx, bound, "every instance ends", func(ctx context.Context) error {
		ended, waiting, err := f.over(ctx)
		if err != nil {
			return err
		}
		if time.Since(told) > 10*time.Second {
			told = time.Now()
			f.h.logf("%d of %d instances ended, %d records and timers wait", ended, f.started, waiting)
		}
		if ended < f.started || waiting > 0 {
			return violatedf("%d of %d instances ended, %d records and timers wait", ended, f.started, waiting)
		}
		return f.complete()
	})
}

// complete wants the sink to have every effect that the plans ask for: an undo is under way when its
// instance has ended.
func (f *flows) complete() error {
	f.sink.mu.Lock()
	defer f.sink.mu.Unlock()
	for key, plan := range f.plans {
		for _, c := range effects(plan) {
			if f.sink.of[key+"/"+c] == nil {
				return violatedf("instance %s (%s) never did %q", key, plan, c)
			}
		}
	}
	return nil
}

// effects are the commands that an instance must have done, by its plan.
func effects(plan string) []string {
	switch plan {
	case roles.RefuseCharge:
		return []string{"reserve", "charge", "pack", "unpack", "release"}
	case roles.RefuseShip:
		return []string{"reserve", "charge", "pack", "label", "ship", "unpack", "refund", "release"}
	case roles.SilentBill:
		return []string{"reserve", "charge", "pack", "label", "ship", "bill", "unpack", "refund", "release"}
	}
	return roles.Steps()
}

// check judges what instances did and how they ended. late counts those that an answer missed: the
// bill came after its step had timed out.
func (f *flows) check(ctx context.Context) (late, resent int, err error) {
	ends := map[string]string{}
	for _, how := range []string{"completed", "failed"} {
		records, err := f.bus.read(ctx, roles.Final(f.flow.Name, how).String(), true)
		if err != nil {
			return 0, 0, err
		}
		first, again := distinct(records)
		resent += again
		for _, r := range first {
			if was := ends[r.key]; was != "" {
				return 0, 0, violatedf("instance %s ended twice: %s, and %s (id %s, partition %d, offset %d)", r.key, was, how, r.id, r.partition, r.offset)
			}
			ends[r.key] = how
		}
	}
	f.sink.mu.Lock()
	defer f.sink.mu.Unlock()
	late, err = checkFlows(f.plans, ends, f.sink.of, f.sink.order)
	return late, resent, err
}

// checkFlows wants each instance to end once and as planned, each step to be done under one idempotency
// key, nothing else to be done, and steps in a row to be done in their order.
func checkFlows(plans, ends map[string]string, done map[string]map[string]bool, order map[string]int) (late int, err error) {
	left := maps.Clone(done)
	for key, plan := range plans {
		end, want := ends[key], "completed"
		if plan != "" {
			want = "failed"
		}
		overtaken := plan == "" && end == "failed" // its bill came after the time was up
		switch {
		case end == "":
			return late, violatedf("instance %s (%q) never ended", key, plan)
		case end != want && !overtaken:
			return late, violatedf("instance %s (%q) %s", key, plan, end)
		case overtaken:
			late, plan = late+1, roles.SilentBill
		}
		must := effects(plan)
		if reaches(plan, "ship") && done[key+"/"+roles.Insure] != nil { // it began with the next definition
			must = append(must, roles.Insure)
		}
		for _, c := range must {
			if n := len(done[key+"/"+c]); n != 1 {
				return late, violatedf("instance %s (%q): %q was done under %d idempotency keys", key, plan, c, n)
			}
			delete(left, key+"/"+c)
		}
		if err := inOrder(key, plan, order); err != nil {
			return late, err
		}
	}
	for what := range left {
		return late, violatedf("%s was done, and nothing asks for it", what)
	}
	return late, nil
}

// reaches says whether an instance does a step, by its plan.
func reaches(plan, step string) bool { return slices.Contains(effects(plan), step) }

// inOrder wants the steps that follow one another to be done one after the other, and undone after that.
func inOrder(key, plan string, order map[string]int) error {
	_, insured := order[key+"/"+roles.Insure]
	row := slices.DeleteFunc(effects(plan), func(c string) bool { return c == "pack" || c == "unpack" || c == "refund" })
	if i := slices.Index(row, "ship"); i >= 0 && insured {
		row = slices.Insert(row, i, roles.Insure)
	}
	at := func(c string) int { return order[key+"/"+c] }
	for i := 1; i < len(row); i++ {
		if at(row[i]) < at(row[i-1]) {
			return violatedf("instance %s (%q) did %q before %q, of %s", key, plan, row[i], row[i-1], strings.Join(row, ", "))
		}
	}
	return nil
}
