-- +goose Up

CREATE TABLE charge (
    payment_id   uuid        PRIMARY KEY,
    order_id     uuid        NOT NULL,
    amount_cents bigint      NOT NULL CHECK (amount_cents >= 0),
    charged_at   timestamptz NOT NULL DEFAULT now(),
    refunded_at  timestamptz
);
COMMENT ON TABLE charge IS
    'What the card gateway took, for the books: written in the transaction that commits the command.';

-- +goose Down
DROP TABLE charge;
