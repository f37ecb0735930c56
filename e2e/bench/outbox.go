package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omninode-ai/omninode/e2e/bench/load"
	"github.com/omninode-ai/omninode/internal/provision"
)

// What P4 relays: rows of 1 KB. The rival that takes milliseconds for a row gets fewer.
const (
	outboxRows = 50_000
	outboxKeys = 1_000
	slowRows   = 5_000
)

// relay is P4: how fast an outbox is handed on to Kafka.
func (b *bench) relay(ctx context.Context) error {
	return b.onStage(ctx, func(ctx context.Context, s *stage) error {
		if err := s.topic(ctx, load.InputTopic()); err != nil {
			return err
		}
		const ours, copied, watermill, river = "outbox relay of an effect node", "pgx CopyFrom of the same rows", "watermill-sql v4.1.2 forwarder", "River v0.51.1 jobs"
		laps := map[string][]lap{}
		fill := func(ctx context.Context, node string) error {
			rate, err := s.fillOutbox(ctx, node)
			laps[copied] = append(laps[copied], lap{rate: rate})
			return err
		}
		for range b.rounds {
			for _, r := range []runner{s.ours(ours, "effect", fill), s.forwarder(watermill)} {
				if r.name == watermill && s.rivals == "" {
					continue
				}
				rows := outboxRows
				if r.name == watermill {
					rows = slowRows
				}
				l, err := s.lap(ctx, r, rows)
				if err != nil {
					return fmt.Errorf("%s: %w", r.name, err)
				}
				laps[r.name] = append(laps[r.name], l)
			}
			if s.rivals != "" {
				l, err := s.answer(ctx, s.rivals, "river", outboxRows)
				if err != nil {
					return fmt.Errorf("%s: %w", river, err)
				}
				laps[river] = append(laps[river], l)
			}
		}
		b.table("rows", copied, []string{copied, ours, river, watermill}, laps)
		ratio := func(of string) float64 { return ratios(rates(laps[ours]), rates(laps[of])).median() }
		b.row("outbox relay, rows of 1 KB, beside COPY of the same rows; River's jobs; watermill-sql's forwarder", "≥ 0.30; ≥ 1.0; ≥ 20 times",
			fmt.Sprintf("%.2f; %.1f; %.0f times (%s rows/s)", ratio(copied), ratio(river), ratio(watermill), rates(laps[ours])), "make bench CASE=P4")
		return nil
	})
}

// fillOutbox copies orders into a node's outbox and returns how many in a second.
func (s *stage) fillOutbox(ctx context.Context, node string) (rate float64, err error) {
	var rows [][]any
	for i := range outboxRows {
		r, err := load.Record(load.OutputTopic(node), load.Output(node), i, outboxKeys, time.Now())
		if err != nil {
			return 0, err
		}
		rows = append(rows, row(r))
	}
	err = s.database(ctx, func(conn *pgx.Conn) error {
		begun := time.Now()
		_, err := conn.CopyFrom(ctx, pgx.Identifier{provision.Schema(node), "outbox"}, outboxColumns(), pgx.CopyFromRows(rows))
		rate = outboxRows / time.Since(begun).Seconds()
		return err
	})
	return rate, err
}

func outboxColumns() []string {
	return []string{"topic", "key", "header_names", "header_values", "value"}
}

// row is a record as the outbox holds it.
func row(r *kgo.Record) []any {
	var names, values [][]byte
	for _, h := range r.Headers {
		names, values = append(names, []byte(h.Key)), append(values, h.Value)
	}
	return []any{r.Topic, r.Key, names, values, r.Value}
}

// forwarder is watermill-sql's outbox, in a database of its own.
func (s *stage) forwarder(name string) runner {
	return runner{name, func(ctx context.Context, name string) (attempt, error) {
		url, err := s.newDatabase(ctx, name, "")
		if err != nil {
			return attempt{}, err
		}
		output := "out." + name
		env := append(s.place(name, output), "BENCH_DATABASE="+url, "BENCH_ROWS="+strconv.Itoa(slowRows),
			"BENCH_KEYS="+strconv.Itoa(outboxKeys), "BENCH_NOTE="+strings.Repeat("x", 1000))
		return s.sends(s.command(ctx, s.rivals, "watermill-sql", env...), output), s.topic(ctx, output)
	}}
}

// newDatabase makes a database and returns its URL.
func (s *stage) newDatabase(ctx context.Context, name, tables string) (string, error) {
	name = strings.ReplaceAll(name, "-", "_")
	err := s.database(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "CREATE DATABASE "+name)
		return err
	})
	url := strings.TrimSuffix(s.AdminURL, "omninode") + name
	if err != nil || tables == "" {
		return url, err
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, tables)
	return url, err
}

// answer runs a program that works by itself and prints its rate.
func (s *stage) answer(ctx context.Context, program, role string, rows int) (lap, error) {
	name := s.name("run")
	url, err := s.newDatabase(ctx, name, load.Tables)
	if err != nil {
		return lap{}, err
	}
	fields, state, err := s.ask(ctx, program, role, url, rows)
	if err != nil {
		return lap{}, err
	}
	rate, err := strconv.ParseFloat(fields[0], 64)
	return lap{rate: rate, cpu: float64((state.UserTime() + state.SystemTime()).Nanoseconds()) / float64(rows)}, err
}

// ask runs a program to its end and returns the words it printed.
func (s *stage) ask(ctx context.Context, program, role, database string, rows int) ([]string, *os.ProcessState, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	env := append(s.place(role, ""), "BENCH_DATABASE="+database, "BENCH_ROWS="+strconv.Itoa(rows),
		"BENCH_KEYS="+strconv.Itoa(outboxKeys), "BENCH_NOTE="+strings.Repeat("x", 1000))
	cmd := s.command(ctx, program, role, env...)
	var said bytes.Buffer
	cmd.Stderr = &said
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	out, err := cmd.Output()
	if fields := strings.Fields(string(out)); err == nil && len(fields) > 0 {
		return fields, cmd.ProcessState, nil
	}
	return nil, nil, fmt.Errorf("%w\n%s", errors.Join(err, errors.New("no answer")), said.String())
}
