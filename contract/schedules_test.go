package contract

import (
	"slices"
	"testing"
	"time"
)

// TestClockwork checks what is read of guards, delays and schedules, and what follows from them.
func TestClockwork(t *testing.T) {
	t.Parallel()
	f := goldenFleet(t, "guards-delays-schedules")
	place, delay := f.Contract("orders").Machine.Transitions, f.Contract("outer").Workflow.Steps[1]
	if place[0].Guard != "in_stock" || place[1].Guard != "" || GuardMethod("orders", place[0]) != "PlaceV1InStock" {
		t.Errorf("guards %q and %q", place[0].Guard, place[1].Guard)
	}
	if delay.Name != "cool_off" || delay.Delay != 10*time.Minute || delay.Success != nil || !slices.Equal(delay.After, []string{"sub"}) {
		t.Errorf("delay %+v", delay)
	}
	reports := f.Contract("reports")
	nightly, hourly := reports.Schedules[0], f.Contract("outer").Schedules[0]
	if nightly.Cron != "0 3 * * *" || nightly.Every != 0 || string(nightly.Data) != `{"lines":[{"text":"one"}],"title":"Sales","total":1}` {
		t.Errorf("nightly %+v with %s", nightly, nightly.Data)
	}
	if hourly.Every != time.Hour || hourly.Cron != "" || string(hourly.Data) != `{}` {
		t.Errorf("hourly %+v with %s", hourly, hourly.Data)
	}
	d := Derive(reports)
	if want := (Ticks{Name: "nightly", When: "cron 0 3 * * *", Message: "reports/start-report.v1", Data: string(nightly.Data)}); len(d.Schedules) != 1 || d.Schedules[0] != want {
		t.Errorf("derived %+v, want %+v", d.Schedules, want)
	}
	write := ACL{Principal: "User:reports", Operation: "WRITE", Resource: "topic:onex.cmd.reports.start-report.v1"}
	if !slices.Contains(d.ACLs, write) || !slices.ContainsFunc(d.Produces, func(c Channel) bool { return c.Message == "reports/start-report.v1" }) {
		t.Errorf("the node may not send what its schedule sends: %+v", d.ACLs)
	}
}
