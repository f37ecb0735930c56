-- +goose Up

CREATE TYPE message AS (
    topic         text,
    key           bytea,
    header_names  bytea[],
    header_values bytea[],
    value         bytea
);
COMMENT ON TYPE message IS
    'A record as it is handed over: an array of them is one parameter of a statement, so that a batch is written by one.';

-- +goose Down
DROP TYPE message;
