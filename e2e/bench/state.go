package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/omninode-ai/omninode/e2e/bench/load"
	"github.com/omninode-ai/omninode/internal/provision"
)

// How many events P6 folds into the states of its keys.
const (
	stateEvents = 50_000
	stateKeys   = outboxKeys
)

// state is P6: how fast a reducer updates the states of keys, and what that costs the disk.
func (b *bench) state(ctx context.Context) error {
	return b.onStage(ctx, func(ctx context.Context, s *stage) error {
		if err := s.fill(ctx, stateEvents, stateKeys); err != nil {
			return err
		}
		const ours, fold, upsert, copied, goka = "reducer, exactly once", "reducer by hand, exactly once",
			"states only: pgx batch of upserts", "states only: COPY", "goka v1.1.16 table"
		laps, flushes := map[string][]lap{}, map[string]series{}
		runners := []runner{s.reducer(ours), s.fold(fold)}
		if s.rivals != "" {
			runners = append(runners, s.gokaTable(goka))
		}
		for range b.rounds {
			for _, r := range runners {
				l, flushed, err := s.counted(ctx, r)
				if err != nil {
					return fmt.Errorf("%s: %w", r.name, err)
				}
				laps[r.name], flushes[r.name] = append(laps[r.name], l), append(flushes[r.name], flushed)
			}
			for _, only := range [][2]string{{upsert, "upsert"}, {copied, "copy"}} {
				l, err := s.answer(ctx, s.subject, only[1], stateEvents)
				if err != nil {
					return fmt.Errorf("%s: %w", only[0], err)
				}
				laps[only[0]] = append(laps[only[0]], l)
			}
		}
		b.table("updates", upsert, []string{upsert, copied, fold, ours, goka}, laps)
		fmt.Fprintf(b.out, "  flushes of the log for 1,000 events: %s %s; %s %s\n", ours, flushes[ours], fold, flushes[fold])
		ratio := func(of string) float64 { return ratios(rates(laps[ours]), rates(laps[of])).median() }
		b.row("reducer, keyed state updates, beside a batch of upserts of the same states; COPY; the same reducer by hand; goka's table",
			"≥ 0.8 of the upserts", fmt.Sprintf("%.2f; %.2f; %.2f; %.2f (%s updates/s)", ratio(upsert), ratio(copied), ratio(fold), ratio(goka),
				rates(laps[ours])), "make bench CASE=P6")
		b.row("flushes of Postgres' log for 1,000 events of a reducer", "≤ 2", flushes[ours].String(), "make bench CASE=P6")
		return nil
	})
}

// counted is a lap and how often Postgres flushed its log from the start of the process to its end, for
// 1,000 events.
func (s *stage) counted(ctx context.Context, r runner) (lap, float64, error) {
	one, err := r.prepare(ctx, s.name("run"))
	if err != nil {
		return lap{}, 0, err
	}
	before, err := s.flushes(ctx)
	if err != nil {
		return lap{}, 0, err
	}
	l, err := one.measure(ctx, stateEvents)
	if err != nil {
		return lap{}, 0, err
	}
	after, err := s.flushes(ctx)
	return l, float64(after-before) / (float64(s.folded) / 1000), err
}

// reducer is the node; what it handled is where its fence stands, and its states must add up to that.
func (s *stage) reducer(name string) runner {
	return runner{name, func(ctx context.Context, node string) (attempt, error) {
		env, err := s.node(ctx, node)
		if err != nil {
			return attempt{}, err
		}
		a, err := s.stored(ctx, s.AdminURL, `"`+provision.Schema(node)+`".`)
		a.cmd = s.command(ctx, s.subject, "reducer", append(env, s.profile("reducer")...)...)
		return a, err
	}}
}

// fold is the same by hand, in a database of its own.
func (s *stage) fold(name string) runner {
	return runner{name, func(ctx context.Context, name string) (attempt, error) {
		url, err := s.newDatabase(ctx, name, load.Tables)
		if err != nil {
			return attempt{}, err
		}
		a, err := s.stored(ctx, url, "")
		a.cmd = s.command(ctx, s.subject, "fold", append(append(s.place(name, ""), "BENCH_DATABASE="+url), s.profile("fold")...)...)
		return a, err
	}}
}

// stored judges a run by its tables.
func (s *stage) stored(ctx context.Context, url, prefix string) (attempt, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return attempt{}, err
	}
	number := func(ctx context.Context, query string) (n int64, err error) {
		return n, conn.QueryRow(ctx, query).Scan(&n)
	}
	count := func(ctx context.Context) (int64, error) {
		return number(ctx, `SELECT coalesce(sum(next_off), 0)::bigint FROM `+prefix+`fence`)
	}
	return attempt{count: count, finish: func(ctx context.Context) error {
		defer func() { _ = conn.Close(ctx) }()
		n, err := count(ctx)
		if err != nil {
			return err
		}
		s.folded = n
		sum, err := number(ctx, `SELECT coalesce(sum((convert_from(data, 'UTF8')::json->>'orders')::bigint), 0)::bigint FROM `+prefix+`state`)
		if err == nil && sum != n {
			err = fmt.Errorf("check states: %d events were handled and the states hold %d", n, sum)
		}
		return err
	}}, nil
}

// gokaTable is goka's keyed state: LevelDB and a topic of its changes, with nothing flushed.
func (s *stage) gokaTable(name string) runner {
	return runner{name, func(ctx context.Context, name string) (attempt, error) {
		table := name + "-table"
		return attempt{
			cmd:   s.command(ctx, s.rivals, "goka-table", s.place(name, "")...),
			count: func(ctx context.Context) (int64, error) { return s.count(ctx, table) },
			finish: func(ctx context.Context) error {
				_, err := s.admin.DeleteTopics(ctx, table)
				return err
			},
		}, s.compacted(ctx, table)
	}}
}

// flushes returns how often Postgres flushed its log so far.
func (s *stage) flushes(ctx context.Context) (n int64, err error) {
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(1200 * time.Millisecond): // its processes report once a second
	}
	err = s.database(ctx, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT wal_sync FROM pg_stat_wal`).Scan(&n)
	})
	return n, err
}
