package payment

import (
	"context"

	"github.com/omninode-ai/omninode/onex"
)

// handler implements Handler.
type handler struct {
	cfg Config
	req Requirements
}

// newHandler returns the handler of the node.
func newHandler(cfg Config, req Requirements) Handler { return handler{cfg: cfg, req: req} }

// ChargeCardV1 handles payment/charge-card.v1: Takes money from a card.
func (h handler) ChargeCardV1(_ context.Context, in onex.Input[Charge], emit ChargeCardV1Emitter) error {
	emit.CardChargedV1(Receipt{AmountCents: 1, OrderID: in.Data.OrderID, PaymentID: "70c29c08-e604-5402-aed4-0060997ffb4f"})
	return nil
}

// RefundCardV1 handles payment/refund-card.v1: Gives back all of what a payment took.
func (h handler) RefundCardV1(_ context.Context, in onex.Input[Refund], emit RefundCardV1Emitter) error {
	emit.CardRefundedV1(Receipt{AmountCents: 1, OrderID: in.Data.OrderID, PaymentID: "70c29c08-e604-5402-aed4-0060997ffb4f"})
	return nil
}
