package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
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

// Commit implements engine.Store. However many commits there are, it takes one round trip and a
// handful of statements.
func (s *Store) Commit(ctx context.Context, l engine.Lease, commits ...engine.Commit) error {
	writes, err := chain(commits)
	if err != nil {
		return err
	}
	t := &transaction{store: s}
	t.fence(l, commits)
	t.inbox(commits)
	t.state(writes)
	t.parked(commits)
	t.timers(commits)
	t.instances(commits)
	t.outbox(engine.Sends(commits))
	t.notify()
	if t.Len() == 0 {
		return nil // timers that were gone already
	}
	if joined(commits) {
		err = s.commitJoined(ctx, t, commits)
	} else {
		err = s.pool.SendBatch(ctx, &t.Batch).Close()
	}
	if failed, ok := errors.AsType[*engine.JoinError](err); ok {
		return failed // whatever it wraps is not about the fence
	}
	switch sqlState(err) {
	case stateFenced:
		return engine.ErrFenced
	case stateConflict:
		return engine.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("commit %d events up to %s: %w", len(commits), commits[len(commits)-1].Item.Event.ID, err)
	}
	return nil
}

// transaction collects the statements of one commit. Two that touch the same rows take their locks in
// the same order, so that neither waits for the other: fence, inbox, state, parked, timer, instance, and within
// each statement by key. Should they meet all the same, the server ends one, which is tried again.
type transaction struct {
	pgx.Batch

	store *Store
	sends bool // the outbox gets something
}

func (t *transaction) add(sql string, args ...any) { t.Queue(sql, args...) }

// guarded adds a statement that must return a row for each of n, or the transaction ends with code.
func (t *transaction) guarded(code string, n int, sql string, args ...any) {
	t.add(`WITH changed AS (`+sql+`) SELECT guard((SELECT (count(*) = $`+strconv.Itoa(len(args)+1)+`)::int FROM changed), '`+code+`')`,
		append(args, n)...)
}

// fence is the first statement: it takes the partition's row and refuses who was overtaken. Only a
// fetched record moves the offset; a timer belongs to no partition.
func (t *transaction) fence(l engine.Lease, commits []engine.Commit) {
	const mine = ` WHERE consumer_group = $1 AND topic = $2 AND topic_id = $3 AND partition = $4 AND epoch = $5`
	args := []any{t.store.group, l.Partition.Topic, uuid.UUID(l.Partition.TopicID), l.Partition.Number, l.Epoch}
	next, held := int64(-1), false
	for _, c := range commits {
		switch it := c.Item; {
		case it.Timer != nil:
		case it.Parked != nil:
			held = true
		default:
			next = it.Next()
		}
	}
	switch {
	case next >= 0:
		t.guarded(stateFenced, 1, `UPDATE fence SET next_off = $7, moved_at = now()`+mine+` AND next_off = $6 RETURNING 1`,
			append(args, l.Next, next)...)
	case held:
		t.guarded(stateFenced, 1, `UPDATE fence SET moved_at = now()`+mine+` RETURNING 1`, args...)
	}
}

func (t *transaction) inbox(commits []engine.Commit) {
	handled := make([]engine.Commit, 0, len(commits))
	for _, c := range commits {
		if c.Inbox {
			handled = append(handled, c)
		}
	}
	if len(handled) == 0 {
		return
	}
	slices.SortFunc(handled, func(a, b engine.Commit) int {
		return cmp.Or(a.Item.Event.Type.Compare(b.Item.Event.Type), cmp.Compare(a.Item.IdempotencyKey, b.Item.IdempotencyKey))
	})
	n := len(handled)
	inputs, keys, events, offsets, versions := make([]string, n), make([]string, n), make([]string, n), make([]int64, n), make([]*int64, n)
	for i, c := range handled {
		it := c.Item
		inputs[i], keys[i], events[i], offsets[i] = it.Event.Type.String(), it.IdempotencyKey, it.Event.ID, it.Record.Offset
		if c.State != nil {
			versions[i] = new(c.State.Expect + 1)
		}
	}
	r := handled[0].Item.Record
	t.guarded(stateConflict, n, `
		INSERT INTO inbox (input, idempotency_key, event_id, topic, partition, record_offset, state_version)
		SELECT h.input, h.key, h.event, $6, $7, h.at, h.version
		FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[]) AS h (input, key, event, at, version)
		ON CONFLICT DO NOTHING RETURNING 1`, inputs, keys, events, offsets, versions, r.Topic, r.Partition)
}

// outbox draws ids in the order of the records.
func (t *transaction) outbox(records []engine.Outgoing) {
	if len(records) == 0 {
		return
	}
	t.add(`INSERT INTO outbox (topic, key, header_names, header_values, value) SELECT * FROM unnest($1::message[])`, messages(records))
	t.sends = true
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

func reason(err error) string {
	if err == nil {
		return ""
	}
	return engine.ErrorText(err)
}
