package main

import (
	"context"
	"fmt"
)

// What P1 and P2 send through: records of 1 KB, of so many keys.
const (
	flowRecords = 200_000
	flowKeys    = 1_000
)

// throughput is P1: a node beside a bare loop, and beside other libraries. No kind of node is weaker
// than exactly once, so the node does more than what it is compared with.
func (b *bench) throughput(ctx context.Context) error {
	return b.onStage(ctx, func(ctx context.Context, s *stage) error {
		if err := s.fill(ctx, flowRecords, flowKeys); err != nil {
			return err
		}
		const bare, work, node, watermill, goka = "bare kgo loop, at least once", "bare loop + encoding/json", "compute node, exactly once",
			"watermill-kafka v3.0.6 router", "goka v1.1.16 processor"
		names := []string{bare, work, node}
		runners := []runner{s.hand(bare, "bare"), s.hand(work, "work"), s.ours(node, "compute")}
		if s.rivals != "" {
			names = append(names, watermill, goka)
			runners = append(runners, s.rival(watermill, "watermill-kafka"), s.rival(goka, "goka"))
		}
		laps, err := s.race(ctx, flowRecords, runners...)
		if err != nil {
			return err
		}
		b.table("records", bare, names, laps)
		ratio := func(of func([]lap) series, a, c string) string {
			return fmt.Sprintf("%.2f", ratios(of(laps[a]), of(laps[c])).median())
		}
		b.row("compute node, exactly once, 1 KB, beside a bare kgo loop, at least once", "≥ 0.90 of its rate, ≤ 1.15 of its CPU",
			ratio(rates, node, bare)+" of its rate, "+ratio(costs, node, bare)+" of its CPU; "+ratio(rates, node, work)+" and "+
				ratio(costs, node, work)+" of a loop that decodes, validates and encodes with encoding/json", "make bench CASE=P1")
		if s.rivals != "" {
			b.row("compute node beside watermill-kafka's router and goka, both at least once", "≥ 2 times Watermill",
				ratio(rates, node, watermill)+" and "+ratio(rates, node, goka)+" times", "make bench CASE=P1")
		}
		return nil
	})
}

// transactions is P2: what exactly once costs.
func (b *bench) transactions(ctx context.Context) error {
	return b.onStage(ctx, func(ctx context.Context, s *stage) error {
		if err := s.fill(ctx, flowRecords, flowKeys); err != nil {
			return err
		}
		const bare, session, node = "bare kgo loop, at least once", "bare GroupTransactSession, 100 ms", "compute node, exactly once"
		laps, err := s.race(ctx, flowRecords, s.hand(bare, "bare"), s.hand(session, "session"), s.ours(node, "compute"))
		if err != nil {
			return err
		}
		b.table("records", bare, []string{bare, session, node}, laps)
		b.row("compute node beside a bare GroupTransactSession that commits each 100 ms; beside a bare loop at least once", "≥ 0.97; ≥ 0.90",
			fmt.Sprintf("%.2f; %.2f (the bare session itself: %.2f)", ratios(rates(laps[node]), rates(laps[session])).median(),
				ratios(rates(laps[node]), rates(laps[bare])).median(), ratios(rates(laps[session]), rates(laps[bare])).median()),
			"make bench CASE=P2")
		return nil
	})
}
