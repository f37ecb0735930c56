package postgres

import (
	"cmp"
	"slices"

	"github.com/omninode-ai/omninode/onex/engine"
)

// written is what some commits write to one key together.
type written struct {
	engine.StateWrite // the last of them, but Expect is that of the first

	steps int64 // how many there are
}

// A parameter holds the version that a key must have and by how much it grows.
const (
	stepBits = 20
	stepMask = 1<<stepBits - 1
)

func (w written) packed() int64 { return w.Expect<<stepBits | w.steps }

// chain returns the writes of some commits by key, sorted. Writes of one key must follow one another.
func chain(commits []engine.Commit) ([]written, error) {
	var list []written
	at := map[string]int{}
	for _, c := range commits {
		if c.State == nil {
			continue
		}
		i, known := at[c.State.Key]
		if !known {
			at[c.State.Key] = len(list)
			list = append(list, written{StateWrite: *c.State, steps: 1})
			continue
		}
		w := &list[i]
		if c.State.Expect != w.Expect+w.steps {
			return nil, engine.ErrConflict
		}
		first := w.Expect
		w.StateWrite, w.steps = *c.State, w.steps+1
		w.Expect = first
	}
	slices.SortFunc(list, func(a, b written) int { return cmp.Compare(a.Key, b.Key) })
	return list, nil
}

// state writes each key once, if it has the version it must have. An insert that gives way to an
// update looks its keys up one after the other, in their order, however large the table has become
// since the statement was planned. A key that should be there and is not would be inserted with the
// packed number as its version: then the versions do not add up.
func (t *transaction) state(writes []written) {
	if len(writes) == 0 {
		return
	}
	n := len(writes)
	keys, versions, machines, data := make([]string, n), make([]int64, n), make([]string, n), make([][]byte, n)
	var sum int64
	for i, w := range writes {
		keys[i], versions[i], machines[i], data[i] = w.Key, w.packed(), w.Machine, notNil(w.Data)
		sum += w.Expect + w.steps
	}
	t.add(`WITH written AS (
			INSERT INTO state AS s (key, version, machine_state, data)
			SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bytea[])
			ON CONFLICT (key) DO UPDATE
			SET version = (excluded.version >> $7) + (excluded.version & $8),
			    machine_state = excluded.machine_state, data = excluded.data, updated_at = now()
			WHERE s.version = excluded.version >> $7
			RETURNING s.version)
		SELECT guard((SELECT (count(*) = $5 AND sum(version) = $6::bigint)::int FROM written), '`+stateConflict+`')`,
		keys, versions, machines, data, n, sum, stepBits, int64(stepMask))
	t.add(`UPDATE parked SET next_attempt_at = '-infinity' WHERE id = ANY (ARRAY (
			SELECT id FROM parked WHERE key = ANY ($1) AND reason = 'early' ORDER BY id FOR UPDATE))`, keys)
}
