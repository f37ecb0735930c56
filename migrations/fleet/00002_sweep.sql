-- +goose Up

CREATE POLICY nodes_forget_themselves ON node_registrations
    FOR DELETE USING (node = replace(current_user::text, '_', '-'));
GRANT DELETE ON node_registrations TO PUBLIC;
COMMENT ON COLUMN node_registrations.epoch IS 'Raised by each registration, and begun by the clock: it only grows, also if the row was swept in between. A process that was replaced by a newer one of its id cannot renew.';
COMMENT ON TABLE node_registrations IS
    'Instances of nodes as they registered themselves. One is alive while its lease has not expired; its row is swept long after.';

-- +goose Down
COMMENT ON TABLE node_registrations IS
    'Instances of nodes as they registered themselves. One is alive while its lease has not expired; a row outlives its instance, so that the epoch only grows.';
COMMENT ON COLUMN node_registrations.epoch IS 'Raised by each registration: a process that was replaced by a newer one of its id cannot renew.';
REVOKE DELETE ON node_registrations FROM PUBLIC;
DROP POLICY nodes_forget_themselves ON node_registrations;
