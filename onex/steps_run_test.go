package onex_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/internal/provision"
	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// pause is long enough for a process to be killed in it and started again.
const pause = 3 * time.Second

// patient describes an orchestrator whose only step is a delay.
func patient(name string) onex.Node {
	return orchestrator(name, &onex.Workflow{
		Start: ref(name, "start"), Completed: ref(name, "done"), Failed: ref(name, "failed"),
		Steps: []onex.Step{{Name: "cool_off", Delay: pause}},
	})
}

// TestDelayOutlivesItsProcess: a delay that began in a process which was killed ends in the next one,
// no sooner than declared, and once.
func TestDelayOutlivesItsProcess(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("kills a process and waits for a delay")
	}
	f := setup(t)
	node := patient(f.name("patient"))
	env := f.env([]onex.Node{node}, "a")
	done := topicOf(event.Event, ref(node.Name, "done"))
	f.topic(topicOf(event.Command, ref(node.Name, "start")), done)
	cmd := f.child(node, env)
	const instances = 5
	begun := time.Now()
	for i := range instances {
		f.produce(root(event.Command, ref(node.Name, "start"), fmt.Sprint("k", i), number{N: i}))
	}
	f.eventually("all delays have begun", func() error {
		var started int
		query := fmt.Sprintf(`SELECT count(*) FROM %q.state`, provision.Schema(node.Name))
		if err := f.db.QueryRow(t.Context(), query).Scan(&started); err != nil || started != instances {
			return fmt.Errorf("%d instances: %w", started, err)
		}
		return nil
	})
	cmd = f.killed(cmd, node, env)
	ends := map[string]string{}
	for _, rec := range f.collect(instances, done) {
		if wait := rec.Timestamp.Sub(begun); wait < pause {
			t.Errorf("a delay ended %s after the first could begin, want %s", wait, pause)
		}
		ends[string(rec.Key)] = header(rec, "ce_id")
	}
	if len(ends) != instances {
		t.Errorf("%d instances ended, want %d: %v", len(ends), instances, ends)
	}
	f.terminate(cmd)
}

// parent describes an orchestrator whose first step is the whole workflow of another one.
func parent(name, child string) onex.Node {
	return orchestrator(name, &onex.Workflow{
		Start: ref(name, "start"), Completed: ref(name, "done"), Failed: ref(name, "failed"),
		Steps: []onex.Step{
			{Name: "sub", Send: ref(child, "start"), Success: []event.Ref{ref(child, "done")}, Failure: []event.Ref{ref(child, "failed")}},
			{Name: "rest", After: []string{"sub"}, Delay: 10 * time.Millisecond},
		},
	})
}

// TestSubWorkflow: a workflow that another one starts as its step completes it or fails it, and
// answers nobody else.
func TestSubWorkflow(t *testing.T) {
	t.Parallel()
	f := setup(t)
	outer, inner, hand := f.name("outer"), f.name("inner"), f.name("hand")
	f.start("a", parent(outer, inner), flow(inner, hand, 2*time.Second), echo(onex.Effect, hand, engine.RetryPolicy{}, func(in onex.Input[number]) error {
		if in.Data.N == 13 && in.Event.StepID == "second" {
			return onex.Permanent(errors.New("refuses to answer"))
		}
		return nil
	}))
	f.produce(
		root(event.Command, ref(outer, "start"), "good", number{N: 7}),
		root(event.Command, ref(outer, "start"), "bad", number{N: 13}),
		root(event.Command, ref(inner, "start"), "alone", number{N: 5}),
	)
	done := f.collect(1, topicOf(event.Event, ref(outer, "done")))[0]
	if n, err := decodeNumber(done.Value); err != nil || n.N != 7 || header(done, "ce_workflowid") != "" {
		t.Errorf("done %+v, workflow %q: %v", n, header(done, "ce_workflowid"), err)
	}
	failed := f.collect(1, topicOf(event.Event, ref(outer, "failed")))[0]
	if n, err := decodeNumber(failed.Value); err != nil || n.N != 13 || n.ID != "step sub: "+ref(inner, "failed").String() {
		t.Errorf("failed %+v: %v", n, err)
	}
	for _, rec := range f.collect(2, topicOf(event.Event, ref(inner, "done"))) {
		n, err := decodeNumber(rec.Value)
		at := header(rec, "ce_workflowid") + " " + header(rec, "ce_stepid")
		if want := map[int]string{7: outer + ":good sub", 5: " "}[n.N]; err != nil || at != want {
			t.Errorf("inner workflow %d answers %q, want %q: %v", n.N, at, want, err)
		}
	}
}

// rested describes an orchestrator whose second step comes after a delay.
func rested(name, worker string, change func(wf *onex.Workflow)) onex.Node {
	wf := &onex.Workflow{
		Start: ref(name, "start"), Completed: ref(name, "done"), Failed: ref(name, "failed"),
		Steps: []onex.Step{
			{Name: "first", Send: ref(worker, "ask"), Success: []event.Ref{ref(worker, "answer")}},
			{Name: "rest", After: []string{"first"}, Delay: time.Second},
			{Name: "second", After: []string{"rest"}, Send: ref(worker, "ask"), Success: []event.Ref{ref(worker, "answer")}},
		},
	}
	change(wf)
	return orchestrator(name, wf)
}

// TestNewerVersionContinuesInstances: an instance that a process of an older version began goes on by its
// definition in one of a newer version, which begins others by its own.
func TestNewerVersionContinuesInstances(t *testing.T) {
	t.Parallel()
	f := setup(t)
	name, hand := f.name("flow"), f.name("hand")
	worker := echo(onex.Effect, hand, engine.RetryPolicy{}, succeed)
	f.start("hand", worker)
	older := rested(name, hand, func(wf *onex.Workflow) { wf.Steps[1].Delay = 2 * time.Second })
	r := f.start("a", older)
	const instances = 20
	for i := range instances {
		f.produce(root(event.Command, ref(name, "start"), fmt.Sprint("old-", i), number{N: i}))
	}
	f.resting(name, instances)
	r.halt()
	newer := rested(name, hand, func(wf *onex.Workflow) {
		wf.Steps[1].Delay = time.Hour
		wf.Steps = append(wf.Steps, onex.Step{Name: "never", After: []string{"rest"}, Delay: time.Hour})
	})
	f.start("a", newer)
	f.produce(root(event.Command, ref(name, "start"), "new", number{N: 99}))
	seen := map[string]bool{}
	for _, rec := range f.collect(instances, topicOf(event.Event, ref(name, "done"))) {
		seen[string(rec.Key)] = true
	}
	if len(seen) != instances || seen["worker-new"] {
		t.Errorf("%d instances ended: %v", len(seen), seen)
	}
	var definitions int
	if err := f.db.QueryRow(t.Context(), fmt.Sprintf(`SELECT count(*) FROM %q.workflow`, provision.Schema(name))).Scan(&definitions); err != nil || definitions != 2 {
		t.Errorf("%d definitions are stored, %v", definitions, err)
	}
	var running int
	if err := f.db.QueryRow(t.Context(), fmt.Sprintf(`SELECT count(*) FROM %q.instance WHERE status = 'running'`, provision.Schema(name))).Scan(&running); err != nil || running != 1 {
		t.Errorf("%d instances run, %v", running, err)
	}
}

// resting waits until n instances of a node wait for a delay.
func (f *fixture) resting(node string, n int) {
	f.t.Helper()
	query := fmt.Sprintf(`SELECT count(*) FROM %q.timer WHERE name = 'delay:rest'`, provision.Schema(node))
	f.eventually("instances wait for a delay", func() error {
		var waiting int
		if err := f.db.QueryRow(f.t.Context(), query).Scan(&waiting); err != nil || waiting != n {
			return fmt.Errorf("%d instances: %w", waiting, err)
		}
		return nil
	})
}

// TestVersionThatCannotGoOnIsRefused: a process whose workflow lacks a step that instances can still reach
// does not start, and says which and what to do; once they have ended, or if it says what replaces the step, it does.
func TestVersionThatCannotGoOnIsRefused(t *testing.T) {
	t.Parallel()
	f := setup(t)
	name, hand := f.name("flow"), f.name("hand")
	f.start("hand", echo(onex.Effect, hand, engine.RetryPolicy{}, succeed))
	same := func(*onex.Workflow) {}
	r := f.start("a", rested(name, hand, func(wf *onex.Workflow) { wf.Steps[1].Delay = time.Hour }))
	f.produce(root(event.Command, ref(name, "start"), "k", number{N: 1}))
	f.resting(name, 1)
	r.halt()
	renamed := func(replaces ...string) onex.Node {
		return rested(name, hand, func(wf *onex.Workflow) { wf.Steps[2].Name, wf.Steps[2].Replaces = "third", replaces })
	}
	env := f.env([]onex.Node{renamed()}, "a")
	refused := f.launch(env, renamed())
	<-refused.done
	wrong, ok := errors.AsType[*onex.Error](refused.err)
	if !ok || wrong.Code != onex.CodeWorkflow || !strings.Contains(wrong.Error(), "step second") || !strings.Contains(wrong.Error(), "keep it until") || wrong.Remedy == "" {
		t.Fatalf("process ended with %v", refused.err)
	}
	f.start("a", renamed("second")).halt()
	f.start("a", rested(name, hand, same)).halt()
}
