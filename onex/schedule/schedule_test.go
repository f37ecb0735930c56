package schedule_test

import (
	"strings"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/onex/event"
	"github.com/omninode-ai/omninode/onex/schedule"
)

func at(t *testing.T, text string) time.Time {
	t.Helper()
	tm, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return tm
}

func TestLatest(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		s              schedule.Schedule
		sent, now      string
		tick           string // "": none
		missed         int
		nextAfterwards string
	}{
		"cron, not yet":      {schedule.Schedule{Cron: "0 3 * * *"}, "2026-01-31T03:00:00Z", "2026-02-01T02:59:59Z", "", 0, "2026-02-01T03:00:00Z"},
		"cron, now":          {schedule.Schedule{Cron: "0 3 * * *"}, "2026-01-31T03:00:00Z", "2026-02-01T03:00:00Z", "2026-02-01T03:00:00Z", 0, "2026-02-02T03:00:00Z"},
		"cron, missed two":   {schedule.Schedule{Cron: "0 3 * * *"}, "2026-01-31T03:00:00Z", "2026-02-03T12:00:00Z", "2026-02-03T03:00:00Z", 2, "2026-02-04T03:00:00Z"},
		"cron, day of week":  {schedule.Schedule{Cron: "*/30 8 * * MON"}, "2026-01-31T00:00:00Z", "2026-02-02T08:45:00Z", "2026-02-02T08:30:00Z", 1, "2026-02-09T08:00:00Z"},
		"cron, another zone": {schedule.Schedule{Cron: "0 3 * * *"}, "2026-01-31T05:00:00+02:00", "2026-02-01T03:30:00+02:00", "", 0, "2026-02-01T03:00:00Z"},
		"every, not yet":     {schedule.Schedule{Every: time.Hour}, "2026-01-31T03:00:00Z", "2026-01-31T03:59:59Z", "", 0, "2026-01-31T04:00:00Z"},
		"every, now":         {schedule.Schedule{Every: time.Hour}, "2026-01-31T03:10:00Z", "2026-01-31T04:00:00Z", "2026-01-31T04:00:00Z", 0, "2026-01-31T05:00:00Z"},
		"every, missed many": {schedule.Schedule{Every: time.Second}, "2025-01-31T03:00:00Z", "2026-01-31T03:00:00Z", "2026-01-31T03:00:00Z", 31535999, "2026-01-31T03:00:01Z"},
		"every, a week":      {schedule.Schedule{Every: 168 * time.Hour}, "2026-01-31T03:00:00Z", "2026-02-02T00:00:00Z", "2026-02-02T00:00:00Z", 0, "2026-02-09T00:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := test.s.Clock()
			if err != nil {
				t.Fatal(err)
			}
			tick, missed, ok := c.Latest(at(t, test.sent), at(t, test.now))
			if ok != (test.tick != "") || missed != test.missed || ok && !tick.Equal(at(t, test.tick)) {
				t.Errorf("tick %s after %d, %t; want %s after %d", tick, missed, ok, test.tick, test.missed)
			}
			if next := c.Next(at(t, test.now)); !next.Equal(at(t, test.nextAfterwards)) {
				t.Errorf("next %s, want %s", next, test.nextAfterwards)
			}
		})
	}
}

// TestNoDrift: however late each tick is seen, the n-th is at the start and n times the period.
func TestNoDrift(t *testing.T) {
	t.Parallel()
	const period, ticks = 7 * time.Second, 100_000
	c, err := schedule.Every(period)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Unix(1_700_000_000, 0).UTC().Truncate(period)
	sent := start
	for n := 1; n <= ticks; n++ {
		late := time.Duration(n*7919%6999) * time.Millisecond // below a period, so that none is missed
		tick, missed, ok := c.Latest(sent, c.Next(sent).Add(late))
		if want := start.Add(time.Duration(n) * period); !ok || missed != 0 || !tick.Equal(want) {
			t.Fatalf("tick %d is at %s after %d missed, want %s", n, tick, missed, want)
		}
		sent = tick
	}
}

func TestRefusedTimes(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		"":                 "is not minute, hour",
		"0 3 * *":          "is not minute, hour",
		"0 0 3 * * *":      "is not minute, hour",
		"@daily":           "is not minute, hour",
		"TZ=UTC 0 3 * * *": "is not minute, hour",
		"CRON_TZ=0":        "is not minute, hour",
		"0  3 * * *":       "is not minute, hour",
		"60 3 * * *":       "is no cron expression",
		"*/0 3 * * *":      "is no cron expression",
		"0 3 * * someday":  "is no cron expression",
		"0 0 31 2 *":       "never ticks",
	} {
		if _, err := schedule.Cron(expression); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", expression, err, want)
		}
	}
	for _, d := range []time.Duration{0, -time.Second, time.Millisecond, 1500 * time.Millisecond} {
		if _, err := schedule.Every(d); err == nil {
			t.Errorf("every %s is accepted", d)
		}
	}
}

func FuzzCron(f *testing.F) {
	for _, s := range []string{"0 3 * * *", "*/5 1-3,7 1 JAN-MAR sun", "TZ=0", "0 0 31 2 *", "-1 * * * *", "*-* * * * *"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, expression string) {
		c, err := schedule.Cron(expression)
		if err != nil {
			return
		}
		from := time.Date(2026, 1, 31, 8, 0, 0, 0, time.UTC)
		if next := c.Next(from); !next.After(from) {
			t.Errorf("%q ticks at %s after %s", expression, next, from)
		}
	})
}

func TestEvent(t *testing.T) {
	t.Parallel()
	s := schedule.Schedule{Name: "nightly", Cron: "0 3 * * *", Send: event.MustRef("reports/start.v1"), Data: `{"kind":"full"}`, Key: "report_id"}
	tick := at(t, "2026-02-01T03:00:00Z")
	first, err := s.Event("reports", tick)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(first.Data), `{"kind":"full","report_id":"nightly-2026-02-01T03:00:00Z"}`; got != want {
		t.Errorf("payload %s, want %s", got, want)
	}
	if first.PartitionKey != "nightly-2026-02-01T03:00:00Z" || !first.Time.Equal(tick) || first.Subject != "nightly" || first.Source != "onex://reports" {
		t.Errorf("envelope %+v", first)
	}
	if first.CorrelationID != first.ID || first.CausationID != first.ID || first.Validate() != nil {
		t.Errorf("envelope is no root: %+v", first)
	}
	if again, _ := s.Event("reports", tick.In(time.FixedZone("", 3600))); again.ID != first.ID || string(again.Data) != string(first.Data) {
		t.Errorf("the same tick again has id %s, want %s", again.ID, first.ID)
	}
	if next, _ := s.Event("reports", tick.Add(24*time.Hour)); next.ID == first.ID {
		t.Error("two ticks have one id")
	}
	s.UUID = true
	if filled, _ := s.Event("reports", tick); len(filled.PartitionKey) != 36 {
		t.Errorf("key %q is no UUID", filled.PartitionKey)
	}
	s.Data = `{"report_id":"all"}`
	if given, _ := s.Event("reports", tick); given.PartitionKey != "all" || string(given.Data) != s.Data {
		t.Errorf("a key that is given: %q in %s", given.PartitionKey, given.Data)
	}
	for _, bad := range []string{`[]`, `{`, `{"report_id":1}`} {
		s.Data = bad
		if _, err := s.Event("reports", tick); err == nil {
			t.Errorf("data %s is sent", bad)
		}
	}
}
