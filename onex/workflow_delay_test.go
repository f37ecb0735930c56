package onex

import (
	"strings"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/onex/workflow"
)

// patient is the shop's workflow with an hour between the charge and what follows it.
func patient() (*Workflow, Builders) {
	wf, b := shop()
	wf.Steps[2].After = []string{"cool_off"}
	wf.Steps = append(wf.Steps, Step{Name: "cool_off", After: []string{"charge"}, Delay: time.Hour})
	return wf, b
}

func TestDelay(t *testing.T) {
	t.Parallel()
	const start, placed, charged, packed, ready, passed = "flow/start.v1", "orders/placed.v1", "pay/charged.v1", "gift/packed.v1", "orders/ready.v1", "timer:cool_off"
	for name, test := range map[string]struct {
		story  []string
		emits  string // by the last of them
		status string
		timers string
	}{
		"is not begun":              {[]string{start, placed}, chargeSent + " " + giftSent, workflow.Running, "timeout:charge"},
		"passes":                    {[]string{start, placed, charged}, "", workflow.Running, "delay:cool_off"},
		"has passed":                {[]string{start, placed, charged, passed}, "", workflow.Running, "timeout:ready"},
		"is the way to the end":     {[]string{start, placed, charged, passed, packed, ready}, doneSent, workflow.Completed, ""},
		"cannot be cut short":       {[]string{start, placed, charged, packed, ready}, "", workflow.Running, "delay:cool_off"},
		"ends once":                 {[]string{start, placed, charged, passed, passed, packed, ready}, doneSent, workflow.Completed, ""},
		"lets an early answer wait": {[]string{start, placed, charged, packed, ready, passed}, doneSent, workflow.Completed, ""},
		"is forgotten after a failure": {
			[]string{start, placed, "pay/declined.v1"},
			"cancel[cancel step charge: pay/declined.v1]flow:k@place/undo failed[failed step charge: pay/declined.v1]@", workflow.Failed, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := playOf(t, patient)
			var emits string
			for _, what := range test.story {
				out := p.send(what)
				if out.Err != nil {
					t.Fatalf("%s: %v", what, out.Err)
				}
				emits = emitted(out)
			}
			if i := p.instance(); emits != test.emits || i.Status != test.status || strings.Join(p.timers, " ") != test.timers {
				t.Errorf("emits %s, status %s, timers %v, want %s, %s, %s", emits, i.Status, p.timers, test.emits, test.status, test.timers)
			}
		})
	}
}

// TestDelayAtTheStart: a workflow may begin with a delay, and consist of nothing else.
func TestDelayAtTheStart(t *testing.T) {
	t.Parallel()
	p := playOf(t, func() (*Workflow, Builders) {
		_, b := shop()
		return &Workflow{
			Start: wref("flow/start.v1"), Completed: wref("flow/done.v1"), Failed: wref("flow/failed.v1"),
			Steps: []Step{{Name: "wait", Delay: time.Minute}},
		}, b
	})
	out := p.send("flow/start.v1")
	if len(out.Timers) != 1 || out.Timers[0].After != time.Minute || len(out.Emissions) != 0 {
		t.Fatalf("start: %+v", out)
	}
	if got := emitted(p.send("timer:wait")); got != doneSent {
		t.Errorf("the delay has passed: %s", got)
	}
}

// TestUnknownTimer: a timer of a step that a newer contract no longer has changes nothing.
func TestUnknownTimer(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.send("flow/start.v1")
	if out := p.send("timer:gone"); out.State != nil || out.Err != nil {
		t.Errorf("a timer of no step: %+v", out)
	}
}
