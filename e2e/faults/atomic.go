package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omninode-ai/omninode/e2e/faults/failpoint"
	"github.com/omninode-ai/omninode/e2e/faults/roles"
	"github.com/omninode-ai/omninode/internal/provision"
	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// ledger is a reducer with two inputs that share its keys, and all that was ever sent to it.
type ledger struct {
	h      *harness
	bus    *bus
	node   string
	topics []event.Topic
	sent   int
	log    map[string]map[string][]entry // by topic and key, in the order of the topic
}

// entry is a record where the broker put it.
type entry struct {
	link

	partition int32
	offset    int64
}

// stateAtomic is R7.
func stateAtomic(ctx context.Context, h *harness) (string, error) {
	b, err := h.bus()
	if err != nil {
		return "", err
	}
	defer b.close()
	l := &ledger{h: h, bus: b, node: h.name("census"), log: map[string]map[string][]entry{}}
	l.topics = []event.Topic{roles.Ask(l.node, "add"), roles.Ask(l.node, "sub")}
	if err := b.create(ctx, l.topics...); err != nil {
		return "", err
	}
	if err := h.prepare(ctx, l.node); err != nil {
		return "", err
	}
	kills, missed, err := l.killAtSteps(ctx, pick(h, 34, 1_020))
	if err != nil {
		return "", err
	}
	if err := l.finish(ctx); err != nil {
		return "", err
	}
	if err := l.replay(ctx); err != nil {
		return "", err
	}
	conflicts := h.hits(l.node)["conflict"]
	n := 0
	for _, times := range kills {
		n += times
	}
	if len(kills) < len(steps()) || conflicts == 0 {
		return "", fmt.Errorf("only %d of %d steps were hit (%v), with %d conflicts of writes: nothing is proved", len(kills), len(steps()), kills, conflicts)
	}
	return fmt.Sprintf("%d kills at %d distinct steps (%d planned ones were not reached and became kills from outside), %d conflicts between the two inputs; "+
		"state == fold(log up to the stored offset) for every key at each of %d looks; %d records; replay from zero byte-equal",
		n, len(kills), missed, conflicts, n+missed+1, l.sent), nil
}

// stepsOf returns the steps at which a planted bug does harm, all without one.
func stepsOf(twin string) []string {
	switch twin {
	case commitBeforeHandle:
		return []string{"viewed", "handled", "decided"}
	case dedupOutside:
		return []string{"deduplicated"}
	}
	return steps()
}

// reach returns how often a step is passed before the process ends itself there.
func (l *ledger) reach(step string) int {
	switch step {
	case "admitted", "handled", "settled":
		return 1 + l.h.random.IntN(120)
	case "claimed":
		return 1 + l.h.random.IntN(6)
	}
	return 1 + l.h.random.IntN(4)
}

// unhit returns the steps at which no process has ended itself so far.
func (l *ledger) unhit() []string {
	hits := l.h.hits(l.node)
	return slices.DeleteFunc(stepsOf(l.h.twin), func(step string) bool { return hits["kill "+step] > 0 })
}

// killAtSteps runs one life of the process after the other, each of which ends itself at a step, and
// looks at the database after each. A step that no life has reached, since chance placed it behind what
// there was to do, then gets further ones. It counts the steps that were hit.
func (l *ledger) killAtSteps(ctx context.Context, lives int) (kills map[string]int, missed int, err error) {
	var order []string
	told := time.Now()
	for i := range lives {
		if len(order) == 0 {
			order = stepsOf(l.h.twin)
			l.h.random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		}
		hit, done, err := l.life(ctx, order[0], l.reach(order[0]))
		if err != nil {
			return nil, 0, fmt.Errorf("after %d lives: %w", i, err)
		}
		order = order[1:]
		if !hit {
			missed++
		}
		if time.Since(told) > 10*time.Second {
			told = time.Now()
			l.h.logf("%d of %d lives, %d of %d records settled", i, lives, done, l.sent)
		}
	}
	for _, step := range slices.Repeat(l.unhit(), 2) {
		if l.h.hits(l.node)["kill "+step] > 0 {
			continue
		}
		hit, _, err := l.life(ctx, step, 1)
		if err != nil {
			return nil, 0, fmt.Errorf("in a further life: %w", err)
		}
		if !hit {
			missed++
		}
	}
	kills = map[string]int{}
	for what, n := range l.h.hits(l.node) {
		if step, ok := strings.CutPrefix(what, "kill "); ok {
			kills[step] = n
		}
	}
	_, err = l.look(ctx, l.node)
	return kills, missed, err
}

// life looks at the database, sees that there is enough to do, and runs the process until it ends itself
// when it passes a step for the n-th time.
func (l *ledger) life(ctx context.Context, step string, n int) (hit bool, done int, err error) {
	if done, err = l.look(ctx, l.node); err != nil {
		return false, 0, err
	}
	if l.sent-done < 1_000 {
		if err := l.send(ctx, 400); err != nil {
			return false, 0, err
		}
	}
	hit, err = l.live(ctx, fmt.Sprintf("%s:%d", step, n))
	return hit, done, err
}

// live runs the process until it ends itself, or has not for a while.
func (l *ledger) live(ctx context.Context, at string) (hit bool, err error) {
	p, err := l.launch(ctx, l.node, at)
	if err != nil {
		return false, err
	}
	patience := time.NewTimer(5 * time.Second)
	defer patience.Stop()
	select {
	case <-p.p.Done():
		hit = true
		if err := p.broken(); err != nil {
			return false, err
		}
	case <-patience.C:
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
	p.kill()
	return hit, nil
}

func (l *ledger) launch(ctx context.Context, node, at string) (*proc, error) {
	return l.h.launch(ctx, spec{
		role: roles.Role{
			Name: node, Kind: onex.Reducer, Inputs: l.topics,
			Retry: engine.RetryPolicy{Attempts: 5, First: 20 * time.Millisecond, Max: 100 * time.Millisecond},
		},
		patched: true, env: map[string]string{failpoint.AtEnv: at},
	})
}

// send produces records to both inputs in turn; one of twenty fails at its first attempt.
func (l *ledger) send(ctx context.Context, n int) error {
	const keys = 40
	records := make([]*kgo.Record, 0, n)
	for i := range n {
		t := l.topics[i%len(l.topics)]
		key := fmt.Sprintf("k%d", l.h.random.IntN(keys))
		if l.log[t.String()] == nil {
			l.log[t.String()] = map[string][]entry{}
		}
		place := len(l.log[t.String()][key])
		data := roles.Number{N: place}
		if l.h.random.IntN(20) == 0 {
			data.Fail = 1
		}
		id := l.h.rootID(t, key, place)
		l.log[t.String()][key] = append(l.log[t.String()][key], entry{link: link{place, id}})
		r, err := l.bus.record(t, input{key, data, id})
		if err != nil {
			return err
		}
		records = append(records, r)
	}
	for _, res := range l.bus.kgo.ProduceSync(ctx, records...) {
		if res.Err != nil {
			return fmt.Errorf("produce: %w", res.Err)
		}
	}
	at := map[string]map[string]int{} // how many of each key were just given their place
	for _, r := range slices.Backward(records) {
		if at[r.Topic] == nil {
			at[r.Topic] = map[string]int{}
		}
		at[r.Topic][string(r.Key)]++
		entries := l.log[r.Topic][string(r.Key)]
		e := &entries[len(entries)-at[r.Topic][string(r.Key)]]
		e.partition, e.offset = r.Partition, r.Offset
	}
	l.sent += n
	return nil
}

// snapshot is what the database says at one moment.
type snapshot struct {
	next   map[string]map[int32]int64          // stored offset by topic and partition
	parked map[string]map[int32]map[int64]bool // offsets of parked records
	state  map[string]roles.State
	data   map[string]string
}

// look compares the state of every key with the fold of its log up to the stored offset, without what
// is parked, which must be the key's latest. It returns how many records the state holds.
func (l *ledger) look(ctx context.Context, node string) (done int, err error) {
	s, err := l.snapshot(ctx, node)
	if err != nil {
		return 0, err
	}
	for _, t := range l.topics {
		topic := t.String()
		for key, entries := range l.log[topic] {
			var folded []link
			waits := int64(-1)
			for _, e := range entries {
				switch {
				case e.offset >= s.next[topic][e.partition]:
				case s.parked[topic][e.partition][e.offset]:
					waits = e.offset
				case waits >= 0:
					return 0, violatedf("%s, key %s: offset %d was handled before offset %d, which is parked", topic, key, e.offset, waits)
				default:
					folded = append(folded, e.link)
				}
			}
			done += len(folded)
			if got, want := s.state[key][t.Ref.Name], fold(folded); got != want {
				return 0, violatedf("%s, key %s: state is %+v, the fold of its log up to offset %d is %+v", topic, key, got, s.next[topic][entries[0].partition], want)
			}
		}
	}
	return done, nil
}

func (l *ledger) snapshot(ctx context.Context, node string) (*snapshot, error) {
	s := &snapshot{
		next: map[string]map[int32]int64{}, parked: map[string]map[int32]map[int64]bool{},
		state: map[string]roles.State{}, data: map[string]string{},
	}
	schema := provision.Schema(node)
	err := l.h.database(ctx, func(conn *pgx.Conn) error {
		tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
		var topic, key string
		var partition int32
		var offset int64
		var data []byte
		read := func(sql string, into []any, f func() error) {
			if err == nil {
				var rows pgx.Rows
				if rows, err = tx.Query(ctx, fmt.Sprintf(sql, schema)); err == nil {
					_, err = pgx.ForEachRow(rows, into, f)
				}
			}
		}
		read(`SELECT topic, partition, next_off FROM %q.fence`, []any{&topic, &partition, &offset}, func() error {
			if s.next[topic] == nil {
				s.next[topic] = map[int32]int64{}
			}
			s.next[topic][partition] = offset
			return nil
		})
		read(`SELECT topic, partition, record_offset FROM %q.parked`, []any{&topic, &partition, &offset}, func() error {
			if s.parked[topic] == nil {
				s.parked[topic] = map[int32]map[int64]bool{}
			}
			if s.parked[topic][partition] == nil {
				s.parked[topic][partition] = map[int64]bool{}
			}
			s.parked[topic][partition][offset] = true
			return nil
		})
		read(`SELECT key, data FROM %q.state`, []any{&key, &data}, func() (err error) {
			s.data[key] = string(data)
			s.state[key], err = roles.DecodeState(data)
			return err
		})
		return err
	})
	return s, err
}

// finish lets the process work undisturbed until all is settled, and judges the whole.
func (l *ledger) finish(ctx context.Context) error {
	p, err := l.launch(ctx, l.node, "")
	if err != nil {
		return err
	}
	if err := p.awaitReady(ctx); err != nil {
		return err
	}
	if err := l.h.await(ctx, l.node, int64(l.sent), time.Minute); err != nil {
		return err
	}
	p.kill()
	if _, err := l.look(ctx, l.node); err != nil {
		return err
	}
	answers, err := l.bus.read(ctx, roles.Out(l.node).String(), true)
	if err != nil {
		return err
	}
	if first, _ := distinct(answers); len(first) != l.sent {
		return violatedf("%d answers to %d records", len(first), l.sent)
	}
	history, err := l.h.moves(ctx, l.node)
	if err != nil {
		return err
	}
	_, err = checkFence(history)
	return err
}

// replay has another reducer handle the same log from its beginning: the state must be the same bytes.
func (l *ledger) replay(ctx context.Context) error {
	again := l.h.name("replay")
	if err := l.h.prepare(ctx, again); err != nil {
		return err
	}
	p, err := l.launch(ctx, again, "")
	if err != nil {
		return err
	}
	if err := p.awaitReady(ctx); err != nil {
		return err
	}
	if err := l.h.await(ctx, again, int64(l.sent), time.Minute); err != nil {
		return err
	}
	p.kill()
	first, err := l.snapshot(ctx, l.node)
	if err != nil {
		return err
	}
	second, err := l.snapshot(ctx, again)
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(first.data)) {
		if first.data[key] != second.data[key] {
			return violatedf("state of key %s is %s, and %s when the log is handled again", key, first.data[key], second.data[key])
		}
	}
	return nil
}
