package workflow_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/workflow"
)

// shop is a definition with a step of each kind.
func shop() workflow.Definition {
	return workflow.Definition{
		Start: "flow/start.v1", Completed: "flow/done.v1", Failed: "flow/failed.v1",
		Steps: []workflow.Step{
			{Name: "place", Send: "orders/place.v1", Success: []string{"orders/placed.v1"}, Undo: "orders/cancel.v1"},
			{Name: "charge", After: []string{"place"}, Send: "pay/charge.v1", Success: []string{"pay/charged.v1"}, Failure: []string{"pay/declined.v1"}, Timeout: workflow.Duration(30 * time.Second)},
			{Name: "rest", After: []string{"charge"}, Delay: workflow.Duration(time.Hour)},
		},
	}
}

func TestDefinitionIsKnownByItsHash(t *testing.T) {
	t.Parallel()
	data, hash, err := shop().Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := workflow.Parse(data, hash)
	if err != nil || fmt.Sprint(again) != fmt.Sprint(shop()) {
		t.Errorf("%+v, %v", again, err)
	}
	other := shop()
	other.Steps[1].Timeout++
	if _, changed, err := other.Encode(); err != nil || changed == hash {
		t.Errorf("another definition has the same hash, %v", err)
	}
	moved := shop()
	moved.Steps[1].Replaces = []string{"pay"}
	if _, same, err := moved.Encode(); err != nil || same != hash {
		t.Errorf("what a step replaces counts for the hash, %v", err)
	}
	if _, err := workflow.Parse(append(data, ' '), hash); err == nil {
		t.Error("a definition under the hash of another was read")
	}
}

func TestHostileDefinition(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*workflow.Definition){
		"no start":    func(d *workflow.Definition) { d.Start = "" },
		"no message":  func(d *workflow.Definition) { d.Steps[0].Send = "; DROP TABLE state" },
		"no answer":   func(d *workflow.Definition) { d.Steps[0].Success = []string{"x"} },
		"in the past": func(d *workflow.Definition) { d.Steps[2].Delay = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := shop()
			spoil(&d)
			data, hash, err := d.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := workflow.Parse(data, hash); err == nil {
				t.Error("was read")
			}
		})
	}
}

// counts is what a store says of the instances of a definition.
func counts(hash string, statuses map[string]int, steps map[string]map[string]int) []engine.StepCount {
	var list []engine.StepCount
	for status, n := range statuses {
		list = append(list, engine.StepCount{Definition: hash, Status: status, N: n})
	}
	for step, states := range steps {
		for state, n := range states {
			list = append(list, engine.StepCount{Definition: hash, Status: workflow.Running, Step: step, State: state, N: n})
		}
	}
	return list
}

func TestPlan(t *testing.T) {
	t.Parallel()
	all := map[string]map[string]int{"place": {"succeeded": 10}, "charge": {"sent": 4, "succeeded": 6}, "rest": {"sent": 1}}
	late := map[string]map[string]int{"place": {"succeeded": 10}, "charge": {"succeeded": 10}, "rest": {"sent": 10}}
	for name, test := range map[string]struct {
		now   func(*workflow.Definition)
		steps map[string]map[string]int
		want  string // step verdict instances, of those that are not kept
	}{
		"another timeout":      {func(d *workflow.Definition) { d.Steps[1].Timeout = 0 }, all, "charge changed 4"},
		"another order":        {func(d *workflow.Definition) { d.Steps[2].After = nil }, all, "rest changed 10"},
		"step added":           {func(d *workflow.Definition) { d.Steps = append(d.Steps, workflow.Step{Name: "new", Delay: 1}) }, all, ""},
		"step removed":         {func(d *workflow.Definition) { d.Steps = d.Steps[:2] }, all, "rest refused 9"},
		"waited for, removed":  {func(d *workflow.Definition) { d.Steps = append(d.Steps[:1:1], d.Steps[2]) }, all, "charge refused 4"},
		"passed, removed":      {func(d *workflow.Definition) { d.Steps = append(d.Steps[:1:1], d.Steps[2]) }, late, "charge changed 0"},
		"passed, has an undo":  {func(d *workflow.Definition) { d.Steps = d.Steps[1:] }, late, "place refused 10"},
		"undo gone":            {func(d *workflow.Definition) { d.Steps[0].Undo = "" }, late, "place refused 10"},
		"sends another, ahead": {func(d *workflow.Definition) { d.Steps[1].Send = "pay/charge.v2" }, map[string]map[string]int{"place": {"sent": 10}}, "charge refused 10"},
		"sends another, past":  {func(d *workflow.Definition) { d.Steps[1].Send = "pay/charge.v2" }, late, "charge changed 0"},
		"answer gone":          {func(d *workflow.Definition) { d.Steps[1].Failure = nil }, all, "charge refused 4"},
		"replaced": {func(d *workflow.Definition) {
			d.Steps[1] = workflow.Step{Name: "pay", Send: "pay/pay.v1", Success: []string{"pay/charged.v1", "pay/declined.v1"}, Replaces: []string{"charge"}}
		}, all, "charge replaced 4"},
		"replaces itself": {func(d *workflow.Definition) {
			d.Steps[0].Undo, d.Steps[0].Replaces = "orders/revoke.v1", []string{"place"}
		}, all, "place replaced 10"},
		"ends otherwise": {func(d *workflow.Definition) { d.Failed = "flow/broken.v1" }, all, " refused 10"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stored, now := shop(), shop()
			_, hash, _ := stored.Encode()
			test.now(&now)
			plan, err := workflow.NewPlan(now, counts(hash, map[string]int{workflow.Running: 10}, test.steps),
				func(string) (workflow.Definition, error) { return stored, nil })
			if err != nil {
				t.Fatal(err)
			}
			var said []string
			refused := 0
			for _, d := range plan.Definitions {
				for _, f := range d.Steps {
					if f.Verdict != workflow.Kept {
						said = append(said, fmt.Sprintf("%s %s %d", f.Step, f.Verdict, f.Instances))
					}
					if f.Verdict == workflow.Refused {
						refused++
					}
					if (f.Remedy != "") != (f.Verdict == workflow.Refused) {
						t.Errorf("finding %+v has a remedy, or none", f)
					}
				}
			}
			if got := strings.Join(said, ", "); got != test.want || len(plan.Refused()) != refused {
				t.Errorf("plan says %q, want %q", got, test.want)
			}
		})
	}
}

// TestPlanOfOwnInstances: those of the program's own definition, and those that have ended, need no verdict.
func TestPlanOfOwnInstances(t *testing.T) {
	t.Parallel()
	_, hash, _ := shop().Encode()
	plan, err := workflow.NewPlan(shop(), counts(hash, map[string]int{workflow.Running: 3}, nil), nil)
	if err != nil || len(plan.Definitions) != 1 || plan.Definitions[0].Steps != nil || len(plan.Refused()) != 0 {
		t.Errorf("%+v, %v", plan, err)
	}
}

// TestUndoingInstancesTakeNoFurtherStep: but they have to undo those that succeeded.
func TestUndoingInstancesTakeNoFurtherStep(t *testing.T) {
	t.Parallel()
	stored, now := shop(), shop()
	_, hash, _ := stored.Encode()
	now.Steps = now.Steps[:2]
	now.Steps[0].Undo = ""
	list := []engine.StepCount{
		{Definition: hash, Status: workflow.Undoing, N: 2},
		{Definition: hash, Status: workflow.Undoing, Step: "place", State: workflow.Succeeded, N: 2},
	}
	plan, err := workflow.NewPlan(now, list, func(string) (workflow.Definition, error) { return stored, nil })
	if err != nil {
		t.Fatal(err)
	}
	refused := plan.Refused()
	if len(refused) != 1 || refused[0].Step != "place" || refused[0].Instances != 2 {
		t.Errorf("refused: %+v", refused)
	}
}

func TestAsk(t *testing.T) {
	t.Parallel()
	for _, ask := range []workflow.Ask{{Cancel: true}, {Number: 1}, {Step: "charge", Number: 12}} {
		if got, ok := workflow.ParseAsk(ask.String()); !ok || got != ask {
			t.Errorf("%+v becomes %+v, %t", ask, got, ok)
		}
	}
	for _, name := range []string{"", "retry", "timeout:cancel", "ask:", "ask:retry", "ask:retry:x:y", "ask:other:1:a"} {
		if _, ok := workflow.ParseAsk(name); ok {
			t.Errorf("timer %q is an ask", name)
		}
	}
}

func TestReadInstance(t *testing.T) {
	t.Parallel()
	i, err := workflow.Read([]byte(`{"key":"k"}`))
	if err != nil || i.Steps == nil || i.Answers == nil {
		t.Errorf("%+v, %v", i, err)
	}
	if _, err := workflow.Read([]byte(`{`)); err == nil {
		t.Error("half an instance was read")
	}
	if _, err := json.Marshal(i); err != nil {
		t.Error(err)
	}
}
