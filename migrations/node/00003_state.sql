-- +goose Up

CREATE TABLE state (
    key           text        PRIMARY KEY,
    version       bigint      NOT NULL,
    machine_state text        NOT NULL,
    data          bytea       NOT NULL,
    updated_at    timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 80);
COMMENT ON TABLE state IS
    'State of each key of a reducer, and of each instance of an orchestrator''s workflow. A write must find the version it was computed from.';
COMMENT ON COLUMN state.machine_state IS 'State of the declared machine; empty in an orchestrator.';
COMMENT ON COLUMN state.data IS 'JSON, exactly as the node wrote it.';

CREATE TABLE timer (
    key            text        NOT NULL,
    name           text        NOT NULL,
    due_at         timestamptz NOT NULL,
    attempts       integer     NOT NULL DEFAULT 0,
    cause_id       text        NOT NULL,
    correlation_id text        NOT NULL,
    workflow_id    text        NOT NULL,
    step_id        text        NOT NULL,
    trace_parent   text        NOT NULL,
    trace_state    text        NOT NULL,
    PRIMARY KEY (key, name)
);
CREATE INDEX timer_due ON timer (due_at);
COMMENT ON TABLE timer IS 'Timers of workflow instances; each is deleted in the transaction that handles it.';
COMMENT ON COLUMN timer.cause_id IS 'Id of the event that set the timer; with the columns after it, what the timer''s own event inherits.';

-- +goose Down
DROP TABLE timer;
DROP TABLE state;
