package delivery

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
	"github.com/omninode-ai/omninode/onex/schedule"
)

// nightly ticks at three, pulse every ten seconds.
func nightly() schedule.Schedule {
	return schedule.Schedule{Name: "nightly", Cron: "0 3 * * *", Send: ask(), Key: "id", Data: `{"n":1}`}
}

func pulse() schedule.Schedule {
	return schedule.Schedule{Name: "pulse", Every: 10 * time.Second, Send: ask(), Key: "id", Data: `{}`}
}

// office is a relay with schedules on virtual time, which begins at midnight of 2000-01-01 UTC.
type office struct {
	t     *testing.T
	shelf *shelf

	mu     sync.Mutex
	missed int
	sent   []string // which ticks the broker got
	stop   func()   // tells the relay to end once its outbox is empty
	end    func()   // and waits for that
}

func open(t *testing.T, s *shelf, schedules ...schedule.Schedule) *office {
	t.Helper()
	o := &office{t: t, shelf: s}
	r := NewRelay(s, func(_ context.Context, records []engine.Outgoing) []error {
		errs := make([]error, len(records))
		for i, rec := range records {
			if rec.Topic != partition().Topic {
				errs[i] = errGone
				continue
			}
			o.note(rec)
		}
		return errs
	}, slog.New(slog.DiscardHandler))
	var err error
	if r.Scheduler, err = NewScheduler("shop", schedules, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	r.Scheduler.Ticked = func(_ string, missed int) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.missed += missed
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		r.Run(t.Context(), stop)
	}()
	o.stop = sync.OnceFunc(func() { close(stop) })
	o.end = func() {
		o.stop()
		<-done
	}
	return o
}

// note remembers what the broker got: where from, what about and when.
func (o *office) note(rec engine.Outgoing) {
	e, err := event.Decode(rec.Headers, rec.Value)
	if err != nil || rec.Topic != partition().Topic || rec.Key != e.PartitionKey || e.Source != "onex://shop" {
		o.t.Errorf("sent %+v: %v", rec, err)
	}
	var data map[string]any
	if err := json.Unmarshal(rec.Value, &data); err != nil || data["id"] != e.PartitionKey {
		o.t.Errorf("payload %s: %v", rec.Value, err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sent = append(o.sent, fmt.Sprintf("%s %s", e.Time.Format("02T15:04:05"), e.PartitionKey))
}

// got returns which ticks the broker got so far.
func (o *office) got() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.sent)
}

// lost returns how many ticks were missed so far.
func (o *office) lost() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.missed
}

func (o *office) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func midnight() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }

func TestSchedule(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{ticks: map[string]engine.Tick{}}
		o := open(t, s, nightly(), pulse())
		o.pass(25 * time.Second)
		want(t, "sent", o.got(), []string{"01T00:00:10 pulse-2000-01-01T00:00:10Z", "01T00:00:20 pulse-2000-01-01T00:00:20Z"})
		o.pass(3*time.Hour - 25*time.Second)
		want(t, "sent until three", len(o.got()), 3*360+1)
		want(t, "last", o.got()[3*360-1:], []string{"01T03:00:00 nightly-2000-01-01T03:00:00Z", "01T03:00:00 pulse-2000-01-01T03:00:00Z"})
		want(t, "missed", o.lost(), 0)
		o.end()
		o.pass(time.Minute)
		want(t, "sent after the end", len(o.got()), 3*360+1)
	})
}

// TestMissedTicks: of what was due while nothing ran only the latest is sent.
func TestMissedTicks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{ticks: map[string]engine.Tick{
			"nightly": {Spec: "cron 0 3 * * *", At: midnight().Add(-93 * time.Hour)},
			"pulse":   {Spec: "every 10s", At: midnight().Add(-time.Minute)},
		}}
		time.Sleep(5 * time.Second)
		o := open(t, s, nightly(), pulse())
		o.pass(time.Second)
		want(t, "sent", o.got(), []string{"31T03:00:00 nightly-1999-12-31T03:00:00Z", "01T00:00:00 pulse-2000-01-01T00:00:00Z"})
		want(t, "missed", o.lost(), 2+5)
		o.end()
	})
}

// TestScheduleBegins: a schedule that is new, or has new times, has missed nothing.
func TestScheduleBegins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{ticks: map[string]engine.Tick{"pulse": {Spec: "every 1m0s", At: midnight().Add(-time.Hour)}}}
		o := open(t, s, nightly(), pulse())
		o.pass(9 * time.Second)
		want(t, "sent", len(o.got()), 0)
		want(t, "begun", s.tick("pulse"), engine.Tick{Spec: "every 10s", At: midnight()})
		o.pass(time.Second)
		want(t, "sent", len(o.got()), 1)
		want(t, "missed", o.lost(), 0)
		o.end()
	})
}

// TestTicksOfTwoProcesses: who comes next goes on where the one before ended.
func TestTicksOfTwoProcesses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{ticks: map[string]engine.Tick{}}
		first := open(t, s, pulse())
		first.pass(25 * time.Second)
		first.end()
		time.Sleep(10 * time.Second)
		second := open(t, s, pulse())
		second.pass(10 * time.Second)
		second.end()
		want(t, "sent", append(first.got(), second.got()...), []string{
			"01T00:00:10 pulse-2000-01-01T00:00:10Z", "01T00:00:20 pulse-2000-01-01T00:00:20Z",
			"01T00:00:30 pulse-2000-01-01T00:00:30Z", "01T00:00:40 pulse-2000-01-01T00:00:40Z",
		})
		want(t, "missed", second.lost(), 0)
	})
}

// TestTickThatFails: a tick the store does not take is tried again, and one that somebody else wrote
// is not sent twice.
func TestTickThatFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{ticks: map[string]engine.Tick{}}
		o := open(t, s, pulse())
		o.pass(5 * time.Second)
		s.mu.Lock()
		s.gone = 3
		s.mu.Unlock()
		o.pass(10 * time.Second)
		want(t, "sent", o.got(), []string{"01T00:00:10 pulse-2000-01-01T00:00:10Z"})
		s.mu.Lock()
		s.ticks["pulse"] = engine.Tick{Spec: "every 10s", At: midnight().Add(20 * time.Second)}
		s.mu.Unlock()
		o.pass(20 * time.Second)
		want(t, "sent", o.got()[1:], []string{"01T00:00:30 pulse-2000-01-01T00:00:30Z"})
		o.end()
	})
}

// TestStoppingProcessLeavesTicks: a process that is about to end sends what is in the outbox, and leaves
// what is due to the next one.
func TestStoppingProcessLeavesTicks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{ticks: map[string]engine.Tick{}}
		o := open(t, s, pulse())
		s.put("stuck", "0") // is refused, so that the outbox stays
		o.pass(15 * time.Second)
		o.stop()
		o.pass(time.Minute)
		want(t, "sent", o.got(), []string{"01T00:00:10 pulse-2000-01-01T00:00:10Z"})
		s.mu.Lock()
		s.queued = nil
		s.mu.Unlock()
		o.end()
	})
}

func TestScheduleWithoutTicks(t *testing.T) {
	t.Parallel()
	for _, s := range []schedule.Schedule{{Name: "x"}, {Name: "x", Cron: "nonsense"}, {Name: "x", Every: time.Millisecond}} {
		if _, err := NewScheduler("shop", []schedule.Schedule{s}, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("schedule %+v is accepted", s)
		}
	}
}
