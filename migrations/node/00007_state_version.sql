-- +goose Up

ALTER TABLE inbox ADD COLUMN state_version bigint;
COMMENT ON COLUMN inbox.state_version IS
    'Version of the state the input led to, if it wrote one: the order in which the inputs of a key make its state, whatever topic they came on.';

-- +goose Down
ALTER TABLE inbox DROP COLUMN state_version;
