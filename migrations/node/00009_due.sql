-- +goose Up

DROP INDEX parked_due;
CREATE INDEX parked_due ON parked (topic, partition, next_attempt_at) WHERE next_attempt_at IS NOT NULL;
COMMENT ON INDEX parked_due IS
    'Each process asks for its own partitions: what waits in others, however much it is, costs it nothing.';

-- +goose Down
DROP INDEX parked_due;
CREATE INDEX parked_due ON parked (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
