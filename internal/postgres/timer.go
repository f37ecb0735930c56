package postgres

import (
	"slices"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
)

// timers settles the timer that fired and sets those of each key.
func (t *transaction) timers(commits []engine.Commit) {
	sets := map[string]*timerSet{}
	for _, c := range commits {
		if f := c.Item.Timer; f != nil {
			t.fired(f, c.Again)
		}
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
	t.add(`DELETE FROM timer WHERE key = ANY ($1) AND (key, name) NOT IN (SELECT * FROM unnest($2::text[], $3::text[]))`,
		keys, keptKeys, keptNames)
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

// fired settles the timer that fired: it is done, or fires again.
func (t *transaction) fired(f *engine.Fired, again time.Time) {
	const done = `DELETE FROM timer WHERE key = $1 AND name = $2 AND attempts = $3 AND cause_id = $4 RETURNING 1`
	const later = `UPDATE timer SET attempts = attempts + 1, due_at = $5
		WHERE key = $1 AND name = $2 AND attempts = $3 AND cause_id = $4 RETURNING 1`
	args := []any{f.Key, f.Name, f.Attempts, f.Cause.ID}
	if again.IsZero() {
		t.guarded(stateConflict, 1, done, args...)
		return
	}
	t.guarded(stateConflict, 1, later, append(args, again)...)
}
