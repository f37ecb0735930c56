package load

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Tables are what the loops written by hand keep; each run has a database of its own.
const Tables = `
	CREATE TABLE state (key text PRIMARY KEY, version bigint NOT NULL, data bytea NOT NULL, updated_at timestamptz NOT NULL DEFAULT now());
	CREATE TABLE copied (key text NOT NULL, version bigint NOT NULL, data bytea NOT NULL, updated_at timestamptz NOT NULL);
	CREATE TABLE inbox (id text PRIMARY KEY, handled_at timestamptz NOT NULL DEFAULT now());
	CREATE TABLE fence (partition integer PRIMARY KEY, next_off bigint NOT NULL)`

// batch is how many records one transaction holds, as many as an engine takes.
const batch = 500

// States is how many updates a run of the loops below makes.
type States struct {
	Database   string
	Rows, Keys int
}

// each calls write for each batch of states, in the order in which a reducer would come to them, and
// prints how many were written in a second.
func (s States) each(ctx context.Context, write func(conn *pgx.Conn, keys []string, versions []int64, data [][]byte) error) error {
	conn, err := pgx.Connect(ctx, s.Database)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	tallies := make([]Tally, s.Keys)
	begun := time.Now()
	for n := 0; n < s.Rows; n += batch {
		var keys []string
		var versions []int64
		var data [][]byte
		for i := n; i < min(n+batch, s.Rows); i++ {
			t := tallies[i%s.Keys].Add(Order{Lines: []Line{{Quantity: 1, UnitCents: int64(i)}}})
			tallies[i%s.Keys] = t
			raw, err := json.Marshal(t)
			if err != nil {
				return err
			}
			keys, versions, data = append(keys, Key(i, s.Keys)), append(versions, t.Orders), append(data, raw)
		}
		if err := write(conn, keys, versions, data); err != nil {
			return err
		}
	}
	_, err = fmt.Printf("%.0f\n", float64(s.Rows)/time.Since(begun).Seconds()) //nolint:forbidigo // what the program answers
	return err
}

const upsert = `INSERT INTO state (key, version, data) VALUES ($1, $2, $3)
	ON CONFLICT (key) DO UPDATE SET version = excluded.version, data = excluded.data, updated_at = now()`

// Upsert writes states as pgx's batches are used: one statement each, sent together, one transaction.
func Upsert(ctx context.Context, s States) error {
	return s.each(ctx, func(conn *pgx.Conn, keys []string, versions []int64, data [][]byte) error {
		var b pgx.Batch
		for i := range keys {
			b.Queue(upsert, keys[i], versions[i], data[i])
		}
		return conn.SendBatch(ctx, &b).Close() // without Begin a batch is one transaction
	})
}

// Copy writes as many rows with COPY.
func Copy(ctx context.Context, s States) error {
	return s.each(ctx, func(conn *pgx.Conn, keys []string, versions []int64, data [][]byte) error {
		now := time.Now()
		_, err := conn.CopyFrom(ctx, pgx.Identifier{"copied"}, []string{"key", "version", "data", "updated_at"},
			pgx.CopyFromSlice(len(keys), func(i int) ([]any, error) { return []any{keys[i], versions[i], data[i], now}, nil }))
		return err
	})
}

// Fold is a reducer written by hand that is exactly once as well: what it reads, at most a batch of a
// partition, is folded into the states of its keys, and states, ids and the offset are committed in one
// transaction of three statements. It claims nothing: it must be alone.
func Fold(ctx context.Context, p Place, database string) error {
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	client, err := kgo.NewClient(append(p.options(), kgo.DisableAutoCommit())...)
	if err != nil {
		return err
	}
	defer client.Close()
	for ctx.Err() == nil {
		fetches := client.PollRecords(ctx, batch)
		if err := fetches.Err(); err != nil && ctx.Err() == nil {
			return err
		}
		var failed error
		fetches.EachPartition(func(f kgo.FetchTopicPartition) {
			if failed == nil && len(f.Records) > 0 {
				failed = fold(ctx, conn, f.Records)
			}
		})
		if failed != nil && ctx.Err() == nil {
			return failed
		}
	}
	return nil
}

func fold(ctx context.Context, conn *pgx.Conn, records []*kgo.Record) error {
	states, err := read(ctx, conn, records)
	if err != nil {
		return err
	}
	var ids []string
	for _, r := range records {
		var o Order
		if err := json.Unmarshal(r.Value, &o); err != nil {
			return err
		}
		if err := o.Validate(); err != nil {
			return err
		}
		states[string(r.Key)] = states[string(r.Key)].Add(o)
		ids = append(ids, id(r))
	}
	var keys []string
	var versions []int64
	var data [][]byte
	for key, t := range states {
		raw, err := json.Marshal(t)
		if err != nil {
			return err
		}
		keys, versions, data = append(keys, key), append(versions, t.Orders), append(data, raw)
	}
	last := records[len(records)-1]
	var b pgx.Batch
	b.Queue(`INSERT INTO fence VALUES ($1, $2) ON CONFLICT (partition) DO UPDATE SET next_off = excluded.next_off`, last.Partition, last.Offset+1)
	b.Queue(`INSERT INTO inbox (id) SELECT unnest($1::text[])`, ids)
	b.Queue(`INSERT INTO state (key, version, data) SELECT * FROM unnest($1::text[], $2::bigint[], $3::bytea[])
		ON CONFLICT (key) DO UPDATE SET version = excluded.version, data = excluded.data, updated_at = now()`, keys, versions, data)
	return conn.SendBatch(ctx, &b).Close()
}

// read returns the states of the records' keys.
func read(ctx context.Context, conn *pgx.Conn, records []*kgo.Record) (map[string]Tally, error) {
	var keys []string
	for _, r := range records {
		keys = append(keys, string(r.Key))
	}
	rows, err := conn.Query(ctx, `SELECT key, data FROM state WHERE key = ANY ($1)`, keys)
	if err != nil {
		return nil, err
	}
	states := map[string]Tally{}
	var key string
	var data []byte
	_, err = pgx.ForEachRow(rows, []any{&key, &data}, func() error {
		t, err := decodeTally(data)
		states[key] = t
		return err
	})
	return states, err
}

func id(r *kgo.Record) string {
	for _, h := range r.Headers {
		if h.Key == "ce_id" {
			return string(h.Value)
		}
	}
	return ""
}
