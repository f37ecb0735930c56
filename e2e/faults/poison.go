package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/omninode-ai/omninode/e2e/faults/roles"
	"github.com/omninode-ai/omninode/internal/provision"
	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// cursed is the key each of whose records fails until its attempts end.
const cursed = "cursed"

// poisoned is a node some of whose inputs can never be handled, and another that keeps their keys.
type poisoned struct {
	h            *harness
	bus          *bus
	clinic, ward string
	ask          event.Topic
	sent         map[string][]input // by key
	healthy      map[string]time.Time
	arrivals     *arrivals
}

const poisonAttempts = 3

// poison is R10.
func poison(ctx context.Context, h *harness) (string, error) {
	b, err := h.bus()
	if err != nil {
		return "", err
	}
	defer b.close()
	p := &poisoned{h: h, bus: b, clinic: h.name("clinic"), ward: h.name("ward"), sent: map[string][]input{}}
	p.ask = roles.Ask(p.clinic, "ask")
	if err := p.begin(ctx); err != nil {
		return "", err
	}
	defer p.arrivals.stop()
	rounds, length := pick(h, 2, 7), pick(h, 3*time.Second, 20*time.Second)
	var without, with []time.Duration
	for range rounds {
		for _, ill := range []bool{false, true} {
			p99, err := p.phase(ctx, length, ill)
			if err != nil {
				return "", err
			}
			if ill {
				with = append(with, p99)
			} else {
				without = append(without, p99)
			}
		}
	}
	dead, err := p.judge(ctx)
	if err != nil {
		return "", err
	}
	halted, err := p.judgeWard(ctx)
	if err != nil {
		return "", err
	}
	a, b99 := between(without), between(with)
	text := fmt.Sprintf("healthy keys' p99 %s with poison, %s without (median of %d phases each), %.2f times; %d dead letters, each once with origin, class and attempts; "+
		"%d keys halted in the other mode, in order, others go on", b99.Round(100*time.Microsecond), a.Round(100*time.Microsecond), rounds,
		float64(b99)/float64(a), dead, halted)
	if limit := pick(h, 3.0, 1.2); float64(b99) > limit*float64(a) && b99-a > pick(h, 250*time.Millisecond, 0) {
		return "", violatedf("poison slows healthy keys: %s", text)
	}
	return text, nil
}

func between(list []time.Duration) time.Duration {
	slices.Sort(list)
	return list[len(list)/2]
}

func (p *poisoned) begin(ctx context.Context) error {
	if err := p.bus.create(ctx, p.ask, roles.Out(p.clinic)); err != nil {
		return err
	}
	if err := p.h.prepare(ctx, p.clinic, p.ward); err != nil {
		return err
	}
	retry := engine.RetryPolicy{Attempts: poisonAttempts, First: 50 * time.Millisecond, Max: 200 * time.Millisecond}
	halting := retry
	halting.HaltKey = true
	for _, r := range []roles.Role{
		{Name: p.clinic, Kind: onex.Effect, Inputs: []event.Topic{p.ask}, Retry: retry},
		{Name: p.ward, Kind: onex.Effect, Inputs: []event.Topic{p.ask}, Retry: halting},
	} {
		node, err := p.h.launch(ctx, spec{role: r})
		if err != nil {
			return err
		}
		if err := node.awaitReady(ctx); err != nil {
			return err
		}
	}
	var err error
	p.arrivals, err = p.bus.watch(ctx, roles.Out(p.clinic).String())
	return err
}

// phase sends for a while at a steady rate and returns how long answers to healthy keys took.
func (p *poisoned) phase(ctx context.Context, length time.Duration, ill bool) (time.Duration, error) {
	const slice = 20 * time.Millisecond
	p.healthy = map[string]time.Time{}
	for end := time.Now().Add(length); time.Now().Before(end); {
		begun := time.Now()
		var inputs []input
		for range pick(p.h, 4, 8) {
			inputs = append(inputs, p.next(ill))
		}
		if err := p.bus.produce(ctx, p.ask, inputs...); err != nil {
			return 0, err
		}
		if err := sleep(ctx, slice-time.Since(begun)); err != nil {
			return 0, err
		}
	}
	delays, err := p.arrivals.delays(ctx, p.healthy)
	if err != nil {
		return 0, err
	}
	return quantile(delays, 0.99), nil
}

// next is the next record: of a hundred one is poison, and one of the cursed key. Keys from k50 on
// stay healthy.
func (p *poisoned) next(ill bool) input {
	n := p.h.random.IntN(100)
	key := fmt.Sprintf("k%d", p.h.random.IntN(100))
	data := roles.Number{}
	if ill && n == 1 {
		key, data.Fail = cursed, poisonAttempts+1
	}
	if ill && n == 0 {
		key, data.Poison = fmt.Sprintf("k%d", p.h.random.IntN(50)), true
	}
	data.N = len(p.sent[key])
	in := input{key, data, p.h.rootID(p.ask, key, data.N)}
	p.sent[key] = append(p.sent[key], in)
	if k, err := strconv.Atoi(key[1:]); err == nil && k >= 50 {
		p.healthy[derived(in.id, p.clinic)] = time.Now()
	}
	return in
}

func (in input) bad() bool { return in.data.Poison || in.data.Fail > poisonAttempts }

// judge wants each bad input in the dead letters once, and each other answered, in order.
func (p *poisoned) judge(ctx context.Context) (int, error) {
	want, bad := map[string][]string{}, map[string]input{}
	for key, list := range p.sent {
		for _, in := range list {
			if in.bad() {
				bad[in.id] = in
			} else {
				want[key] = append(want[key], derived(in.id, p.clinic))
			}
		}
	}
	dlq := event.DeadLetterTopic(p.clinic, p.ask.Ref).String()
	err := eventually(ctx, 30*time.Second, "every poison is a dead letter", func(ctx context.Context) error {
		n, err := p.bus.size(ctx, dlq)
		if err == nil && n < int64(len(bad)) {
			err = violatedf("%d dead letters for %d poisoned inputs", n, len(bad))
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	answers, err := p.bus.read(ctx, roles.Out(p.clinic).String(), true)
	if err != nil {
		return 0, err
	}
	if _, err := checkSequence("answers", answers, want); err != nil {
		return 0, err
	}
	if len(bad) == 0 || len(p.sent[cursed]) == 0 {
		return 0, fmt.Errorf("%d poisoned inputs, %d of the cursed key: nothing is proved", len(bad), len(p.sent[cursed]))
	}
	return len(bad), p.judgeLetters(ctx, dlq, bad)
}

func (p *poisoned) judgeLetters(ctx context.Context, dlq string, bad map[string]input) error {
	sent, err := p.bus.read(ctx, p.ask.String(), true)
	if err != nil {
		return err
	}
	origin := map[string]seen{}
	for _, r := range sent {
		origin[r.id] = r
	}
	letters, err := p.bus.read(ctx, dlq, true)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, l := range letters {
		in, ok := bad[l.id]
		class, attempts := string(engine.PermanentFailure), "1"
		if in.data.Fail > 0 {
			class, attempts = string(engine.Exhausted), strconv.Itoa(poisonAttempts)
		}
		from := origin[l.id]
		h := l.headers
		switch {
		case !ok:
			return violatedf("dead letter %s at partition %d, offset %d was no poison", l.id, l.partition, l.offset)
		case known[l.id]:
			return violatedf("%s is twice among the dead letters", l.id)
		case h[engine.HeaderClass] != class || h[engine.HeaderAttempts] != attempts:
			return violatedf("dead letter %s has class %s after %s attempts, want %s after %s", l.id, h[engine.HeaderClass], h[engine.HeaderAttempts], class, attempts)
		case h[engine.HeaderTopic] != p.ask.String() || h[engine.HeaderPartition] != strconv.Itoa(int(from.partition)) ||
			h[engine.HeaderOffset] != strconv.FormatInt(from.offset, 10):
			return violatedf("dead letter %s says it comes from %s/%s at %s, not from %d at %d", l.id, h[engine.HeaderTopic],
				h[engine.HeaderPartition], h[engine.HeaderOffset], from.partition, from.offset)
		}
		known[l.id] = true
	}
	if len(known) != len(bad) {
		return violatedf("%d of %d poisoned inputs are dead letters", len(known), len(bad))
	}
	return nil
}

// judgeWard wants of each key what came before its first poison answered, and the rest kept in order.
func (p *poisoned) judgeWard(ctx context.Context) (halted int, err error) {
	want, kept, left := map[string][]string{}, map[string]int{}, 0
	for key, list := range p.sent {
		i := slices.IndexFunc(list, input.bad)
		if i < 0 {
			i = len(list)
		} else {
			halted++
		}
		for _, in := range list[:i] {
			want[key] = append(want[key], derived(in.id, p.ward))
		}
		kept[key] = len(list) - i
		left += len(list) - i
	}
	parked := map[string][]int64{}
	err = eventually(ctx, 30*time.Second, "halted keys are kept", func(ctx context.Context) error {
		n := 0
		clear(parked)
		err := p.h.database(ctx, func(conn *pgx.Conn) error {
			rows, err := conn.Query(ctx, fmt.Sprintf(`SELECT key, record_offset FROM %q.parked ORDER BY id`, provision.Schema(p.ward)))
			if err != nil {
				return err
			}
			var key string
			var offset int64
			_, err = pgx.ForEachRow(rows, []any{&key, &offset}, func() error {
				parked[key] = append(parked[key], offset)
				n++
				return nil
			})
			return err
		})
		if err == nil && n != left {
			err = violatedf("%d records are parked, want %d", n, left)
		}
		return err
	})
	if err != nil {
		return halted, err
	}
	for key, offsets := range parked {
		if len(offsets) != kept[key] || !slices.IsSorted(offsets) {
			return halted, violatedf("key %s: %d records are parked in the order %v, want %d in order", key, len(offsets), offsets, kept[key])
		}
	}
	answers, err := p.bus.read(ctx, roles.Out(p.ward).String(), true)
	if err != nil {
		return halted, err
	}
	_, err = checkSequence("answers of the node that halts", answers, want)
	return halted, err
}
