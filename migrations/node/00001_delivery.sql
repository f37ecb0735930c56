-- +goose Up

-- +goose StatementBegin
CREATE FUNCTION guard(changed bigint, code text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF changed = 0 THEN
        RAISE EXCEPTION 'delivery was overtaken' USING ERRCODE = code;
    END IF;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION guard(bigint, text) IS
    'Ends the transaction with an SQLSTATE of our own if a guarded statement changed no row, so that a whole commit travels in one round trip.';

CREATE TABLE fence (
    consumer_group text        NOT NULL,
    topic          text        NOT NULL,
    topic_id       uuid        NOT NULL,
    partition      integer     NOT NULL,
    epoch          bigint      NOT NULL,
    next_off       bigint      NOT NULL,
    instance       text        NOT NULL,
    claimed_at     timestamptz NOT NULL DEFAULT now(),
    moved_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer_group, topic, partition, topic_id)
) WITH (fillfactor = 50);
COMMENT ON TABLE fence IS
    'Where each partition is consumed from. Whoever claims a partition raises its epoch; a commit must find its own epoch and expected offset, so a process that was overtaken changes nothing.';
COMMENT ON COLUMN fence.topic_id IS 'Of the broker: a topic that was deleted and created again starts from its beginning.';
COMMENT ON COLUMN fence.next_off IS 'Offset of the next record to handle. Kafka''s own committed offset is a copy for lag tools.';
COMMENT ON COLUMN fence.instance IS 'Who claimed the partition last; for people.';

CREATE TABLE inbox (
    input           text        NOT NULL,
    idempotency_key text        NOT NULL,
    event_id        text        NOT NULL,
    topic           text        NOT NULL,
    partition       integer     NOT NULL,
    record_offset   bigint      NOT NULL,
    handled_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (input, idempotency_key)
);
COMMENT ON TABLE inbox IS
    'Which inputs were handled; a second delivery finds its row and is skipped. A dead letter leaves none, so that it can be replayed.';
COMMENT ON COLUMN inbox.input IS 'Message type, e.g. payment/charge-card.v1.';
COMMENT ON COLUMN inbox.idempotency_key IS 'The property the contract names, else the id of the event.';

CREATE TABLE outbox (
    id            bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic         text        NOT NULL,
    key           bytea       NOT NULL,
    header_names  bytea[]     NOT NULL,
    header_values bytea[]     NOT NULL,
    value         bytea       NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE outbox IS
    'Records to be produced, written with what caused them and deleted once the broker has them. Ids of one key are in the order of their commits: the row of its fence or state is locked before they are drawn.';
COMMENT ON COLUMN outbox.key IS 'Partition key: the aggregate whose order is kept.';

-- +goose Down
DROP TABLE outbox;
DROP TABLE inbox;
DROP TABLE fence;
DROP FUNCTION guard(bigint, text);
