-- +goose Up

CREATE TABLE workflow (
    hash       text        PRIMARY KEY,
    definition bytea       NOT NULL,
    version    text        NOT NULL,
    stored_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE workflow IS
    'Definitions of an orchestrator''s workflow: an instance goes on by the one it began with, in whatever process and version of the node.';
COMMENT ON COLUMN workflow.hash IS 'SHA-256 of the definition.';
COMMENT ON COLUMN workflow.definition IS 'JSON, exactly as it was hashed.';
COMMENT ON COLUMN workflow.version IS 'Of the node that stored it first; for people.';

CREATE TABLE instance (
    key        text        PRIMARY KEY,
    definition text        NOT NULL,
    status     text        NOT NULL CHECK (status IN ('running', 'undoing', 'halted', 'completed', 'failed', 'cancelled')),
    started_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 80);
CREATE INDEX instance_status ON instance (status, changed_at);
COMMENT ON TABLE instance IS
    'What each instance of a workflow is doing, written with its state when that changes: to find those that run without reading every state.';
COMMENT ON COLUMN instance.definition IS 'Hash of the definition it goes on by.';

ALTER TABLE timer ADD COLUMN note text NOT NULL DEFAULT '';
COMMENT ON COLUMN timer.note IS 'Of a timer that a person set to ask something of an instance: who, and why.';

-- +goose Down
ALTER TABLE timer DROP COLUMN note;
DROP TABLE instance;
DROP TABLE workflow;
