package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/omninode-ai/omninode/e2e/faults/failpoint"
	"github.com/omninode-ai/omninode/e2e/faults/roles"
	"github.com/omninode-ai/omninode/internal/provision"
	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/event"
)

// writers write to a node's outbox beside it, as its own commits do: the row of the aggregate is
// locked before the ids of its messages are drawn.
type writers struct {
	h      *harness
	bus    *bus
	node   string
	topic  event.Topic
	pool   *pgxpool.Pool
	mu     sync.Mutex
	want   map[string][]string // ids by aggregate, in the order of their commits
	undone map[string]bool     // ids that were rolled back
	rows   atomic.Int64        // committed
	number atomic.Int64        // of ids
	left   bool                // the first life ended itself as the planted bug wants it
}

func newWriters(ctx context.Context, h *harness, b *bus) (*writers, error) {
	w := &writers{h: h, bus: b, node: h.name("writer"), want: map[string][]string{}, undone: map[string]bool{}}
	w.topic = roles.Out(w.node)
	if err := b.create(ctx, w.topic); err != nil {
		return nil, err
	}
	if err := h.prepare(ctx, w.node); err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(h.AdminURL)
	if err != nil {
		return nil, err
	}
	config.MaxConns = 72
	config.ConnConfig.RuntimeParams["search_path"] = provision.Schema(w.node)
	if w.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, err
	}
	if _, err := w.pool.Exec(ctx, `CREATE TABLE faults_aggregate (key text PRIMARY KEY, n bigint NOT NULL)`); err != nil {
		w.pool.Close()
		return nil, fmt.Errorf("make the aggregates: %w", err)
	}
	return w, nil
}

// relay starts the process that relays the outbox.
func (w *writers) relay(ctx context.Context) (*proc, error) {
	s := spec{role: roles.Role{Name: w.node, Kind: onex.Effect, Inputs: []event.Topic{roles.Ask(w.node, "ask")}}}
	if w.h.twin != "" && !w.left {
		w.left = true
		s.env = map[string]string{failpoint.AtEnv: "acknowledged:3"}
	}
	return w.h.launch(ctx, s)
}

// write is one transaction: it locks an aggregate, adds n messages to the outbox, waits and ends.
func (w *writers) write(ctx context.Context, key string, n int, hold time.Duration, undo bool) (committed time.Time, err error) {
	tx, err := w.pool.Begin(ctx)
	if err != nil {
		return committed, err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	var place int64
	err = tx.QueryRow(ctx, `INSERT INTO faults_aggregate VALUES ($1, $2)
		ON CONFLICT (key) DO UPDATE SET n = faults_aggregate.n + $2 RETURNING n`, key, n).Scan(&place)
	if err != nil {
		return committed, fmt.Errorf("lock aggregate %s: %w", key, err)
	}
	ids, err := w.insert(ctx, tx, key, int(place)-n, n)
	if err != nil {
		return committed, err
	}
	if err := sleep(ctx, hold); err != nil {
		return committed, err
	}
	// The aggregate is locked until the transaction ends, so this is the order of the commits.
	w.mu.Lock()
	if undo {
		for _, id := range ids {
			w.undone[id] = true
		}
	} else {
		w.want[key] = append(w.want[key], ids...)
	}
	w.mu.Unlock()
	if undo {
		return committed, tx.Rollback(ctx)
	}
	if err := tx.Commit(ctx); err != nil {
		return committed, fmt.Errorf("commit: %w", err)
	}
	w.rows.Add(int64(n))
	return time.Now(), nil
}

func (w *writers) insert(ctx context.Context, tx pgx.Tx, key string, place, n int) ([]string, error) {
	ids := make([]string, 0, n)
	rows := make([][]any, 0, n)
	for i := range n {
		id := w.h.rootID(w.topic, key, int(w.number.Add(1)))
		raw, err := json.Marshal(roles.Number{N: place + i})
		if err != nil {
			return nil, err
		}
		e := event.NewRoot("onex://faults", w.topic.Ref, key, raw, time.Now())
		e.ID, e.CorrelationID, e.CausationID = id, id, id
		var names, values [][]byte
		for _, h := range e.Headers() {
			names, values = append(names, []byte(h.Key)), append(values, h.Value)
		}
		ids = append(ids, id)
		rows = append(rows, []any{w.topic.String(), []byte(key), names, values, raw})
	}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"outbox"}, []string{"topic", "key", "header_names", "header_values", "value"}, pgx.CopyFromRows(rows))
	if err != nil {
		return nil, fmt.Errorf("write to the outbox: %w", err)
	}
	_, err = tx.Exec(ctx, `SELECT pg_notify('outbox_' || current_schema(), '')`)
	return ids, err
}

// drained waits until the outbox is empty.
func (w *writers) drained(ctx context.Context, bound time.Duration) error {
	return eventually(ctx, bound, "the outbox is empty", func(ctx context.Context) error {
		var n int64
		err := w.pool.QueryRow(ctx, `SELECT count(*) FROM outbox`).Scan(&n)
		if err == nil && n > 0 {
			err = violatedf("%d records are left in the outbox", n)
		}
		return err
	})
}

// outboxOrder is R8.
func outboxOrder(ctx context.Context, h *harness) (string, error) {
	b, err := h.bus()
	if err != nil {
		return "", err
	}
	defer b.close()
	w, err := newWriters(ctx, h, b)
	if err != nil {
		return "", err
	}
	defer w.pool.Close()
	kills, err := w.storm(ctx)
	if err != nil {
		return "", err
	}
	if err := w.drained(ctx, pick(h, 30*time.Second, 10*time.Minute)); err != nil {
		return "", err
	}
	h.endProcesses()
	return w.judge(ctx, kills)
}

// storm writes with 64 writers and kills the relay again and again.
func (w *writers) storm(ctx context.Context) (kills int, err error) {
	rows := pick(w.h, int64(8_000), 1_000_000)
	wanted, every := pick(w.h, 3, 20), pick(w.h, 2*time.Second, 4*time.Second)
	p, err := w.relay(ctx)
	if err != nil {
		return 0, err
	}
	if err := p.awaitReady(ctx); err != nil {
		return 0, err
	}
	writing, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var group sync.WaitGroup
	for i := range 64 {
		random := rand.New(rand.NewPCG(w.h.seed, uint64(100+i))) //nolint:gosec // it must repeat
		group.Go(func() {
			for w.rows.Load() < rows && writing.Err() == nil {
				if err := w.one(writing, random, pick(w.h, 30, 150)); err != nil {
					stop(err)
				}
			}
		})
	}
	finished := make(chan struct{})
	go func() {
		group.Wait()
		close(finished)
	}()
	for writing := true; writing || kills < wanted; {
		select {
		case <-finished:
			writing = false
		case <-time.After(every):
		}
		if kills < wanted {
			kills++
			p.kill()
			if p, err = w.relay(ctx); err != nil {
				break
			}
		}
		w.h.logf("%d rows written, relay killed %d times", w.rows.Load(), kills)
		if !writing && kills < wanted { // what is left must be worth a kill
			_, err = w.write(ctx, "late", 2_000, 0, false)
		}
		if err != nil || ctx.Err() != nil {
			break
		}
	}
	<-finished
	if cause := context.Cause(writing); cause != nil {
		err = cause
	}
	return kills, err
}

// one writes one transaction as chance wants it.
func (w *writers) one(ctx context.Context, random *rand.Rand, most int) error {
	key := fmt.Sprintf("k%d", random.IntN(256))
	_, err := w.write(ctx, key, 1+random.IntN(most), time.Duration(random.IntN(500))*time.Millisecond, random.IntN(20) == 0)
	return err
}

// judge compares what the broker has with what was committed, and lets an inbox absorb the rest.
func (w *writers) judge(ctx context.Context, kills int) (string, error) {
	records, err := w.bus.read(ctx, w.topic.String(), true)
	if err != nil {
		return "", err
	}
	for _, r := range records {
		if w.undone[r.id] {
			return "", violatedf("key %s: id %s was published at partition %d, offset %d, but its transaction was rolled back", r.key, r.id, r.partition, r.offset)
		}
	}
	resent, err := checkSequence("outbox", records, w.want)
	if err != nil {
		return "", err
	}
	if kills == 0 || len(w.undone) == 0 || w.rows.Load() == 0 {
		return "", fmt.Errorf("%d kills, %d rows rolled back: nothing is proved", kills, len(w.undone))
	}
	absorbed, err := w.absorb(ctx)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("64 writers, %d rows committed, %d rolled back, relay killed %d times: 0 skipped, 0 rolled back published, order per aggregate exact; "+
		"%d resends, %.0f for each kill; a reducer behind counted each row once (%s)", w.rows.Load(), len(w.undone), kills, resent,
		float64(resent)/float64(kills), absorbed), nil
}

// absorb lets a reducer consume all that was published: its state must hold each row once, in order.
func (w *writers) absorb(ctx context.Context) (string, error) {
	node := w.h.name("absorber")
	if err := w.h.prepare(ctx, node); err != nil {
		return "", err
	}
	begun := time.Now()
	p, err := w.h.launch(ctx, spec{role: roles.Role{Name: node, Kind: onex.Reducer, Inputs: []event.Topic{w.topic}}})
	if err != nil {
		return "", err
	}
	defer p.kill()
	if err := w.h.await(ctx, node, w.rows.Load(), time.Minute); err != nil {
		return "", err
	}
	states, err := w.h.states(ctx, node)
	if err != nil {
		return "", err
	}
	for key, ids := range w.want {
		links := make([]link, len(ids))
		for i, id := range ids {
			links[i] = link{i, id}
		}
		if got, want := states[key][w.topic.Ref.Name], fold(links); got != want {
			return "", violatedf("aggregate %s: the reducer has %+v, the fold of its %d rows is %+v", key, got, len(ids), want)
		}
	}
	return fmt.Sprintf("%.0f rows/s", float64(w.rows.Load())/time.Since(begun).Seconds()), nil
}
