package onextest

import (
	"errors"
	"fmt"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
	"github.com/omninode-ai/omninode/onex/schedule"
)

// scheduleScenarios tries what the node sends itself by the clock.
func (c Case) scheduleScenarios() []scenario {
	var list []scenario
	for _, s := range c.Node.Schedules {
		list = append(list, scenario{"schedule/" + s.Name, func() error { return c.ticks(s) }})
	}
	return list
}

// ticks delivers two ticks of a schedule, the first of them twice: both are handled, or refused by
// the machine of a key that is in another state, and the repetition is none of the handler's business.
func (c Case) ticks(s schedule.Schedule) error {
	clock, err := s.Clock()
	if err != nil {
		return fmt.Errorf("schedule %s: %w", s.Name, err)
	}
	b, err := c.bench()
	if err != nil {
		return err
	}
	first := clock.Next(b.now)
	for i, at := range []time.Time{first, first, clock.Next(first)} {
		e, err := s.Event(c.Node.Name, at)
		if err != nil {
			return err
		}
		b.now = at
		d, err := b.deliver(record{class: event.Command, event: e})
		if err != nil {
			return fmt.Errorf("schedule %s: %w", s.Name, err)
		}
		if err := c.ticked(d, i == 1); err != nil {
			return fmt.Errorf("tick %s of schedule %s %w", at.Format(time.RFC3339), s.Name, err)
		}
	}
	return nil
}

// ticked judges what became of a tick, which may be one that came before.
func (c Case) ticked(d delivered, again bool) error {
	refused := d.result == engine.Waiting || d.result == engine.DeadLettered && d.class == engine.IllegalTransition
	switch {
	case again && d.result == engine.Handled:
		return errors.New("was handled twice")
	case again && d.duplicate(), d.result == engine.Handled, c.Node.Machine != nil && refused:
		return nil
	}
	return fmt.Errorf("was not handled but %s", d)
}
