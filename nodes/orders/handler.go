package orders

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

// PlaceOrderV1 handles orders/place-order.v1: Takes an order into the books.
func (h handler) PlaceOrderV1(_ context.Context, in onex.Input[Order], _ OrderState, emit PlaceOrderV1Emitter) (OrderState, error) {
	emit.OrderPlacedV1(Order{Lines: []Line{{Quantity: 1, Sku: "sku", UnitCents: 1}}, OrderID: in.Data.OrderID})
	return OrderState{Lines: []Line{{Quantity: 1, Sku: "sku", UnitCents: 1}}, OrderID: in.Data.OrderID}, nil
}

// PaymentCardChargedV1 handles payment/card-charged.v1: The gateway took the money.
func (h handler) PaymentCardChargedV1(_ context.Context, in onex.Input[PaymentReceipt], _ OrderState, emit PaymentCardChargedV1Emitter) (OrderState, error) {
	emit.OrderReadyV1(OrderRef{OrderID: in.Data.OrderID})
	return OrderState{Lines: []Line{{Quantity: 1, Sku: "sku", UnitCents: 1}}, OrderID: in.Data.OrderID}, nil
}

// PaymentCardDeclinedV1 handles payment/card-declined.v1: The gateway refused the card; no money moved.
func (h handler) PaymentCardDeclinedV1(_ context.Context, in onex.Input[PaymentDecline], _ OrderState, emit PaymentCardDeclinedV1Emitter) (OrderState, error) {
	return OrderState{Lines: []Line{{Quantity: 1, Sku: "sku", UnitCents: 1}}, OrderID: in.Data.OrderID}, nil
}
