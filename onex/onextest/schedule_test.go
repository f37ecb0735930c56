package onextest

import (
	"errors"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/schedule"
)

func TestSchedules(t *testing.T) {
	t.Parallel()
	hourly := schedule.Schedule{Name: "hourly", Every: time.Hour, Send: ask(), Key: "id", Data: `{"n":1}`}
	fine := func(onex.Input[thing], *onex.Emissions) error { return nil }
	for name, tc := range map[string]struct {
		handle func(onex.Input[thing], *onex.Emissions) error
		spoil  func(s *schedule.Schedule, c *Case)
		want   string
	}{
		"good": {fine, func(*schedule.Schedule, *Case) {}, ""},
		"handler fails": {func(in onex.Input[thing], _ *onex.Emissions) error {
			if in.Event.Subject != "" {
				return errors.New("not by the clock")
			}
			return nil
		}, func(*schedule.Schedule, *Case) {}, "schedule/hourly: schedule hourly: handler of calc/ask.v1 failed on a valid input: not by the clock"},
		"payload does not fit": {fine, func(s *schedule.Schedule, _ *Case) { s.Data = `{"n":-1}` }, "was not handled but dead_lettered (invalid)"},
		"no ticks":             {fine, func(s *schedule.Schedule, _ *Case) { s.Every = 0 }, "schedule hourly: 0s is no number of whole seconds"},
		"every tick the same": {fine, func(s *schedule.Schedule, c *Case) {
			c.Node.Inputs[0].IdempotencyKey, s.Data = "id", `{"id":"a","n":1}`
		}, "tick 2026-01-31T10:00:00Z of schedule hourly was not handled but duplicate"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, s := calc(tc.handle), hourly
			tc.spoil(&s, &c)
			c.Node.Schedules = []schedule.Schedule{s}
			expectFault(t, c, tc.want)
		})
	}
}
