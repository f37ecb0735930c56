package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/omninode-ai/omninode/migrations"
	"github.com/omninode-ai/omninode/onex/registry"
)

// ErrSuperseded says that a newer process registered under the same service id.
var ErrSuperseded = errors.New("a newer process has registered under this service id")

const registrations = migrations.FleetSchema + ".node_registrations"

// UpsertRegistration writes the node's row with a lease of ttl and returns the epoch under which
// Renew and Release act. It supersedes an earlier process of the same service id.
func (s *Store) UpsertRegistration(ctx context.Context, r registry.Registration, f registry.Facts, ttl time.Duration) (epoch int64, err error) {
	const query = `
		INSERT INTO ` + registrations + ` AS r (service_id, node, instance, node_type, version, address, port,
			capabilities, events_consumed, events_emitted, contract_sha256, epoch, lease_expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, (extract(epoch FROM clock_timestamp()) * 1000)::bigint, now() + $12)
		ON CONFLICT (service_id) DO UPDATE SET
			node = excluded.node, instance = excluded.instance, node_type = excluded.node_type,
			version = excluded.version, address = excluded.address, port = excluded.port,
			capabilities = excluded.capabilities, events_consumed = excluded.events_consumed,
			events_emitted = excluded.events_emitted, contract_sha256 = excluded.contract_sha256,
			epoch = greatest(r.epoch + 1, excluded.epoch), registered_at = now(), heartbeat_at = now(),
			lease_expires_at = excluded.lease_expires_at, deregistered_at = NULL
		RETURNING epoch`
	err = s.pool.QueryRow(ctx, query, r.ID, r.Service, s.instance, f.NodeType, f.Version, r.Address, r.Port,
		texts(f.Capabilities), texts(f.EventsConsumed), texts(f.EventsEmitted), f.ContractSHA256, ttl).Scan(&epoch)
	if sqlState(err) == undefinedTable {
		want, err := migrations.Latest(migrations.Fleet())
		return 0, errors.Join(err, &SchemaError{Schema: migrations.FleetSchema, Want: want})
	}
	if err == nil {
		err = s.forget(ctx, r.Service)
	}
	if err != nil {
		return 0, fmt.Errorf("write registration %s: %w", r.ID, err)
	}
	return epoch, nil
}

// registrationRetention is how long a row outlives its instance.
const registrationRetention = 7 * 24 * time.Hour

// forget removes the node's rows whose lease ended long ago: those of instances that have other names now.
func (s *Store) forget(ctx context.Context, node string) error {
	_, err := s.pool.Exec(ctx, `DELETE FROM `+registrations+` WHERE node = $1 AND lease_expires_at < now() - $2::interval`,
		node, registrationRetention)
	return err
}

// texts makes a list storable in a column that is never null.
func texts(list []string) []string { return append([]string{}, list...) }

// Renew extends the lease of a registration by ttl, or says that it is ErrSuperseded.
func (s *Store) Renew(ctx context.Context, id string, epoch int64, ttl time.Duration) error {
	return s.touch(ctx, "renew", id, epoch, `heartbeat_at = now(), lease_expires_at = now() + $3`, ttl)
}

// Release ends the lease of a registration in good order.
func (s *Store) Release(ctx context.Context, id string, epoch int64) error {
	return s.touch(ctx, "release", id, epoch, `deregistered_at = now(), lease_expires_at = now()`)
}

func (s *Store) touch(ctx context.Context, verb, id string, epoch int64, set string, args ...any) error {
	query := `UPDATE ` + registrations + ` SET ` + set + ` WHERE service_id = $1 AND epoch = $2`
	tag, err := s.pool.Exec(ctx, query, append([]any{id, epoch}, args...)...)
	if err != nil {
		return fmt.Errorf("%s registration %s: %w", verb, id, err)
	}
	if tag.RowsAffected() == 0 {
		return fmt.Errorf("%s registration %s: %w", verb, id, ErrSuperseded)
	}
	return nil
}
