package delivery

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
	"github.com/omninode-ai/omninode/onex/schedule"
)

// Scheduler sends what a node's schedules say, once per tick of all processes: it works in the hands
// of the one that relays the outbox, and writes each tick together with its command.
type Scheduler struct {
	Node   string
	Log    *slog.Logger
	Now    func() time.Time
	Ticked func(name string, missed int) // told of each tick that was sent

	schedules []schedule.Schedule
	clocks    []schedule.Clock
	ticks     map[string]engine.Tick // as the store has them; nil: not read yet
}

// NewScheduler returns a scheduler of a node. The error names a schedule that has no ticks.
func NewScheduler(node string, schedules []schedule.Schedule, log *slog.Logger) (*Scheduler, error) {
	s := &Scheduler{Node: node, Log: log, Now: time.Now, Ticked: func(string, int) {}, schedules: schedules}
	for _, one := range schedules {
		clock, err := one.Clock()
		if err != nil {
			return nil, fmt.Errorf("node %s: schedule %s: %w", node, one.Name, err)
		}
		s.clocks = append(s.clocks, clock)
	}
	return s, nil
}

// begin forgets what an earlier term of leadership knew.
func (s *Scheduler) begin() {
	if s != nil {
		s.ticks = nil
	}
}

// names returns the schedules there are.
func (s *Scheduler) names() []string {
	names := []string{}
	if s != nil {
		for _, one := range s.schedules {
			names = append(names, one.Name)
		}
	}
	return names
}

// tick sends what is due and returns how long nothing more is, at most limit.
func (s *Scheduler) tick(ctx context.Context, q engine.Queue, limit time.Duration) (time.Duration, error) {
	if s == nil || len(s.schedules) == 0 {
		return limit, nil
	}
	if s.ticks == nil {
		ticks, err := q.Ticks(ctx)
		if err != nil {
			return 0, err
		}
		s.ticks = ticks
	}
	now := s.Now()
	for i, one := range s.schedules {
		if err := s.one(ctx, q, one, s.clocks[i], now); err != nil {
			return 0, err
		}
		next := s.clocks[i].Next(s.ticks[one.Name].At)
		limit = min(limit, max(next.Sub(now), time.Millisecond))
	}
	return limit, nil
}

// one sends the latest tick of a schedule that is due. A schedule that is seen for the first time
// begins now: what it would have done before it existed was not missed.
func (s *Scheduler) one(ctx context.Context, q engine.Queue, one schedule.Schedule, clock schedule.Clock, now time.Time) error {
	last := s.ticks[one.Name]
	if last.Spec != one.Spec() {
		begun := engine.Tick{Spec: one.Spec(), At: now.UTC().Truncate(time.Second)}
		s.Log.InfoContext(ctx, "schedule begins", "schedule", one.Name, "spec", begun.Spec, "first", clock.Next(begun.At))
		return s.write(ctx, q, one.Name, begun, nil)
	}
	at, missed, due := clock.Latest(last.At, now)
	if !due {
		return nil
	}
	e, err := one.Event(s.Node, at)
	if err != nil {
		return err
	}
	out := engine.Outgoing{
		Topic: event.Topic{Class: event.Command, Ref: e.Type}.String(), Key: e.PartitionKey, Headers: e.Headers(), Value: e.Data,
	}
	if err := s.write(ctx, q, one.Name, engine.Tick{Spec: last.Spec, At: at}, []engine.Outgoing{out}); err != nil {
		return err
	}
	if missed > 0 {
		s.Log.WarnContext(ctx, "ticks were missed, only the latest is sent", "schedule", one.Name, "missed", missed, "since", last.At)
	}
	s.Log.DebugContext(ctx, "schedule ticked", "schedule", one.Name, "tick", at, "event_id", e.ID)
	s.Ticked(one.Name, missed)
	return nil
}

func (s *Scheduler) write(ctx context.Context, q engine.Queue, name string, next engine.Tick, send []engine.Outgoing) error {
	if err := q.Tick(ctx, name, s.ticks[name], next, send); err != nil {
		return fmt.Errorf("schedule %s: %w", name, err)
	}
	s.ticks[name] = next
	return nil
}
