package engine_test

import (
	"errors"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// order's machine: new -place-> placed -pay-> ready, placed -cancel-> cancelled.
func orders(t *testing.T) *engine.Core {
	t.Helper()
	place, pay, cancel := ref("orders", "place"), ref("payment", "paid"), ref("payment", "declined")
	c, err := engine.New(engine.Config{
		Node: "orders", Version: "1.2.3", Random: func() float64 { return 0 },
		Inputs: []engine.Input{{Type: place, Class: event.Command}, {Type: pay, Class: event.Event}, {Type: cancel, Class: event.Event}},
		Machine: &engine.Machine{Initial: "new", Final: []string{"ready", "cancelled"}, Transitions: []engine.Transition{
			{Input: place, From: []string{"new"}, To: "placed", Emits: []event.Ref{ref("orders", "placed")}},
			{Input: pay, From: []string{"placed"}, To: "ready", Early: 10 * time.Second},
			{Input: cancel, From: []string{"placed"}, To: "cancelled"},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestMachine(t *testing.T) {
	t.Parallel()
	c := orders(t)
	place := c.Open(incoming(ref("orders", "place"), event.Command, "k", `{}`))
	paid := c.Open(incoming(ref("payment", "paid"), event.Event, "k", `{}`))
	declined := c.Open(incoming(ref("payment", "declined"), event.Event, "k", `{}`))
	in := func(state string) engine.View {
		if state == "" {
			return engine.View{}
		}
		return engine.View{State: engine.Stored{Version: 4, Machine: state, Data: []byte(`{}`)}}
	}
	tests := map[string]struct {
		item    engine.Item
		view    engine.View
		verdict engine.Verdict
		to      string
		class   engine.Class
	}{
		"from the initial state": {place, in(""), engine.Handle, "placed", ""},
		"not again":              {place, in("placed"), engine.Refuse, "", engine.IllegalTransition},
		"next":                   {paid, in("placed"), engine.Handle, "ready", ""},
		"early":                  {paid, in(""), engine.Wait, "", ""},
		"too late":               {paid, in("cancelled"), engine.Refuse, "", engine.IllegalTransition},
		"early is not allowed":   {declined, in(""), engine.Refuse, "", engine.IllegalTransition},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, commit := settle(c, test.item, test.view, engine.Outcome{State: []byte(`{"x":1}`)}, at(1))
			if d.Verdict != test.verdict || d.Call.To != test.to || commit.Class != test.class {
				t.Fatalf("verdict %d, to %q, class %s: %v", d.Verdict, d.Call.To, commit.Class, commit.Err)
			}
			if test.to != "" && (commit.State == nil || commit.State.Machine != test.to || commit.State.Expect != test.view.State.Version) {
				t.Fatalf("state %+v", commit.State)
			}
		})
	}
	if !c.Waits() {
		t.Error("a machine with early inputs does not wait")
	}
	out := engine.Outcome{State: []byte(`{}`), Emissions: []engine.Emission{{Class: event.Event, Type: ref("orders", "placed"), Key: "k", Data: []byte("1")}}}
	if _, commit := settle(c, paid, in("placed"), out, at(1)); commit.Class != engine.PermanentFailure {
		t.Errorf("a transition emitted what another one declares: %+v", commit)
	}
}

func TestEarlyWaitsOnlySoLong(t *testing.T) {
	t.Parallel()
	c := orders(t)
	r := incoming(ref("payment", "paid"), event.Event, "k", `{}`)
	_, commit := settle(c, c.Open(r), engine.View{}, engine.Outcome{}, at(100))
	if commit.Park == nil || commit.Park.Reason != engine.Early || !commit.Park.Since.Equal(at(100)) {
		t.Fatalf("park %+v", commit.Park)
	}
	parked := engine.Parked{ID: 1, Record: r, Reason: engine.Early, Since: at(100)}
	_, commit = settle(c, c.Reopen(parked), engine.View{Behind: true}, engine.Outcome{}, at(109))
	if commit.Park == nil || !commit.Park.Next.Equal(at(110)) || commit.Park.Attempts != 0 {
		t.Fatalf("looked at again: %+v", commit.Park)
	}
	_, commit = settle(c, c.Reopen(parked), engine.View{Behind: true}, engine.Outcome{}, at(110))
	if commit.Class != engine.Timeout {
		t.Fatalf("waited in vain: %+v", commit)
	}
	behind := engine.Parked{ID: 1, Record: r, Reason: engine.Behind, Since: at(0)}
	_, commit = settle(c, c.Reopen(behind), engine.View{Behind: true}, engine.Outcome{}, at(110))
	if commit.Park == nil || !commit.Park.Since.Equal(at(110)) {
		t.Fatalf("time behind another record counts as waiting: %+v", commit)
	}
}

func TestTimers(t *testing.T) {
	t.Parallel()
	start, done, answer := ref("flow", "start"), ref("flow", "done"), ref("shop", "bought")
	c, err := engine.New(engine.Config{
		Node: "flow", Workflow: start, Outputs: []event.Ref{done}, Random: func() float64 { return 0 },
		Inputs: []engine.Input{{Type: start, Class: event.Command}, {Type: answer, Class: event.Event}},
	})
	if err != nil {
		t.Fatal(err)
	}
	it := c.Open(incoming(start, event.Command, "k", `{}`))
	_, commit := settle(c, it, engine.View{}, engine.Outcome{State: []byte("{}"), Timers: []engine.Timer{{Name: "t", After: time.Minute}}}, at(5))
	set := (*commit.Timers)[0]
	if !set.Due.Equal(at(65)) || set.Cause.ID != it.Event.ID || commit.State.Key != "k" {
		t.Fatalf("timer %+v of %+v", set, commit.State)
	}
	fired := c.Fire(engine.Fired{Key: "k", Name: "t", Cause: set.Cause})
	d, commit := settle(c, fired, engine.View{}, engine.Outcome{Emissions: []engine.Emission{{Class: event.Event, Type: done, Key: "k", Data: []byte("1")}}}, at(70))
	if d.Call.Timer != "t" || fired.StateKey != "k" || commit.Result != engine.Handled || commit.Inbox || len(commit.Outbox) != 1 {
		t.Fatalf("fired: %+v", commit)
	}
	if again := c.Fire(engine.Fired{Key: "k", Name: "t", Attempts: 3, Cause: set.Cause}); again.Event.ID != fired.Event.ID {
		t.Error("the same timer has two event ids")
	}
	_, commit = settle(c, fired, engine.View{}, engine.Outcome{Err: engine.Permanent(errors.New("no"))}, at(70))
	if commit.Result != engine.Retried || !commit.Again.After(at(70)) || len(commit.Outbox) != 0 {
		t.Fatalf("failed timer: %+v", commit)
	}
}

func TestStateKeyOfAWorkflow(t *testing.T) {
	t.Parallel()
	start, answer := ref("flow", "start"), ref("shop", "bought")
	c, err := engine.New(engine.Config{
		Node: "flow", Workflow: start,
		Inputs: []engine.Input{{Type: start, Class: event.Command}, {Type: answer, Class: event.Event}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		input      event.Ref
		class      event.Class
		workflowID string
		want       string
	}{
		"ours":                   {answer, event.Event, "flow:order:1", "order:1"},
		"none":                   {answer, event.Event, "", "k"},
		"another's":              {answer, event.Event, "other:1", "k"},
		"started by another's":   {start, event.Command, "other:1", "k"},
		"started by one of ours": {start, event.Command, "flow:order:1", "k"},
	} {
		e := event.NewRoot("onex://test", test.input, "k", []byte("{}"), at(0))
		e.WorkflowID = test.workflowID
		topic := event.Topic{Class: test.class, Ref: test.input}
		it := c.Open(engine.Record{Topic: topic.String(), Key: "k", Headers: e.Headers(), Value: e.Data})
		if it.StateKey != test.want {
			t.Errorf("%s: state key %q, want %q", name, it.StateKey, test.want)
		}
	}
}
