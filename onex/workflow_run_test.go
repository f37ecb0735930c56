package onex

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
	"github.com/omninode-ai/omninode/onex/workflow"
)

// text is a payload that says what it was built from.
type text string

func (t text) Validate() error {
	if t == "invalid" {
		return errors.New("is invalid")
	}
	return nil
}

func wref(s string) event.Ref { return event.MustRef(s) }

// shop is the illustration's workflow: place → price → charge → ready, with two that can be undone,
// and a gift that nobody waits for the others with.
func shop() (*Workflow, Builders) {
	wf := &Workflow{
		Start: wref("flow/start.v1"), Completed: wref("flow/done.v1"), Failed: wref("flow/failed.v1"),
		Steps: []Step{
			{Name: "place", Send: wref("orders/place.v1"), Success: []event.Ref{wref("orders/placed.v1")}, Undo: wref("orders/cancel.v1")},
			{
				Name: "charge", After: []string{"place"}, Send: wref("pay/charge.v1"), Success: []event.Ref{wref("pay/charged.v1")},
				Failure: []event.Ref{wref("pay/declined.v1")}, Undo: wref("pay/refund.v1"), Timeout: 30 * time.Second,
			},
			{Name: "ready", After: []string{"charge"}, Success: []event.Ref{wref("orders/ready.v1")}, Timeout: time.Minute},
			{Name: "gift", After: []string{"place"}, Send: wref("gift/pack.v1"), Success: []event.Ref{wref("gift/packed.v1")}},
		},
	}
	build := func(name string) Build {
		return func(_ context.Context, instance []byte) (string, Payload, error) {
			var view struct {
				Key    string `json:"key"`
				Reason string `json:"reason"`
			}
			if err := json.Unmarshal(instance, &view); err != nil {
				return "", nil, err
			}
			return view.Key, text(strings.TrimSuffix(name+" "+view.Reason, " ")), nil
		}
	}
	return wf, Builders{
		Send:      map[string]Build{"place": build("place"), "charge": build("charge"), "gift": build("gift")},
		Undo:      map[string]Build{"place": build("cancel"), "charge": build("refund")},
		Completed: build("completed"), Failed: build("failed"),
	}
}

// play feeds an instance with what happens, e.g. "start", "placed", "timer:charge", and returns what
// each of them emitted and the final state.
type play struct {
	t      *testing.T
	routes Routes
	state  []byte
	timers []string
}

func newPlay(t *testing.T) *play {
	t.Helper()
	return playOf(t, shop)
}

func playOf(t *testing.T, flow func() (*Workflow, Builders)) *play {
	t.Helper()
	wf, b := flow()
	decoders := map[event.Ref]func([]byte) error{wf.Start: anyJSON}
	for _, s := range wf.Steps {
		for _, r := range slices.Concat(s.Success, s.Failure) {
			decoders[r] = anyJSON
		}
	}
	return &play{t: t, routes: Orchestrate(wf, b, decoders)}
}

func anyJSON(data []byte) error {
	if string(data) == `"bad"` {
		return errors.New("is bad")
	}
	return nil
}

// steps names which step each answer belongs to, as its step id would.
func steps() map[string]string {
	return map[string]string{
		"orders/placed.v1": "place", "pay/charged.v1": "charge", "pay/declined.v1": "charge",
		"orders/ready.v1": "charge", "gift/packed.v1": "gift",
	}
}

func (p *play) send(what string) engine.Outcome {
	p.t.Helper()
	c := engine.Call{State: p.state, Attempt: 1}
	if name, ok := strings.CutPrefix(what, "timer:"); ok {
		c.Timer = timeoutPrefix + name
		if slices.Contains(p.timers, delayPrefix+name) {
			c.Timer = delayPrefix + name
		}
		c.Event = event.Envelope{ID: "timer", PartitionKey: "k", Type: wref("flow/start.v1")}
	} else {
		c.Event = event.NewRoot("onex://test", wref(what), "k", []byte(`"`+what+`"`), time.Unix(0, 0))
		if step := steps()[what]; step != "" {
			c.Event.WorkflowID, c.Event.StepID = "flow:k", step
		}
	}
	return p.call(c)
}

func (p *play) call(c engine.Call) engine.Outcome {
	p.t.Helper()
	out := p.routes[c.Event.Type](p.t.Context(), c)
	if out.State != nil {
		p.state = out.State
		p.timers = nil
		for _, timer := range out.Timers {
			p.timers = append(p.timers, timer.Name)
		}
	}
	return out
}

func emitted(out engine.Outcome) string {
	var said []string
	for _, e := range out.Emissions {
		var data string
		_ = json.Unmarshal(e.Data, &data)
		said = append(said, fmt.Sprintf("%s[%s]%s@%s", e.Type.Name, data, e.Position.WorkflowID, e.Position.StepID))
	}
	return strings.Join(said, " ")
}

func (p *play) instance() workflow.Instance {
	p.t.Helper()
	var i workflow.Instance
	if err := json.Unmarshal(p.state, &i); err != nil {
		p.t.Fatal(err)
	}
	return i
}

const (
	placeSent  = "place[place]flow:k@place"
	chargeSent = "charge[charge]flow:k@charge"
	giftSent   = "pack[gift]flow:k@gift"
	doneSent   = "done[completed]@"
)

func TestWorkflow(t *testing.T) {
	t.Parallel()
	type happens struct{ what, emits string }
	tests := map[string]struct {
		story  []happens
		status string
		timers string
	}{
		"happy": {[]happens{
			{"flow/start.v1", placeSent},
			{"orders/placed.v1", chargeSent + " " + giftSent},
			{"pay/charged.v1", ""},
			{"gift/packed.v1", ""},
			{"orders/ready.v1", doneSent},
		}, workflow.Completed, ""},
		"answer before its step": {[]happens{
			{"flow/start.v1", placeSent},
			{"orders/placed.v1", chargeSent + " " + giftSent},
			{"orders/ready.v1", ""},
			{"gift/packed.v1", ""},
			{"pay/charged.v1", doneSent},
		}, workflow.Completed, ""},
		"waiting": {[]happens{
			{"flow/start.v1", placeSent},
			{"orders/placed.v1", chargeSent + " " + giftSent},
		}, workflow.Running, "timeout:charge"},
		"waiting for the next": {[]happens{
			{"flow/start.v1", placeSent},
			{"orders/placed.v1", chargeSent + " " + giftSent},
			{"pay/charged.v1", ""},
		}, workflow.Running, "timeout:ready"},
		"started twice": {[]happens{
			{"flow/start.v1", placeSent},
			{"flow/start.v1", ""},
		}, workflow.Running, ""},
		"answered twice": {[]happens{
			{"flow/start.v1", placeSent},
			{"orders/placed.v1", chargeSent + " " + giftSent},
			{"orders/placed.v1", "unexpected"},
		}, workflow.Running, "timeout:charge"},
		"declined": {[]happens{
			{"flow/start.v1", placeSent},
			{"orders/placed.v1", chargeSent + " " + giftSent},
			{"pay/declined.v1", "cancel[cancel step charge: pay/declined.v1]flow:k@place/undo failed[failed step charge: pay/declined.v1]@"},
			{"pay/charged.v1", "unexpected"},
		}, workflow.Failed, ""},
		"undone in reverse": {[]happens{
			{"flow/start.v1", placeSent},
			{"orders/placed.v1", chargeSent + " " + giftSent},
			{"pay/charged.v1", ""},
			{"timer:ready", "refund[refund step ready: no answer within 1m0s]flow:k@charge/undo " +
				"cancel[cancel step ready: no answer within 1m0s]flow:k@place/undo failed[failed step ready: no answer within 1m0s]@"},
			{"orders/ready.v1", ""},
			{"timer:ready", ""},
		}, workflow.Failed, ""},
		"succeeded after the timeout": {[]happens{
			{"flow/start.v1", placeSent},
			{"orders/placed.v1", chargeSent + " " + giftSent},
			{"timer:charge", "cancel[cancel step charge: no answer within 30s]flow:k@place/undo failed[failed step charge: no answer within 30s]@"},
			{"pay/charged.v1", "refund[refund step charge: no answer within 30s]flow:k@charge/undo"},
			{"pay/charged.v1", "unexpected"},
			{"gift/packed.v1", ""},
		}, workflow.Failed, ""},
		"declined after the timeout": {[]happens{
			{"flow/start.v1", placeSent},
			{"orders/placed.v1", chargeSent + " " + giftSent},
			{"timer:charge", "cancel[cancel step charge: no answer within 30s]flow:k@place/undo failed[failed step charge: no answer within 30s]@"},
			{"pay/declined.v1", ""},
		}, workflow.Failed, ""},
		"timer of a step that was answered": {[]happens{
			{"flow/start.v1", placeSent},
			{"orders/placed.v1", chargeSent + " " + giftSent},
			{"pay/charged.v1", ""},
			{"timer:charge", ""},
		}, workflow.Running, "timeout:ready"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlay(t)
			for _, h := range test.story {
				out := p.send(h.what)
				got, refused := emitted(out), isClass(out.Err, engine.Unexpected)
				if refused {
					got = "unexpected"
				}
				if out.Err != nil && !refused || got != h.emits {
					t.Fatalf("%s emits\n  %s\nwant\n  %s\n(%v)", h.what, got, h.emits, out.Err)
				}
			}
			if i := p.instance(); i.Status != test.status || strings.Join(p.timers, " ") != test.timers {
				t.Errorf("status %s, timers %v; steps %v", i.Status, p.timers, i.Steps)
			}
		})
	}
}

func TestWorkflowIgnoresWhatIsNotItsOwn(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	if out := p.send("orders/ready.v1"); out.State != nil || out.Err != nil || len(out.Emissions) != 0 {
		t.Errorf("what happened to a key without an instance: %+v", out)
	}
	p.send("flow/start.v1")
	foreign := event.NewRoot("onex://test", wref("orders/placed.v1"), "k", []byte(`1`), time.Unix(0, 0))
	foreign.WorkflowID, foreign.StepID = "other:k", "place"
	if out := p.call(engine.Call{Event: foreign, State: p.state}); out.State != nil {
		t.Error("the answer to another workflow's step was taken")
	}
	wrongStep := foreign
	wrongStep.WorkflowID, wrongStep.StepID = "flow:k", "gift"
	if out := p.call(engine.Call{Event: wrongStep, State: p.state}); out.State != nil {
		t.Error("the answer to another step was taken")
	}
	plain := foreign
	plain.WorkflowID, plain.StepID = "", ""
	if out := p.call(engine.Call{Event: plain, State: p.state}); out.State == nil {
		t.Error("an answer of a producer that knows no workflows was not taken")
	}
}

// TestUnexpectedAnswers: an answer to an instance that is not there, and a second one, say so and change
// nothing; an event that answers nobody may come as often as it likes.
func TestUnexpectedAnswers(t *testing.T) {
	t.Parallel()
	refused := func(p *play, what, why string) {
		t.Helper()
		out := p.send(what)
		if !isClass(out.Err, engine.Unexpected) || !strings.Contains(out.Err.Error(), why) || out.State != nil || out.Emissions != nil {
			t.Errorf("%s: %+v", what, out)
		}
	}
	p := newPlay(t)
	refused(p, "orders/placed.v1", `step place of instance "k", which does not exist`)
	p.send("flow/start.v1")
	p.state = p.send("orders/placed.v1").State
	refused(p, "orders/placed.v1", `step place of instance "k", which is succeeded`)
	p.state = p.send("pay/charged.v1").State
	refused(p, "pay/declined.v1", `step charge of instance "k", which is succeeded`)
	p.state = p.send("orders/ready.v1").State
	if out := p.send("orders/ready.v1"); out.Err != nil || out.State != nil {
		t.Errorf("an event that was waited for, again: %+v", out)
	}
}

func TestWorkflowAnswersItsParent(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	start := event.NewRoot("onex://test", wref("flow/start.v1"), "k", []byte(`1`), time.Unix(0, 0))
	start.WorkflowID, start.StepID = "parent:7", "sub"
	p.call(engine.Call{Event: start})
	var last engine.Outcome
	for _, what := range []string{"orders/placed.v1", "pay/charged.v1", "gift/packed.v1", "orders/ready.v1"} {
		last = p.send(what)
	}
	if got := emitted(last); got != "done[completed]parent:7@sub" {
		t.Errorf("completion %s", got)
	}
}

func TestWorkflowErrors(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	bad := event.NewRoot("onex://test", wref("flow/start.v1"), "k", []byte(`"bad"`), time.Unix(0, 0))
	if out := p.call(engine.Call{Event: bad}); !isClass(out.Err, engine.Invalid) {
		t.Errorf("bad start: %v", out.Err)
	}
	p.send("flow/start.v1")
	bad = event.NewRoot("onex://test", wref("orders/placed.v1"), "k", []byte(`"bad"`), time.Unix(0, 0))
	if out := p.call(engine.Call{Event: bad, State: p.state}); !isClass(out.Err, engine.Invalid) {
		t.Errorf("bad answer: %v", out.Err)
	}
	if out := p.call(engine.Call{Event: bad, State: []byte(`{`)}); !isClass(out.Err, engine.PermanentFailure) {
		t.Errorf("broken state: %v", out.Err)
	}
	wf, b := shop()
	b.Send["place"] = func(context.Context, []byte) (string, Payload, error) { return "k", text("invalid"), nil }
	routes := Orchestrate(wf, b, map[event.Ref]func([]byte) error{wf.Start: anyJSON})
	start := event.NewRoot("onex://test", wf.Start, "k", []byte(`1`), time.Unix(0, 0))
	if out := routes[wf.Start](t.Context(), engine.Call{Event: start}); !isClass(out.Err, engine.PermanentFailure) {
		t.Errorf("invalid command: %v", out.Err)
	}
}

func isClass(err error, class engine.Class) bool {
	c, ok := errors.AsType[engine.Classified](err)
	return ok && c.DeadLetterClass() == class
}
