// Package schedule says when a node's schedules tick and what each tick sends: pure functions of the
// contract and the time, so that every process of a node comes to the same answer and a tick that is
// sent twice is recognised. Contracts are checked with it, internal/delivery sends with it; it does
// neither itself.
package schedule

import (
	"encoding/json"
	"fmt"
	"regexp"
	"time"

	"github.com/google/uuid"
	"github.com/robfig/cron/v3"

	"github.com/omninode-ai/omninode/onex/event"
)

// Schedule sends a command at every tick. Either Cron or Every is set.
type Schedule struct {
	Name  string
	Cron  string        // minute, hour, day of the month, month, day of the week; UTC
	Every time.Duration // whole seconds; ticks are its multiples, so that an hour is a full one
	Send  event.Ref     // a command of the node
	Data  string        // JSON object
	Key   string        // property of the partition key, which the tick fills if Data lacks it
	UUID  bool          // it is filled with a UUID
}

// Spec names the times of a schedule: another spec is another schedule.
func (s Schedule) Spec() string {
	if s.Cron != "" {
		return "cron " + s.Cron
	}
	return "every " + s.Every.String()
}

// Clock returns when a schedule ticks.
func (s Schedule) Clock() (Clock, error) {
	if s.Cron == "" {
		return Every(s.Every)
	}
	return Cron(s.Cron)
}

// Clock is a sequence of ticks.
type Clock struct {
	every time.Duration
	cron  cron.Schedule
}

// Every returns the clock whose ticks are the multiples of d in UTC.
func Every(d time.Duration) (Clock, error) {
	if d < time.Second || d%time.Second != 0 {
		return Clock{}, fmt.Errorf("%s is no number of whole seconds", d)
	}
	return Clock{every: d}, nil
}

// Grammar is all that a cron expression may consist of: five fields, and no time zone, no seconds, no
// descriptor.
const Grammar = `^[0-9A-Za-z*/,-]+( [0-9A-Za-z*/,-]+){4}$`

var fiveFields = regexp.MustCompile(Grammar)

// Cron returns the clock of a cron expression of five fields, in UTC.
func Cron(expression string) (Clock, error) {
	if !fiveFields.MatchString(expression) {
		return Clock{}, fmt.Errorf("%.80q is not minute, hour, day of the month, month and day of the week", expression)
	}
	c, err := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow).Parse(expression)
	if err != nil {
		return Clock{}, fmt.Errorf("%.80q is no cron expression: %w", expression, err)
	}
	clock := Clock{cron: c}
	if clock.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return Clock{}, fmt.Errorf("%.80q never ticks", expression)
	}
	return clock, nil
}

// Next returns the first tick after t.
func (c Clock) Next(t time.Time) time.Time {
	if c.cron != nil {
		return c.cron.Next(t.UTC())
	}
	return t.UTC().Truncate(c.every).Add(c.every)
}

// Latest returns the last tick after one that was sent and not after now, and how many came before it
// in vain; ok is false if there is none.
func (c Clock) Latest(sent, now time.Time) (tick time.Time, missed int, ok bool) {
	next := c.Next(sent)
	if next.After(now) {
		return time.Time{}, 0, false
	}
	if c.cron == nil {
		tick = now.UTC().Truncate(c.every)
		return tick, int(tick.Sub(next) / c.every), true
	}
	for tick = next; ; missed++ {
		if next = c.Next(tick); next.After(now) {
			return tick, missed, true
		}
		tick = next
	}
}

// Stamp names a tick: what fills a key that the schedule's data lacks.
func Stamp(name string, tick time.Time, asUUID bool) string {
	stamp := name + "-" + tick.UTC().Format(time.RFC3339)
	if !asUUID {
		return stamp
	}
	space := uuid.NewSHA1(uuid.NameSpaceDNS, []byte("schedules.omninode.ai"))
	return uuid.NewSHA1(space, []byte(stamp)).String()
}

// Event returns the command that a tick sends. Its id, like all of it, follows from the tick.
func (s Schedule) Event(node string, tick time.Time) (event.Envelope, error) {
	var data map[string]json.RawMessage
	if err := json.Unmarshal([]byte(s.Data), &data); err != nil {
		return event.Envelope{}, fmt.Errorf("data of schedule %s: %w", s.Name, err)
	}
	if _, given := data[s.Key]; !given {
		filled, err := json.Marshal(Stamp(s.Name, tick, s.UUID))
		if err != nil {
			return event.Envelope{}, fmt.Errorf("key of schedule %s: %w", s.Name, err)
		}
		data[s.Key] = filled
	}
	var key string
	if err := json.Unmarshal(data[s.Key], &key); err != nil {
		return event.Envelope{}, fmt.Errorf("key of schedule %s: %w", s.Name, err)
	}
	raw, err := json.Marshal(data)
	if err != nil {
		return event.Envelope{}, fmt.Errorf("data of schedule %s: %w", s.Name, err)
	}
	e := event.NewRoot(event.Source(node), s.Send, key, raw, tick)
	e.ID = event.DeriveID("schedule "+Stamp(s.Name, tick, false), node, s.Send, 0)
	e.Subject, e.CorrelationID, e.CausationID = s.Name, e.ID, e.ID
	return e, nil
}
