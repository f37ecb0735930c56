package onex

import (
	"context"
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

// brittle is the shop's workflow with builders that fail as long as err is set.
func brittle(t *testing.T, err *error, which func(*Builders) map[string]Build, step string) *play {
	t.Helper()
	return playOf(t, func() (*Workflow, Builders) {
		wf, b := shop()
		good := which(&b)[step]
		which(&b)[step] = func(ctx context.Context, instance []byte) (string, Payload, error) {
			if *err != nil {
				return "", nil, *err
			}
			return good(ctx, instance)
		}
		return wf, b
	})
}

func sends(b *Builders) map[string]Build { return b.Send }
func undos(b *Builders) map[string]Build { return b.Undo }

// timer fires a timer of the instance.
func (p *play) timer(name, note string) engine.Outcome {
	p.t.Helper()
	return p.call(engine.Call{
		State: p.state, Timer: name, Note: note, Now: time.Unix(9, 0),
		Event: event.Envelope{ID: "timer " + name, PartitionKey: "k", Type: wref("flow/start.v1")},
	})
}

func (p *play) expect(what string, out engine.Outcome, emits, status string, timers ...string) {
	p.t.Helper()
	i := p.instance()
	if got := emitted(out); out.Err != nil || got != emits || i.Status != status || !slices.Equal(p.timers, timers) {
		p.t.Fatalf("%s emits\n  %s\nwant\n  %s\nstatus %s, want %s, timers %v, want %v, stuck %+v (%v)", what, got, emits, i.Status, status, p.timers, timers, i.Stuck, out.Err)
	}
}

const (
	cancelSent = "cancel[cancel step charge: pay/declined.v1]flow:k@place/undo"
	failedSent = "failed[failed step charge: pay/declined.v1]@"
)

// TestUndoIsTriedAgain: an undo that cannot be built is tried again, the end is told behind it, and when
// attempts end the instance waits for a person, who has it tried once more.
func TestUndoIsTriedAgain(t *testing.T) {
	t.Parallel()
	broken := errors.New("not now")
	p := brittle(t, &broken, undos, "place")
	p.send("flow/start.v1")
	p.send("orders/placed.v1")
	p.expect("failure", p.send("pay/declined.v1"), "", workflow.Undoing, retryTimer)
	for range stuckPolicy().Attempts - 2 {
		p.expect("attempt", p.timer(retryTimer, ""), "", workflow.Undoing, retryTimer)
	}
	p.expect("last attempt", p.timer(retryTimer, ""), "", workflow.Halted)
	if s := p.instance().Stuck; s == nil || s.Step != "place" || !s.Undo || s.Attempts != 5 || !strings.Contains(s.Error, "not now") {
		t.Errorf("stuck: %+v", s)
	}
	p.expect("a person, too early", p.timer(workflow.Ask{Number: 1}.String(), "ann"), "", workflow.Undoing, retryTimer)
	broken = nil
	p.expect("a person", p.timer(workflow.Ask{Number: 2}.String(), "ann"), cancelSent+" "+failedSent, workflow.Failed)
	if out := p.timer(retryTimer, ""); out.State != nil {
		t.Error("a timer of what is over changed something")
	}
}

// TestUndoThatIsUselessToTry: is left to a person at once.
func TestUndoThatIsUselessToTry(t *testing.T) {
	t.Parallel()
	broken := Permanent(errors.New("never"))
	p := brittle(t, &broken, undos, "place")
	p.send("flow/start.v1")
	p.send("orders/placed.v1")
	p.expect("failure", p.send("pay/declined.v1"), "", workflow.Halted)
}

// TestStepThatCannotBeSent: halts its branch; the others go on, and a person has it sent.
func TestStepThatCannotBeSent(t *testing.T) {
	t.Parallel()
	broken := Permanent(errors.New("no price"))
	p := brittle(t, &broken, sends, "charge")
	p.send("flow/start.v1")
	p.expect("placed", p.send("orders/placed.v1"), giftSent, workflow.Halted)
	p.expect("another branch", p.send("gift/packed.v1"), "", workflow.Halted)
	broken = nil
	p.expect("a person", p.timer(workflow.Ask{Number: 1}.String(), "ann: fixed"), chargeSent, workflow.Running, "timeout:charge")
	p.send("pay/charged.v1")
	p.expect("ready", p.send("orders/ready.v1"), doneSent, workflow.Completed)
}

// TestCancel: what succeeded is undone, the end told, and what answers later is undone as well.
func TestCancel(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.send("flow/start.v1")
	p.send("orders/placed.v1")
	const why = "cancelled by ann: wrong card"
	p.expect("cancel", p.timer(workflow.Ask{Cancel: true}.String(), "ann: wrong card"),
		"cancel[cancel "+why+"]flow:k@place/undo failed[failed "+why+"]@", workflow.Cancelled)
	if out := p.timer(workflow.Ask{Cancel: true}.String(), "bob"); out.State != nil || out.Err != nil {
		t.Errorf("cancelled twice: %+v", out)
	}
	p.expect("late", p.send("pay/charged.v1"), "refund[refund "+why+"]flow:k@charge/undo", workflow.Cancelled)
}

// TestCancelOfWhatIsOver changes nothing, and neither does one of an instance that is not there.
func TestCancelOfWhatIsOver(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	if out := p.timer(workflow.Ask{Cancel: true}.String(), "ann"); out.State != nil || out.Err != nil {
		t.Errorf("no instance: %+v", out)
	}
	for _, what := range []string{"flow/start.v1", "orders/placed.v1", "pay/charged.v1", "gift/packed.v1", "orders/ready.v1"} {
		p.send(what)
	}
	if out := p.timer(workflow.Ask{Cancel: true}.String(), "ann"); out.State != nil || out.Err != nil {
		t.Errorf("completed: %+v", out)
	}
}

// TestRetryOfAStep: a command whose answer does not come is sent again, as often as a person asks, but
// not one that was answered.
func TestRetryOfAStep(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.send("flow/start.v1")
	p.expect("retry", p.timer(workflow.Ask{Step: "place", Number: 1}.String(), "ann"), placeSent, workflow.Running)
	p.expect("retry", p.timer(workflow.Ask{Step: "place", Number: 2}.String(), "ann"), placeSent, workflow.Running)
	p.send("orders/placed.v1")
	for _, step := range []string{"place", "ready", "none", ""} {
		if out := p.timer(workflow.Ask{Step: step, Number: 3}.String(), "ann"); out.State != nil || out.Err != nil {
			t.Errorf("step %q: %+v", step, out)
		}
	}
}

// TestStateThatIsTooLarge: a start is refused, and an answer fails the instance, which is undone.
func TestStateThatIsTooLarge(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	large := []byte(`"` + strings.Repeat("x", 500<<10) + `"`)
	send := func(typ, step string, data []byte) engine.Outcome {
		e := event.NewRoot("onex://test", wref(typ), "k", data, time.Unix(0, 0))
		if step != "" {
			e.WorkflowID, e.StepID = "flow:k", step
		}
		return p.call(engine.Call{Event: e, State: p.state})
	}
	if out := send("flow/start.v1", "", []byte(`"`+strings.Repeat("x", maxState)+`"`)); !isClass(out.Err, engine.TooLarge) || out.State != nil {
		t.Fatalf("start: %v", out.Err)
	}
	p.send("flow/start.v1")
	if out := send("orders/placed.v1", "place", large); out.Err != nil {
		t.Fatal(out.Err)
	}
	out := send("pay/charged.v1", "charge", large)
	if out.Err != nil || p.instance().Status != workflow.Failed || !strings.Contains(p.instance().Reason, "at most") {
		t.Fatalf("answer: status %s, reason %.80s, %v", p.instance().Status, p.instance().Reason, out.Err)
	}
	if got := emitted(out); !strings.HasPrefix(got, "cancel[") || !strings.Contains(got, " failed[") || len(p.state) > maxState {
		t.Errorf("emits %.200s, state of %d bytes", got, len(p.state))
	}
}

// TestTrail: an instance remembers what happened to it, when, and because of what.
func TestTrail(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.send("flow/start.v1")
	p.send("orders/placed.v1")
	p.timer("timeout:charge", "")
	var got []string
	for _, m := range p.instance().Trail {
		got = append(got, strings.TrimPrefix(m.Step+" "+m.Was, " "))
	}
	want := []string{"started", "place sent", "place succeeded", "charge sent", "gift sent", "place undone", "failed"}
	if !slices.Equal(got, want) {
		t.Errorf("trail %q, want %q", got, want)
	}
	if last := p.instance().Trail[5]; last.By != "timer timeout:charge" || !last.At.Equal(time.Unix(9, 0)) {
		t.Errorf("mark %+v", last)
	}
}

// later plays an instance that began with the shop's workflow in a program with another one.
func (p *play) later(change func(*Workflow, *Builders)) *play {
	p.t.Helper()
	old, _ := shop()
	wf, b := shop()
	change(wf, &b)
	q := playOf(p.t, func() (*Workflow, Builders) { return wf, b })
	data, hash, err := old.Definition().Encode()
	if err != nil {
		p.t.Fatal(err)
	}
	q.routes = definedBy(q.routes, newDefinitions(func(_ context.Context, wanted string) ([]byte, error) {
		if wanted != hash {
			return nil, fmt.Errorf("definition %s is not there", wanted)
		}
		return data, nil
	}))
	q.state, q.timers = p.state, p.timers
	return q
}

// TestInstanceKeepsItsDefinition: in a program whose workflow has other steps, in another order and with
// other times, an instance goes on as it began; a new one does not.
func TestInstanceKeepsItsDefinition(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.send("flow/start.v1")
	newer := func(wf *Workflow, _ *Builders) {
		wf.Steps[1].Timeout = 0
		wf.Steps[3].After = nil
		wf.Steps = append(wf.Steps, Step{Name: "rest", Delay: time.Hour})
	}
	q := p.later(newer)
	q.expect("placed", q.send("orders/placed.v1"), chargeSent+" "+giftSent, workflow.Running, "timeout:charge")
	q.send("pay/charged.v1")
	q.send("gift/packed.v1")
	q.expect("ready", q.send("orders/ready.v1"), doneSent, workflow.Completed)
	fresh := newPlay(t).later(newer)
	fresh.expect("start", fresh.send("flow/start.v1"), placeSent+" "+giftSent, workflow.Running, "delay:rest")
}

// TestStepThatIsGone: a program that cannot take a step of an instance halts it, and one that can goes on.
func TestStepThatIsGone(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.send("flow/start.v1")
	q := p.later(func(wf *Workflow, _ *Builders) { wf.Steps = append(wf.Steps[:1:1], wf.Steps[2:]...) })
	q.expect("placed", q.send("orders/placed.v1"), giftSent, workflow.Halted)
	p.state = q.state
	p.expect("a person", p.timer(workflow.Ask{Number: 1}.String(), "ann"), chargeSent, workflow.Running, "timeout:charge")
}

// TestStepThatIsReplaced: an instance that has yet to take a step takes the one that replaces it, and so does
// its undo; one that took it in a program that has moved on since keeps what it took.
func TestStepThatIsReplaced(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.send("flow/start.v1")
	q := p.later(func(wf *Workflow, b *Builders) {
		wf.Steps[1] = Step{
			Name: "pay", After: []string{"place"}, Send: wref("pay/pay.v2"), Success: []event.Ref{wref("pay/charged.v1")},
			Undo: wref("pay/give-back.v2"), Replaces: []string{"charge"},
		}
		wf.Steps[2].After = []string{"pay"}
		b.Send["pay"], b.Undo["pay"] = b.Send["charge"], b.Undo["charge"]
		delete(b.Send, "charge")
		delete(b.Undo, "charge")
	})
	q.expect("placed", q.send("orders/placed.v1"), "pay[charge]flow:k@charge "+giftSent, workflow.Running)
	q.expect("paid", q.send("pay/charged.v1"), "", workflow.Running, "timeout:ready")
	const why = "step ready: no answer within 1m0s"
	q.expect("timeout", q.timer("timeout:ready", ""),
		"give-back[refund "+why+"]flow:k@charge/undo cancel[cancel "+why+"]flow:k@place/undo failed[failed "+why+"]@", workflow.Failed)
}

// TestDefinitionThatCannotBeRead: the store says nothing about the input, which is tried again; a definition
// that is not what its hash says is a dead letter.
func TestDefinitionThatCannotBeRead(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.send("flow/start.v1")
	for name, load := range map[string]func(context.Context, string) ([]byte, error){
		"no answer": func(context.Context, string) ([]byte, error) { return nil, errors.New("connection refused") },
		"forged":    func(context.Context, string) ([]byte, error) { return []byte(`{}`), nil },
	} {
		wf, b := shop()
		wf.Steps[1].Timeout = 0
		routes := definedBy(Orchestrate(wf, b, map[event.Ref]func([]byte) error{}), newDefinitions(load))
		e := event.NewRoot("onex://test", wref("orders/placed.v1"), "k", []byte(`1`), time.Unix(0, 0))
		out := routes[e.Type](t.Context(), engine.Call{Event: e, State: p.state})
		if engine.IsUnavailable(out.Err) != (name == "no answer") || isClass(out.Err, engine.PermanentFailure) != (name == "forged") {
			t.Errorf("%s: %v", name, out.Err)
		}
	}
}
