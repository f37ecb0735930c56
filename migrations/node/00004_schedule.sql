-- +goose Up

CREATE TABLE schedule (
    name       text        PRIMARY KEY,
    spec       text        NOT NULL,
    last_tick  timestamptz NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
COMMENT ON TABLE schedule IS
    'The last tick of each schedule that was sent: written with the command in the outbox, by the process that relays it. A write must find the tick it follows.';
COMMENT ON COLUMN schedule.spec IS 'When it ticks. Another spec is another schedule, which begins when it is first seen.';
COMMENT ON COLUMN schedule.last_tick IS 'Or when the schedule was first seen: what was due before is nobody''s business.';

-- +goose Down
DROP TABLE schedule;
