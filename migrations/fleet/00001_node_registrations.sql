-- +goose Up

CREATE TABLE node_registrations (
    service_id       text        PRIMARY KEY,
    node             text        NOT NULL,
    instance         text        NOT NULL,
    node_type        text        NOT NULL,
    version          text        NOT NULL,
    address          text        NOT NULL,
    port             integer     NOT NULL,
    capabilities     text[]      NOT NULL,
    events_consumed  text[]      NOT NULL,
    events_emitted   text[]      NOT NULL,
    contract_sha256  text        NOT NULL,
    epoch            bigint      NOT NULL,
    registered_at    timestamptz NOT NULL DEFAULT now(),
    heartbeat_at     timestamptz NOT NULL DEFAULT now(),
    lease_expires_at timestamptz NOT NULL,
    deregistered_at  timestamptz
);
CREATE INDEX node_registrations_node ON node_registrations (node);
COMMENT ON TABLE node_registrations IS
    'Instances of nodes as they registered themselves. One is alive while its lease has not expired; a row outlives its instance, so that the epoch only grows.';
COMMENT ON COLUMN node_registrations.service_id IS '<node>-<instance>, as in the service catalog.';
COMMENT ON COLUMN node_registrations.epoch IS 'Raised by each registration: a process that was replaced by a newer one of its id cannot renew.';
COMMENT ON COLUMN node_registrations.deregistered_at IS 'When the instance stopped in good order; null while it runs or if it died.';

-- A role may read every registration and write those of its own node: the role is the node's name
-- with underscores.
ALTER TABLE node_registrations ENABLE ROW LEVEL SECURITY;
CREATE POLICY registrations_are_public ON node_registrations
    FOR SELECT USING (true);
CREATE POLICY nodes_register_themselves ON node_registrations
    FOR INSERT WITH CHECK (node = replace(current_user::text, '_', '-'));
CREATE POLICY nodes_renew_themselves ON node_registrations
    FOR UPDATE USING (node = replace(current_user::text, '_', '-'))
    WITH CHECK (node = replace(current_user::text, '_', '-'));
GRANT SELECT, INSERT, UPDATE ON node_registrations TO PUBLIC;

-- +goose Down
DROP TABLE node_registrations;
