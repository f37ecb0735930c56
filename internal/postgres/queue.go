package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/omninode-ai/omninode/onex/engine"
)

// nextBytes bounds the values of what Next returns, except for the last record.
const nextBytes = 4 << 20

// mine ends a transaction unless its term is the latest.
func (q *queue) mine(t *transaction) {
	t.add(`SELECT guard((SELECT count(*) FROM relay WHERE term = $1), '`+stateFenced+`')`, q.term)
}

// Next implements engine.Queue.
func (q *queue) Next(ctx context.Context, skip engine.Except, limit int) (records []engine.Queued, more bool, err error) {
	if err := q.raise(ctx); err != nil {
		return nil, false, err
	}
	topics, keys := make([]string, len(skip.Aggregates)), make([][]byte, len(skip.Aggregates))
	for i, a := range skip.Aggregates {
		topics[i], keys[i] = a.Topic, []byte(a.Key)
	}
	const query = `
		SELECT id, topic, key, header_names, header_values, value, upto FROM (
			SELECT *, sum(octet_length(value)) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) AS upto FROM (
				SELECT * FROM outbox
				WHERE id > $1 AND id NOT IN (SELECT unnest($2::bigint[])) AND topic NOT IN (SELECT unnest($3::text[]))
					AND (topic, key) NOT IN (SELECT * FROM unnest($4::text[], $5::bytea[]))
				ORDER BY id LIMIT $6) AS first) AS sized
		WHERE upto - octet_length(value) < $7 ORDER BY id`
	var bytes int64
	records, err = q.read(ctx, &bytes, query, q.floor.id, notNone(skip.IDs), notNone(skip.Topics), topics, keys, limit, nextBytes)
	if err != nil {
		return nil, false, fmt.Errorf("read outbox: %w", err)
	}
	q.floor.seen(records, skip)
	q.store.floor.Store(q.floor.id)
	return records, len(records) == limit || bytes >= nextBytes, nil
}

// Read implements engine.Queue.
func (q *queue) Read(ctx context.Context, ids []int64) ([]engine.Queued, error) {
	var bytes int64
	records, err := q.read(ctx, &bytes, `SELECT id, topic, key, header_names, header_values, value, 0::bigint
		FROM outbox WHERE id = ANY ($1) ORDER BY id`, ids)
	if err != nil {
		return nil, fmt.Errorf("read records of the outbox: %w", err)
	}
	return records, nil
}

// read runs a query under the term. bytes is what its last row says that the values have in all.
func (q *queue) read(ctx context.Context, bytes *int64, query string, args ...any) (records []engine.Queued, err error) {
	t := &transaction{store: q.store}
	q.mine(t)
	t.Queue(query, args...).Query(func(rows pgx.Rows) error {
		records, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r engine.Queued, err error) {
			var key []byte
			var names, values [][]byte
			err = row.Scan(&r.ID, &r.Record.Topic, &key, &names, &values, &r.Record.Value, bytes)
			r.Record.Key, r.Record.Headers = string(key), zip(names, values)
			return r, err
		})
		return err
	})
	return records, q.run(ctx, t, "query")
}

// Delete implements engine.Queue. A deletion that a crash of the server undoes sends a record again.
func (q *queue) Delete(ctx context.Context, ids []int64) error {
	t := &transaction{store: q.store}
	t.add(lazily)
	q.mine(t)
	t.add(`DELETE FROM outbox WHERE id = ANY ($1)`, ids)
	return q.run(ctx, t, "delete from outbox")
}

// notNone makes a list that is never null.
func notNone[T any](list []T) []T { return append([]T{}, list...) }
