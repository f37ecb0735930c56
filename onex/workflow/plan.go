package workflow

import (
	"fmt"
	"slices"
	"strings"

	"github.com/omninode-ai/omninode/onex/engine"
)

// Verdict says what becomes of a step of a stored definition under a program.
type Verdict string

// The verdicts.
const (
	Kept     Verdict = "kept"
	Changed  Verdict = "changed"  // in what instances carry with them: they keep it as it was
	Replaced Verdict = "replaced" // by a step that says so
	Refused  Verdict = "refused"  // instances that can still reach it could not go on
)

// Tally counts the live instances of a definition by what each step is doing in them.
type Tally struct {
	Instances int
	States    map[string]map[string]int // by step and state; "" is not begun
}

// Finding is the verdict on one step, or on the ends of the workflow if Step is "".
type Finding struct {
	Step      string  `json:"step"`
	Verdict   Verdict `json:"verdict"`
	Why       string  `json:"why,omitempty"`
	Remedy    string  `json:"remedy,omitempty"`
	Instances int     `json:"instances"` // that can still reach it
}

// Compare says what becomes of the live instances of a stored definition under a program whose workflow
// is now: one finding for each step. Only what an instance can still reach is refused.
func Compare(stored, now Definition, tally Tally) []Finding {
	var list []Finding
	for _, s := range stored.Steps {
		list = append(list, compareStep(s, now, tally))
	}
	ends := Finding{Verdict: Kept, Instances: tally.Instances}
	for _, e := range [][3]string{{"completed", stored.Completed, now.Completed}, {"failed", stored.Failed, now.Failed}} {
		if e[1] != e[2] && tally.Instances > 0 {
			ends.Verdict, ends.Why = Refused, fmt.Sprintf("%s is %s now, instances end with %s", e[0], e[2], e[1])
			ends.Remedy = "keep it until no instance of the definition runs"
		}
	}
	if ends.Verdict != Kept {
		list = append(list, ends)
	}
	return list
}

func compareStep(s Step, now Definition, tally Tally) Finding {
	states := tally.States[s.Name]
	ahead, waiting, done := states[""]+states[Early], states[Sent], states[Succeeded]
	next, moved, ok := now.Successor(s.Name)
	f := Finding{Step: s.Name, Verdict: Kept, Instances: ahead + waiting}
	undo := s.Undo != "" && (!ok || next.Undo == "" || next.Undo != s.Undo && !moved)
	if s.Undo != "" {
		f.Instances += done
	}
	unread := now.unread(slices.Concat(s.Success, s.Failure))
	switch {
	case ahead > 0 && !ok:
		f.refuse(ahead, "has yet to take it, and it is gone",
			"keep it until no instance has yet to take it, or let the step that takes its part say replaces: ["+s.Name+"]")
	case ahead > 0 && !moved && next.Send != s.Send:
		f.refuse(ahead, fmt.Sprintf("has yet to take it, and it sends %s in place of %s", orNothing(next.Send), orNothing(s.Send)),
			"send the new command from a new step, and keep this one until no instance has yet to take it, or let it say replaces: ["+s.Name+"]")
	case waiting > 0 && len(unread) > 0, ahead > 0 && !moved && len(unread) > 0:
		f.refuse(ahead+waiting, "waits for "+strings.Join(unread, ", ")+", which is not read any more", "keep the answers until none waits")
	case undo && ahead+waiting+done > 0:
		f.refuse(ahead+waiting+done, "may have to undo it by "+s.Undo, "keep the undo until none runs")
	case moved:
		f.Verdict, f.Why = Replaced, fmt.Sprintf("by %s: who has yet to take it takes that", next.Name)
	case !ok:
		f.Verdict, f.Why = Changed, "gone; no instance reaches it any more"
	default:
		if what := changed(s, next); what != "" {
			f.Verdict, f.Why = Changed, what+": instances keep theirs"
		}
	}
	return f
}

func (f *Finding) refuse(n int, why, remedy string) {
	noun := "1 instance "
	if n != 1 {
		noun = fmt.Sprintf("each of %d instances ", n)
	}
	f.Verdict, f.Why, f.Remedy, f.Instances = Refused, noun+why, remedy, n
}

func orNothing(ref string) string {
	if ref == "" {
		return "nothing"
	}
	return ref
}

// unread returns which events nobody reads under a definition.
func (d Definition) unread(refs []string) []string {
	return slices.DeleteFunc(slices.Clone(refs), func(ref string) bool {
		return slices.ContainsFunc(d.Steps, func(s Step) bool {
			return slices.Contains(s.Success, ref) || slices.Contains(s.Failure, ref)
		})
	})
}

// changed names what differs of what an instance carries with it.
func changed(a, b Step) string {
	var what []string
	for _, p := range []struct {
		name string
		same bool
	}{
		{"after", slices.Equal(a.After, b.After)},
		{"send", a.Send == b.Send},
		{"success", slices.Equal(a.Success, b.Success)},
		{"failure", slices.Equal(a.Failure, b.Failure)},
		{"undo", a.Undo == b.Undo},
		{"timeout", a.Timeout == b.Timeout},
		{"delay", a.Delay == b.Delay},
	} {
		if !p.same {
			what = append(what, p.name)
		}
	}
	return strings.Join(what, ", ")
}

// Plan is what becomes of every live instance under a program.
type Plan struct {
	Now         string `json:"definition"` // hash of the program's
	Definitions []Fate `json:"definitions"`
}

// Fate is what becomes of the live instances of one definition.
type Fate struct {
	Definition string         `json:"definition"` // hash
	Instances  map[Status]int `json:"instances"`
	Steps      []Finding      `json:"steps,omitempty"` // of another definition than the program's
}

// Refused returns the findings that keep the program from starting.
func (p Plan) Refused() []Finding {
	var list []Finding
	for _, d := range p.Definitions {
		for _, f := range d.Steps {
			if f.Verdict == Refused {
				list = append(list, f)
			}
		}
	}
	return list
}

// LiveStatuses returns the statuses of instances that have not ended.
func LiveStatuses() []Status { return []Status{Running, Undoing, Halted} }

// NewPlan plans the live instances that counts tells of; find returns a stored definition.
func NewPlan(now Definition, counts []engine.StepCount, find func(hash string) (Definition, error)) (Plan, error) {
	_, own, err := now.Encode()
	if err != nil {
		return Plan{}, err
	}
	plan := Plan{Now: own, Definitions: []Fate{}}
	for _, c := range counts {
		if c.Step != "" {
			continue
		}
		last := len(plan.Definitions) - 1
		if last < 0 || plan.Definitions[last].Definition != c.Definition {
			plan.Definitions = append(plan.Definitions, Fate{Definition: c.Definition, Instances: map[Status]int{}})
			last++
		}
		plan.Definitions[last].Instances[c.Status] += c.N
	}
	for i := range plan.Definitions {
		fate := &plan.Definitions[i]
		if fate.Definition == own {
			continue
		}
		stored, err := find(fate.Definition)
		if err != nil {
			return Plan{}, err
		}
		fate.Steps = Compare(stored, now, tally(stored, *fate, counts))
	}
	return plan, nil
}

// tally counts what the steps of a definition are doing. An instance that is being undone takes no further
// step, but may have to undo those that are under way.
func tally(stored Definition, fate Fate, counts []engine.StepCount) Tally {
	t := Tally{States: map[string]map[string]int{}}
	for _, n := range fate.Instances {
		t.Instances += n
	}
	for _, s := range stored.Steps {
		t.States[s.Name] = map[string]int{"": fate.Instances[Running] + fate.Instances[Halted]}
	}
	for _, c := range counts {
		states := t.States[c.Step]
		if c.Definition != fate.Definition || states == nil {
			continue
		}
		states[c.State] += c.N
		if c.Status != Undoing {
			states[""] -= c.N
		}
	}
	return t
}
