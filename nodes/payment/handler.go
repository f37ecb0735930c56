package payment

import (
	"context"
	"errors"
	"fmt"

	"github.com/omninode-ai/omninode/onex"
)

// handler moves money through a card gateway.
type handler struct {
	gateway Gateway
}

// newHandler returns the handler of the node.
func newHandler(_ Config, req Requirements) Handler { return handler{gateway: req.Gateway} }

// ChargeCardV1 charges a card. A declined card is an answer, not an error.
func (h handler) ChargeCardV1(ctx context.Context, in onex.Input[Charge], emit ChargeCardV1Emitter) error {
	c := in.Data
	err := h.gateway.Charge(ctx, in.IdempotencyKey, c.Card, c.AmountCents)
	if declined, ok := errors.AsType[*DeclinedError](err); ok {
		emit.CardDeclinedV1(Decline{PaymentID: c.PaymentID, OrderID: c.OrderID, Reason: declined.Reason})
		return nil
	}
	if err != nil {
		return fmt.Errorf("charge payment %s: %w", c.PaymentID, err)
	}
	emit.CardChargedV1(Receipt{PaymentID: c.PaymentID, OrderID: c.OrderID, AmountCents: c.AmountCents})
	emit.Commit(func(ctx context.Context, tx onex.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO charge (payment_id, order_id, amount_cents) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, c.PaymentID, c.OrderID, c.AmountCents)
		return err
	})
	return nil
}

// RefundCardV1 gives back what a payment took. The gateway knows the payment by the idempotency key
// of its charge, which is the payment's id for both.
func (h handler) RefundCardV1(ctx context.Context, in onex.Input[Refund], emit RefundCardV1Emitter) error {
	r := in.Data
	amount, err := h.gateway.Refund(ctx, in.IdempotencyKey)
	if err != nil {
		return fmt.Errorf("refund payment %s: %w", r.PaymentID, err)
	}
	emit.CardRefundedV1(Receipt{PaymentID: r.PaymentID, OrderID: r.OrderID, AmountCents: amount})
	emit.Commit(func(ctx context.Context, tx onex.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE charge SET refunded_at = now() WHERE payment_id = $1`, r.PaymentID)
		return err
	})
	return nil
}
