package postgres

import (
	"cmp"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/omninode-ai/omninode/onex/engine"
)

// parked settles the parked records among the items, wakes what follows them, and parks others.
func (t *transaction) parked(commits []engine.Commit) {
	var done, again, fresh []engine.Commit
	for _, c := range commits {
		switch {
		case c.Item.Parked == nil && c.Park != nil:
			fresh = append(fresh, c)
		case c.Item.Parked != nil && c.Park != nil:
			again = append(again, c)
		case c.Item.Parked != nil:
			done = append(done, c)
		}
	}
	t.unpark(done)
	t.park(fresh)
	t.wakeNext(done)
	t.parkAgain(again)
}

// byID sorts commits of parked records and returns what identifies these.
func byID(commits []engine.Commit) (ids []int64, attempts []int) {
	slices.SortFunc(commits, func(a, b engine.Commit) int { return cmp.Compare(a.Item.Parked.ID, b.Item.Parked.ID) })
	for _, c := range commits {
		ids, attempts = append(ids, c.Item.Parked.ID), append(attempts, c.Item.Parked.Attempts)
	}
	return ids, attempts
}

// lockParked takes the rows of several parked records in their order.
func (t *transaction) lockParked(ids []int64) {
	if len(ids) > 1 {
		t.add(`SELECT count(*) FROM (SELECT FROM parked WHERE id = ANY ($1) ORDER BY id FOR UPDATE) locked`, ids)
	}
}

func (t *transaction) unpark(done []engine.Commit) {
	if len(done) == 0 {
		return
	}
	ids, attempts := byID(done)
	t.lockParked(ids)
	t.guarded(stateConflict, len(done), `
		DELETE FROM parked p USING unnest($1::bigint[], $2::int[]) AS d (id, attempts)
		WHERE p.id = ANY ($1) AND p.id = d.id AND p.attempts = d.attempts RETURNING 1`, ids, attempts)
}

// wakeNext makes the records due that waited behind those which are done.
func (t *transaction) wakeNext(done []engine.Commit) {
	if len(done) == 0 {
		return
	}
	keys := make([]string, 0, len(done))
	for _, c := range done {
		keys = append(keys, c.Item.Parked.Record.Key)
	}
	t.add(`UPDATE parked SET next_attempt_at = '-infinity' WHERE reason = 'behind' AND id = ANY (ARRAY (
			SELECT (SELECT min(id) FROM parked WHERE topic = $1 AND key = d.key) FROM unnest($2::text[]) AS d (key)))`,
		done[0].Item.Parked.Record.Topic, keys)
}

func (t *transaction) parkAgain(again []engine.Commit) {
	if len(again) == 0 {
		return
	}
	ids, before := byID(again)
	t.lockParked(ids)
	c := parking(again)
	t.guarded(stateConflict, len(again), `
		UPDATE parked p SET reason = w.reason, attempts = w.attempts, parked_at = w.since, next_attempt_at = w.next, error = w.error
		FROM unnest($1::bigint[], $2::int[], $3::text[], $4::int[], $5::timestamptz[], $6::timestamptz[], $7::text[])
			AS w (id, before, reason, attempts, since, next, error)
		WHERE p.id = ANY ($1) AND p.id = w.id AND p.attempts = w.before RETURNING 1`,
		ids, before, c.reasons, c.attempts, c.since, c.next, c.errors)
}

// park draws ids in the order of the commits: that of the records.
func (t *transaction) park(fresh []engine.Commit) {
	if len(fresh) == 0 {
		return
	}
	t.waitBehind(fresh)
	records := make(pgtype.FlatArray[message], 0, len(fresh))
	keys, offsets := make([]string, 0, len(fresh)), make([]int64, 0, len(fresh))
	for _, c := range fresh {
		r := c.Item.Record
		records = append(records, newMessage(r.Topic, "", r.Headers, r.Value))
		keys, offsets = append(keys, r.Key), append(offsets, r.Offset)
	}
	c := parking(fresh)
	t.add(`INSERT INTO parked (topic, partition, record_offset, key, header_names, header_values, value,
			reason, attempts, parked_at, next_attempt_at, error)
		SELECT m.topic, $9, o.at, o.key, m.header_names, m.header_values, m.value, o.reason, o.attempts, o.since, o.next, o.error
		FROM ROWS FROM (unnest($1::message[])) WITH ORDINALITY AS m
		JOIN unnest($2::bigint[], $3::text[], $4::text[], $5::int[], $6::timestamptz[], $7::timestamptz[], $8::text[])
			WITH ORDINALITY AS o (at, key, reason, attempts, since, next, error) USING (ordinality)
		ORDER BY ordinality`,
		records, offsets, keys, c.reasons, c.attempts, c.since, c.next, c.errors, fresh[0].Item.Record.Partition)
}

// waitBehind holds the first parked record of each key that others are to be parked behind: whoever
// settles it sees them, or else it is gone already and they would wait for nothing.
func (t *transaction) waitBehind(fresh []engine.Commit) {
	var keys []string
	known := map[string]bool{} // keys that are listed, or have a record before in this transaction
	for _, c := range fresh {
		key := c.Item.Record.Key
		if c.Park.Reason == engine.Behind && !known[key] {
			keys = append(keys, key)
		}
		known[key] = true
	}
	if len(keys) == 0 {
		return
	}
	slices.Sort(keys)
	t.guarded(stateConflict, len(keys), `
		SELECT FROM unnest($1::text[]) AS k (key), LATERAL (
			SELECT FROM parked WHERE topic = $2 AND key = k.key ORDER BY id LIMIT 1 FOR KEY SHARE) first`,
		keys, fresh[0].Item.Record.Topic)
}

// columns are those that parking sets.
type columns struct {
	reasons     []string
	attempts    []int
	since, next []*time.Time
	errors      []string
}

func parking(commits []engine.Commit) (c columns) {
	for _, one := range commits {
		p := one.Park
		c.reasons, c.attempts = append(c.reasons, string(p.Reason)), append(c.attempts, p.Attempts)
		c.since, c.next = append(c.since, &p.Since), append(c.next, nullTime(p.Next))
		c.errors = append(c.errors, reason(one.Err))
	}
	return c
}
