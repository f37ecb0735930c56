-- +goose Up

CREATE TABLE relay (
    sole       boolean     PRIMARY KEY DEFAULT true CHECK (sole),
    term       bigint      NOT NULL,
    holder     text        NOT NULL,
    taken_at   timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
) WITH (fillfactor = 10);
INSERT INTO relay (term, holder, taken_at, expires_at) VALUES (0, '', '-infinity', '-infinity');
COMMENT ON TABLE relay IS
    'Which process relays the outbox: a lease by the clock of the database. Whoever finds it expired begins the next term; what belongs to a term is refused once there is a later one.';
COMMENT ON COLUMN relay.holder IS 'Instance; for people.';

CREATE INDEX inbox_handled ON inbox (handled_at);
COMMENT ON INDEX inbox_handled IS 'For the sweep of what was handled long ago. Rows of one commit have one time, so that it stays small.';

-- +goose Down
DROP INDEX inbox_handled;
DROP TABLE relay;
