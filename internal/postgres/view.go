package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// View implements engine.Store. However many items there are, it is one statement. Each look-up is a
// query of its own for each row, so that no plan reads a whole table; a state that items share is read
// with the first of them.
func (s *Store) View(ctx context.Context, items ...engine.Item) ([]engine.View, error) {
	if items[0].Timer != nil {
		return s.viewTimers(ctx, items)
	}
	n := len(items)
	inputs, handled, queues, states := make([]string, n), make([]string, n), make([]string, n), make([]*string, n)
	first := make(map[string]int, n) // by state's key
	for i, it := range items {
		inputs[i], handled[i], queues[i] = it.Event.Type.String(), it.IdempotencyKey, it.Record.Key
		if _, shared := first[it.StateKey]; it.StateKey != "" && !shared {
			states[i], first[it.StateKey] = &it.StateKey, i
		}
	}
	const query = `
		SELECT (SELECT true FROM inbox WHERE input = v.input AND idempotency_key = v.handled) IS NOT NULL,
		       (SELECT true FROM parked WHERE topic = $5 AND key = v.queue LIMIT 1) IS NOT NULL,
		       coalesce(s.version, 0), coalesce(s.machine_state, ''), s.data
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS v (input, handled, queue, state, at)
		LEFT JOIN LATERAL (SELECT version, machine_state, data FROM state WHERE key = v.state OFFSET 0) s ON true
		ORDER BY v.at`
	views, err := collect(ctx, s.pool, func(row pgx.CollectableRow) (v engine.View, err error) {
		err = row.Scan(&v.Seen, &v.Behind, &v.State.Version, &v.State.Machine, &v.State.Data)
		if len(v.State.Data) == 0 {
			v.State.Data = nil
		}
		return v, err
	}, query, inputs, handled, queues, states, items[0].Record.Topic)
	if err != nil {
		return nil, fmt.Errorf("look up %d events from %s on: %w", n, items[0].Event.ID, err)
	}
	for i, it := range items {
		if at, ok := first[it.StateKey]; ok {
			views[i].State = views[at].State
		}
	}
	return views, nil
}

// dueBytes bounds the payloads of what DueParked returns, except for the last record.
const dueBytes = 8 << 20

// DueParked implements engine.Store. It returns fewer than limit if their payloads are large.
func (s *Store) DueParked(ctx context.Context, p engine.Partition, now time.Time, limit int) ([]engine.Parked, error) {
	const query = `
		SELECT id, record_offset, key, header_names, header_values, value, reason, attempts, parked_at FROM (
			SELECT *, sum(length(value)) OVER (ORDER BY next_attempt_at, id ROWS UNBOUNDED PRECEDING) AS upto FROM (
				SELECT * FROM parked p WHERE topic = $1 AND partition = $2 AND next_attempt_at <= $3
				  AND NOT EXISTS (SELECT FROM parked e WHERE e.topic = p.topic AND e.key = p.key AND e.id < p.id)
				ORDER BY next_attempt_at, id LIMIT $4) AS first) AS sized
		WHERE upto - length(value) < $5 ORDER BY next_attempt_at, id`
	due, err := collect(ctx, s.pool, scanParked(p.Topic, p.Number), query, p.Topic, p.Number, now, limit, dueBytes)
	if err != nil {
		return nil, fmt.Errorf("read parked records of %s/%d: %w", p.Topic, p.Number, err)
	}
	return due, nil
}

// behindBytes bounds the payloads of records that are read together because they wait behind another.
const behindBytes = 1 << 20

// Behind implements engine.Store. It returns fewer than limit if their payloads are large.
func (s *Store) Behind(ctx context.Context, first engine.Parked, limit int) ([]engine.Parked, error) {
	const query = `
		SELECT id, record_offset, key, header_names, header_values, value, reason, attempts, parked_at
		FROM (SELECT *, bool_and(partition = $4) OVER (ORDER BY id) AS mine, sum(length(value)) OVER (ORDER BY id) AS bytes
			FROM parked WHERE topic = $1 AND key = $2 AND id > $3 ORDER BY id LIMIT $5) AS b
		WHERE mine AND bytes <= $6 ORDER BY id`
	r := first.Record
	behind, err := collect(ctx, s.pool, scanParked(r.Topic, r.Partition), query, r.Topic, r.Key, first.ID, r.Partition, limit, behindBytes)
	if err != nil {
		return nil, fmt.Errorf("read what waits behind parked record %d: %w", first.ID, err)
	}
	return behind, nil
}

func scanParked(topic string, partition int32) pgx.RowToFunc[engine.Parked] {
	return func(row pgx.CollectableRow) (engine.Parked, error) {
		d := engine.Parked{Record: engine.Record{Topic: topic, Partition: partition}}
		var names, values [][]byte
		err := row.Scan(&d.ID, &d.Record.Offset, &d.Record.Key, &names, &values, &d.Record.Value, &d.Reason, &d.Attempts, &d.Since)
		d.Record.Headers = zip(names, values)
		return d, err
	}
}

// Due implements engine.Store.
func (s *Store) Due(ctx context.Context, now time.Time, of []engine.Partition) (due engine.Due, err error) {
	const query = `
		SELECT p.place, EXISTS (SELECT FROM parked WHERE topic = p.topic AND partition = p.number AND next_attempt_at <= $3),
		       (SELECT min(next_attempt_at) FROM parked WHERE topic = p.topic AND partition = p.number AND next_attempt_at > $3)
		FROM unnest($1::text[], $2::int[]) WITH ORDINALITY AS p (topic, number, place)
		UNION ALL SELECT 0, false, (SELECT min(due_at) FROM timer WHERE due_at > $3)`
	topics, numbers := make([]string, 0, len(of)), make([]int32, 0, len(of))
	for _, p := range of {
		topics, numbers = append(topics, p.Topic), append(numbers, p.Number)
	}
	type answer struct {
		place int // in of, from 1; 0 are the timers
		due   bool
		next  *time.Time
	}
	answers, err := collect(ctx, s.pool, func(row pgx.CollectableRow) (a answer, err error) {
		err = row.Scan(&a.place, &a.due, &a.next)
		return a, err
	}, query, topics, numbers, now)
	if err != nil {
		return due, fmt.Errorf("look for what is due: %w", err)
	}
	for _, a := range answers {
		if a.due {
			due.Partitions = append(due.Partitions, of[a.place-1])
		}
		if a.next != nil && (due.Next.IsZero() || a.next.Before(due.Next)) {
			due.Next = *a.next
		}
	}
	return due, nil
}

// unzip splits headers into the two arrays the tables hold; both are never null.
func unzip(headers []event.Header) (names, values [][]byte) {
	names, values = make([][]byte, 0, len(headers)), make([][]byte, 0, len(headers))
	for _, h := range headers {
		names = append(names, []byte(h.Key))
		values = append(values, notNil(h.Value))
	}
	return names, values
}

func zip(names, values [][]byte) []event.Header {
	headers := make([]event.Header, 0, len(names))
	for i := range min(len(names), len(values)) {
		headers = append(headers, event.Header{Key: string(names[i]), Value: values[i]})
	}
	return headers
}

func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
