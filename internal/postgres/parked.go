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
	slices.Sort(keys)
	t.add(`UPDATE parked SET next_attempt_at = '-infinity' WHERE reason = 'behind' AND id = ANY (ARRAY (
			SELECT (SELECT min(id) FROM parked WHERE topic = $1 AND key = d.key) FROM unnest($2::text[]) AS d (key)))`,
		done[0].Item.Parked.Record.Topic, slices.Compact(keys))
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

// park draws ids in the order of the commits: that of the records. What is to wait behind another record
// holds the first of its key, so that whoever settles that sees it. If there is none any more, nothing
// would wake it: it is due at once.
func (t *transaction) park(fresh []engine.Commit) {
	if len(fresh) == 0 {
		return
	}
	records := make(pgtype.FlatArray[message], 0, len(fresh))
	keys, offsets := make([]string, 0, len(fresh)), make([]int64, 0, len(fresh))
	for _, c := range fresh {
		r := c.Item.Record
		records = append(records, newMessage(r.Topic, "", r.Headers, r.Value))
		keys, offsets = append(keys, r.Key), append(offsets, r.Offset)
	}
	behind, leads := following(fresh)
	c := parking(fresh)
	t.add(`WITH first AS (
			SELECT k.key FROM unnest($10::text[]) AS k (key), LATERAL (
				SELECT FROM parked WHERE topic = $11 AND key = k.key ORDER BY id LIMIT 1 FOR KEY SHARE) held)
		INSERT INTO parked (topic, partition, record_offset, key, header_names, header_values, value,
			reason, attempts, parked_at, next_attempt_at, error)
		SELECT m.topic, $9, o.at, o.key, m.header_names, m.header_values, m.value, o.reason, o.attempts, o.since,
			CASE WHEN o.leads AND NOT EXISTS (SELECT FROM first WHERE first.key = o.key) THEN '-infinity' ELSE o.next END, o.error
		FROM ROWS FROM (unnest($1::message[])) WITH ORDINALITY AS m
		JOIN unnest($2::bigint[], $3::text[], $4::text[], $5::int[], $6::timestamptz[], $7::timestamptz[], $8::text[], $12::bool[])
			WITH ORDINALITY AS o (at, key, reason, attempts, since, next, error, leads) USING (ordinality)
		ORDER BY ordinality`,
		records, offsets, keys, c.reasons, c.attempts, c.since, c.next, c.errors, fresh[0].Item.Record.Partition,
		behind, fresh[0].Item.Record.Topic, leads)
}

// following returns the keys, sorted, behind whose parked records others are to be parked, and which of
// the commits are the first to be so.
func following(fresh []engine.Commit) (keys []string, leads []bool) {
	keys, leads = []string{}, make([]bool, len(fresh))
	known := map[string]bool{} // keys that are listed, or have a record before in this transaction
	for i, c := range fresh {
		key := c.Item.Record.Key
		if leads[i] = c.Park.Reason == engine.Behind && !known[key]; leads[i] {
			keys = append(keys, key)
		}
		known[key] = true
	}
	slices.Sort(keys)
	return keys, leads
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
