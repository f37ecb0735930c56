package postgres

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/omninode-ai/omninode/onex/engine"
)

// Claim implements engine.Store.
func (s *Store) Claim(ctx context.Context, p engine.Partition) (engine.Lease, error) {
	const query = `
		INSERT INTO fence (consumer_group, topic, topic_id, partition, epoch, next_off, instance)
		VALUES ($1, $2, $3, $4, 1, 0, $5)
		ON CONFLICT (consumer_group, topic, partition, topic_id) DO UPDATE
		SET epoch = fence.epoch + 1, instance = excluded.instance, claimed_at = now()
		RETURNING epoch, next_off`
	l := engine.Lease{Partition: p}
	err := s.pool.QueryRow(ctx, query, s.group, p.Topic, uuid.UUID(p.TopicID), p.Number, s.instance).Scan(&l.Epoch, &l.Next)
	if err != nil {
		return l, fmt.Errorf("claim partition %s/%d: %w", p.Topic, p.Number, err)
	}
	return l, nil
}

// Position implements engine.Store.
func (s *Store) Position(ctx context.Context, p engine.Partition) (engine.Lease, error) {
	const query = `
		SELECT epoch, next_off FROM fence
		WHERE consumer_group = $1 AND topic = $2 AND topic_id = $3 AND partition = $4`
	l := engine.Lease{Partition: p}
	err := s.pool.QueryRow(ctx, query, s.group, p.Topic, uuid.UUID(p.TopicID), p.Number).Scan(&l.Epoch, &l.Next)
	if err != nil {
		return l, fmt.Errorf("read position of partition %s/%d: %w", p.Topic, p.Number, err)
	}
	return l, nil
}
