-- +goose Up

CREATE TABLE parked (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic           text        NOT NULL,
    partition       integer     NOT NULL,
    record_offset   bigint      NOT NULL,
    key             text        NOT NULL,
    header_names    bytea[]     NOT NULL,
    header_values   bytea[]     NOT NULL,
    value           bytea       NOT NULL,
    reason          text        NOT NULL CHECK (reason IN ('retry', 'early', 'behind', 'halted')),
    attempts        integer     NOT NULL,
    parked_at       timestamptz NOT NULL,
    next_attempt_at timestamptz,
    error           text        NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX parked_queue ON parked (topic, key, id);
CREATE INDEX parked_due ON parked (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX parked_early ON parked (key) WHERE reason = 'early';
COMMENT ON TABLE parked IS
    'Records that wait, in order of id per topic and key: the first for its next attempt, the others behind it. Other keys go on.';
COMMENT ON COLUMN parked.attempts IS 'Calls of the handler so far.';
COMMENT ON COLUMN parked.next_attempt_at IS 'Null: waits until the record before it is done, or, if halted, until a person acts.';
COMMENT ON COLUMN parked.error IS 'Of the last attempt; for people.';

-- +goose Down
DROP TABLE parked;
