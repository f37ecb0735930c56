package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/omninode-ai/omninode/onex/engine"
)

// What guard raises; see migrations/node/00001_delivery.sql.
const (
	stateFenced   = "OX001"
	stateConflict = "OX002"
)

// Commit implements engine.Store.
func (s *Store) Commit(ctx context.Context, l engine.Lease, commits ...engine.Commit) error {
	t := &transaction{store: s}
	last := commits[len(commits)-1]
	t.fence(l, last.Item)
	for _, c := range commits {
		t.write(c)
	}
	t.notify()
	err := s.pool.SendBatch(ctx, &t.Batch).Close()
	switch sqlState(err) {
	case stateFenced:
		return engine.ErrFenced
	case stateConflict:
		return engine.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("commit event %s: %w", last.Item.Event.ID, err)
	}
	return nil
}

// transaction collects the statements of one commit. Locks are always taken in the same order:
// fence, inbox, state, parked, timer.
type transaction struct {
	pgx.Batch

	store *Store
	sends bool // the outbox gets something
}

func (t *transaction) write(c engine.Commit) {
	if c.Inbox {
		t.inbox(c.Item)
	}
	if c.State != nil {
		t.state(*c.State)
	}
	t.parked(c)
	t.timers(c)
	t.outbox(c.Outbox)
}

func (t *transaction) add(sql string, args ...any) { t.Queue(sql, args...) }

// fence is the first statement: it takes the partition's row and refuses who was overtaken. Only a
// fetched record moves the offset; a timer belongs to no partition.
func (t *transaction) fence(l engine.Lease, it engine.Item) {
	p := l.Partition
	switch {
	case it.Timer != nil:
	case it.Parked != nil:
		t.add(`WITH mine AS (UPDATE fence SET moved_at = now()
			WHERE consumer_group = $1 AND topic = $2 AND topic_id = $3 AND partition = $4 AND epoch = $5 RETURNING 1)
			SELECT guard((SELECT count(*) FROM mine), '`+stateFenced+`')`,
			t.store.group, p.Topic, uuid.UUID(p.TopicID), p.Number, l.Epoch)
	default:
		t.add(`WITH moved AS (UPDATE fence SET next_off = $7, moved_at = now()
			WHERE consumer_group = $1 AND topic = $2 AND topic_id = $3 AND partition = $4 AND epoch = $5 AND next_off = $6
			RETURNING 1)
			SELECT guard((SELECT count(*) FROM moved), '`+stateFenced+`')`,
			t.store.group, p.Topic, uuid.UUID(p.TopicID), p.Number, l.Epoch, l.Next, it.Record.Offset+1)
	}
}

func (t *transaction) inbox(it engine.Item) {
	r := it.Record
	t.add(`WITH new AS (
			INSERT INTO inbox (input, idempotency_key, event_id, topic, partition, record_offset)
			VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING 1)
		SELECT guard((SELECT count(*) FROM new), '`+stateConflict+`')`,
		it.Event.Type.String(), it.IdempotencyKey, it.Event.ID, r.Topic, r.Partition, r.Offset)
}

func (t *transaction) state(w engine.StateWrite) {
	const insert = `INSERT INTO state (key, version, machine_state, data) VALUES ($1, $2 + 1, $3, $4)
		ON CONFLICT DO NOTHING RETURNING 1`
	const update = `UPDATE state SET version = $2 + 1, machine_state = $3, data = $4, updated_at = now()
		WHERE key = $1 AND version = $2 RETURNING 1`
	write := update
	if w.Expect == 0 {
		write = insert
	}
	t.add(`WITH written AS (`+write+`) SELECT guard((SELECT count(*) FROM written), '`+stateConflict+`')`,
		w.Key, w.Expect, w.Machine, notNil(w.Data))
	t.add(`UPDATE parked SET next_attempt_at = '-infinity' WHERE key = $1 AND reason = 'early'`, w.Key)
}

func (t *transaction) parked(c engine.Commit) {
	p := c.Item.Parked
	switch {
	case p == nil && c.Park != nil:
		t.park(c)
	case p != nil && c.Park != nil:
		t.add(`WITH kept AS (UPDATE parked SET reason = $3, attempts = $4, parked_at = $5, next_attempt_at = $6, error = $7
				WHERE id = $1 AND attempts = $2 RETURNING 1)
			SELECT guard((SELECT count(*) FROM kept), '`+stateConflict+`')`,
			p.ID, p.Attempts, c.Park.Reason, c.Park.Attempts, c.Park.Since, nullTime(c.Park.Next), message(c.Err))
	case p != nil:
		t.add(`WITH gone AS (DELETE FROM parked WHERE id = $1 AND attempts = $2 RETURNING 1)
			SELECT guard((SELECT count(*) FROM gone), '`+stateConflict+`')`, p.ID, p.Attempts)
		t.add(`UPDATE parked SET next_attempt_at = '-infinity'
			WHERE id = (SELECT min(id) FROM parked WHERE topic = $1 AND key = $2)`, p.Record.Topic, p.Record.Key)
	}
}

func (t *transaction) park(c engine.Commit) {
	r := c.Item.Record
	names, values := unzip(r.Headers)
	t.add(`INSERT INTO parked (topic, partition, record_offset, key, header_names, header_values, value,
			reason, attempts, parked_at, next_attempt_at, error)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		r.Topic, r.Partition, r.Offset, r.Key, names, values, notNil(r.Value),
		c.Park.Reason, c.Park.Attempts, c.Park.Since, nullTime(c.Park.Next), message(c.Err))
}

func (t *transaction) timers(c engine.Commit) {
	if f := c.Item.Timer; f != nil {
		t.timer(f, c.Again)
	}
	if c.State == nil || c.Timers == nil {
		return
	}
	names := make([]string, 0, len(*c.Timers))
	for _, w := range *c.Timers {
		names = append(names, w.Name)
	}
	t.add(`DELETE FROM timer WHERE key = $1 AND name <> ALL ($2)`, c.State.Key, names)
	for _, w := range *c.Timers {
		t.add(`INSERT INTO timer (key, name, due_at, cause_id, correlation_id, workflow_id, step_id, trace_parent, trace_state)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
			c.State.Key, w.Name, w.Due, w.Cause.ID, w.Cause.CorrelationID, w.Cause.WorkflowID, w.Cause.StepID,
			w.Cause.TraceParent, w.Cause.TraceState)
	}
}

// timer settles the timer that fired: it is done, or fires again.
func (t *transaction) timer(f *engine.Fired, again time.Time) {
	const done = `DELETE FROM timer WHERE key = $1 AND name = $2 AND attempts = $3 AND cause_id = $4 RETURNING 1`
	const later = `UPDATE timer SET attempts = attempts + 1, due_at = $5
		WHERE key = $1 AND name = $2 AND attempts = $3 AND cause_id = $4 RETURNING 1`
	statement, args := done, []any{f.Key, f.Name, f.Attempts, f.Cause.ID}
	if !again.IsZero() {
		statement, args = later, append(args, again)
	}
	t.add(`WITH settled AS (`+statement+`) SELECT guard((SELECT count(*) FROM settled), '`+stateConflict+`')`, args...)
}

func (t *transaction) outbox(records []engine.Outgoing) {
	for _, r := range records {
		names, values := unzip(r.Headers)
		t.add(`INSERT INTO outbox (topic, key, header_names, header_values, value) VALUES ($1, $2, $3, $4, $5)`,
			r.Topic, []byte(r.Key), names, values, notNil(r.Value))
		t.sends = true
	}
}

// notify wakes the relay of another process.
func (t *transaction) notify() {
	if t.sends && !t.store.leading.Load() {
		t.add(`SELECT pg_notify('outbox_' || current_schema(), '')`)
	}
}

func nullTime(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return engine.ErrorText(err)
}
