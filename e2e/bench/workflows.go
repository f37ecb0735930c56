package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omninode-ai/omninode/e2e/bench/load"
	"github.com/omninode-ai/omninode/onex/event"
)

// How many instances a run has.
const flowInstances = 5_000

// workflows measures instances of five steps in a row: an orchestrator and the effect that does the steps, in one
// process, beside go-workflows, which has no Postgres: its SQLite keeps all in one file of the same process.
func (b *bench) workflows(ctx context.Context) error {
	return b.onStage(ctx, func(ctx context.Context, s *stage) error {
		const ours, theirs = "orchestrator and effect, Kafka, Postgres", "go-workflows v1.2.0, SQLite"
		laps := map[string][]lap{}
		for range b.rounds {
			l, err := s.lap(ctx, s.flow(ours), flowInstances)
			if err != nil {
				return fmt.Errorf("%s: %w", ours, err)
			}
			laps[ours] = append(laps[ours], l)
			if s.rivals == "" {
				continue
			}
			if l, err = s.answer(ctx, s.rivals, "workflows", flowInstances/10); err != nil {
				return fmt.Errorf("%s: %w", theirs, err)
			}
			laps[theirs] = append(laps[theirs], l)
		}
		b.table("instances", theirs, []string{theirs, ours}, laps)
		b.row("instances of five steps in a row, beside go-workflows on SQLite", "lead", fmt.Sprintf("%.1f times (%s instances/s)",
			ratios(rates(laps[ours]), rates(laps[theirs])).median(), rates(laps[ours])), "make bench CASE=workflows")
		return nil
	})
}

// flow is an orchestrator and its effect in one process; the commands that start the instances are there before.
func (s *stage) flow(name string) runner {
	return runner{name, func(ctx context.Context, node string) (attempt, error) {
		env, err := s.node(ctx, node)
		if err != nil {
			return attempt{}, err
		}
		hand, err := s.node(ctx, load.Hand(node))
		if err != nil {
			return attempt{}, err
		}
		output := load.OutputTopic(node)
		if err := s.topic(ctx, output); err != nil {
			return attempt{}, err
		}
		env = slices.Concat(hand, env, s.profile("flow")) // the later of two names counts
		return s.sends(s.command(ctx, s.subject, "flow", env...), output), s.starts(ctx, node, partitions, flowInstances)
	}}
}

// starts sends the commands that start a flow's instances.
func (s *stage) starts(ctx context.Context, flow string, parts int32, instances int) error {
	topic := event.Topic{Class: event.Command, Ref: load.FlowStart(flow)}.String()
	if err := s.create(ctx, topic, parts, nil); err != nil {
		return err
	}
	first := kgo.AbortingFirstErrPromise(s.kgo)
	for i := range instances {
		r, err := load.Record(topic, load.FlowStart(flow), i, instances, time.Now())
		if err != nil {
			return err
		}
		s.kgo.Produce(ctx, r, first.Promise())
	}
	return first.Err()
}
