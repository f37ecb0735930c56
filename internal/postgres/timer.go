package postgres

import (
	"cmp"
	"slices"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
)

// timers settles the timers that fired and sets those of each key.
func (t *transaction) timers(commits []engine.Commit) {
	t.fired(commits)
	sets := map[string]*timerSet{}
	for _, c := range commits {
		if c.State == nil || c.Timers == nil {
			continue
		}
		s, known := sets[c.State.Key]
		if !known {
			sets[c.State.Key] = &timerSet{now: *c.Timers, kept: names(*c.Timers)}
			continue
		}
		s.replace(*c.Timers)
	}
	t.setTimers(sets)
}

// timerSet is what several commits make of one key's timers.
type timerSet struct {
	now  []engine.TimerWrite // all there are in the end
	kept []string            // those that every commit names: of these one that is set already keeps its time
}

func names(writes []engine.TimerWrite) []string {
	list := make([]string, 0, len(writes))
	for _, w := range writes {
		list = append(list, w.Name)
	}
	return list
}

func (s *timerSet) replace(writes []engine.TimerWrite) {
	next := make([]engine.TimerWrite, 0, len(writes))
	for _, w := range writes {
		if i := slices.IndexFunc(s.now, func(o engine.TimerWrite) bool { return o.Name == w.Name }); i >= 0 {
			w = s.now[i]
		}
		next = append(next, w)
	}
	list := names(writes)
	s.now = next
	s.kept = slices.DeleteFunc(s.kept, func(name string) bool { return !slices.Contains(list, name) })
}

// setTimers deletes what is not kept and writes the rest, by key.
func (t *transaction) setTimers(sets map[string]*timerSet) {
	if len(sets) == 0 {
		return
	}
	var keys, keptKeys, keptNames []string
	for key := range sets {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	var w timerColumns
	for _, key := range keys {
		for _, name := range sets[key].kept {
			keptKeys, keptNames = append(keptKeys, key), append(keptNames, name)
		}
		for _, one := range sets[key].now {
			w.add(key, one)
		}
	}
	t.add(`DELETE FROM timer WHERE key = ANY ($1) AND NOT starts_with(name, $4)
			AND (key, name) NOT IN (SELECT * FROM unnest($2::text[], $3::text[]))`, keys, keptKeys, keptNames, engine.AskPrefix)
	if len(w.keys) == 0 {
		return
	}
	t.add(`INSERT INTO timer (key, name, due_at, cause_id, correlation_id, workflow_id, step_id, trace_parent, trace_state)
		SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[])
		ON CONFLICT DO NOTHING`,
		w.keys, w.names, w.due, w.causes, w.correlations, w.workflows, w.steps, w.parents, w.states)
}

type timerColumns struct {
	keys, names, causes, correlations, workflows, steps, parents, states []string
	due                                                                  []time.Time
}

func (w *timerColumns) add(key string, one engine.TimerWrite) {
	c := one.Cause
	w.keys, w.names, w.due = append(w.keys, key), append(w.names, one.Name), append(w.due, one.Due)
	w.causes, w.correlations = append(w.causes, c.ID), append(w.correlations, c.CorrelationID)
	w.workflows, w.steps = append(w.workflows, c.WorkflowID), append(w.steps, c.StepID)
	w.parents, w.states = append(w.parents, c.TraceParent), append(w.states, c.TraceState)
}

// fired settles the timers that fired, in the order of their keys: each is done, or fires again. One
// that was gone already is left alone.
func (t *transaction) fired(commits []engine.Commit) {
	var list []engine.Commit
	for _, c := range commits {
		if c.Item.Timer != nil && c.Result != engine.Duplicate {
			list = append(list, c)
		}
	}
	if len(list) == 0 {
		return
	}
	slices.SortFunc(list, func(a, b engine.Commit) int {
		return cmp.Or(cmp.Compare(a.Item.Timer.Key, b.Item.Timer.Key), cmp.Compare(a.Item.Timer.Name, b.Item.Timer.Name))
	})
	var done, again firedColumns
	var next []time.Time
	for _, c := range list {
		if c.Again.IsZero() {
			done.add(c.Item.Timer)
			continue
		}
		again.add(c.Item.Timer)
		next = append(next, c.Again)
	}
	const match = `t.key = f.key AND t.name = f.name AND t.attempts = f.attempts AND t.cause_id = f.cause RETURNING 1`
	if n := len(done.keys); n > 0 {
		t.guarded(stateConflict, n, `DELETE FROM timer t USING unnest($1::text[], $2::text[], $3::int[], $4::text[])
			AS f (key, name, attempts, cause) WHERE `+match, done.keys, done.names, done.attempts, done.causes)
	}
	if n := len(again.keys); n > 0 {
		t.guarded(stateConflict, n, `UPDATE timer t SET attempts = t.attempts + 1, due_at = f.next
			FROM unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::timestamptz[]) AS f (key, name, attempts, cause, next)
			WHERE `+match, again.keys, again.names, again.attempts, again.causes, next)
	}
}

// firedColumns are what identifies timers as they were read.
type firedColumns struct {
	keys, names, causes []string
	attempts            []int
}

func (c *firedColumns) add(f *engine.Fired) {
	c.keys, c.names = append(c.keys, f.Key), append(c.names, f.Name)
	c.attempts, c.causes = append(c.attempts, f.Attempts), append(c.causes, f.Cause.ID)
}
