-- +goose Up

CREATE INDEX parked_halted ON parked (topic, key) WHERE reason = 'halted';

-- +goose Down
DROP INDEX parked_halted;
