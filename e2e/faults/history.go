package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/omninode-ai/omninode/internal/provision"
)

// auditFence has the database write down each change of a node's fence, and which process made it:
// the process tells its number with its connection. The row's lock makes the order that of the commits.
func auditFence(ctx context.Context, conn *pgx.Conn, schema string) error {
	_, err := conn.Exec(ctx, fmt.Sprintf(`
		CREATE TABLE IF NOT EXISTS %[1]q.faults_fence (
			seq bigint GENERATED ALWAYS AS IDENTITY, topic text, partition int, claim boolean,
			before bigint, after bigint, process text, instance text, at timestamptz DEFAULT clock_timestamp());
		CREATE OR REPLACE FUNCTION %[1]q.faults_fence() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
		BEGIN
			INSERT INTO %[1]q.faults_fence (topic, partition, claim, before, after, process, instance)
			VALUES (NEW.topic, NEW.partition, TG_OP = 'INSERT' OR OLD.claimed_at <> NEW.claimed_at,
				CASE TG_OP WHEN 'INSERT' THEN 0 ELSE OLD.next_off END, NEW.next_off,
				current_setting('faults.process', true), NEW.instance);
			RETURN NULL;
		END $$;
		CREATE OR REPLACE TRIGGER faults_fence AFTER INSERT OR UPDATE ON %[1]q.fence
			FOR EACH ROW EXECUTE FUNCTION %[1]q.faults_fence()`, schema))
	if err != nil {
		return fmt.Errorf("write the history of %s's fence: %w", schema, err)
	}
	return nil
}

// move is a change of a partition's fence.
type move struct {
	topic         string
	partition     int32
	claim         bool
	before, after int64
	process       string
	instance      string
	at            time.Time
}

// moves reads the history of a node's fence, in order for each partition.
func (h *harness) moves(ctx context.Context, node string) ([]move, error) {
	var list []move
	err := h.database(ctx, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, fmt.Sprintf(`SELECT topic, partition, claim, before, after, process, instance, at
			FROM %q.faults_fence ORDER BY seq`, provision.Schema(node)))
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (m move, err error) {
			return m, row.Scan(&m.topic, &m.partition, &m.claim, &m.before, &m.after, &m.process, &m.instance, &m.at)
		})
		return err
	})
	return list, err
}

// checkFence wants that a partition's offset never goes back and that only the process which claimed
// the partition last commits to it. It returns how often a partition changed hands.
func checkFence(history []move) (takeovers int, err error) {
	type place struct {
		topic     string
		partition int32
	}
	owner, at := map[place]string{}, map[place]int64{}
	for i, m := range history {
		p := place{m.topic, m.partition}
		switch {
		case m.claim:
			if owner[p] != "" && owner[p] != m.process {
				takeovers++
			}
			owner[p] = m.process
		case m.process != owner[p]:
			return takeovers, violatedf("change %d of the fence: process %s committed %s/%d up to %d, which process %s (%s) had claimed",
				i, m.process, m.topic, m.partition, m.after, owner[p], m.instance)
		}
		if m.after < at[p] {
			return takeovers, violatedf("change %d of the fence: process %s moved %s/%d back from %d to %d", i, m.process, m.topic, m.partition, at[p], m.after)
		}
		at[p] = m.after
	}
	return takeovers, nil
}
