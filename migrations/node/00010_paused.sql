-- +goose Up

CREATE TABLE paused (
    input     text        PRIMARY KEY,
    reason    text        NOT NULL,
    paused_by text        NOT NULL,
    paused_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE paused IS
    'What a person keeps the node from handling: all its instances look every second. Deleting a row resumes.';
COMMENT ON COLUMN paused.input IS 'Message type, e.g. payment/charge-card.v1; empty is the whole node.';
COMMENT ON COLUMN paused.paused_by IS 'For people.';

-- +goose Down
DROP TABLE paused;
