package orders

import (
	"context"

	"github.com/omninode-ai/omninode/onex"
)

// handler keeps the books. The engine holds the machine's state; the handler only says what is known
// about an order.
type handler struct{}

// newHandler returns the handler of the node.
func newHandler(Config, Requirements) Handler { return handler{} }

// PlaceOrderV1 opens an order.
func (handler) PlaceOrderV1(_ context.Context, in onex.Input[Order], _ OrderState, emit PlaceOrderV1Emitter) (OrderState, error) {
	emit.OrderPlacedV1(in.Data)
	return OrderState{OrderID: in.Data.OrderID, Lines: in.Data.Lines}, nil
}

// PaymentCardChargedV1 notes the payment; the order can be shipped.
func (handler) PaymentCardChargedV1(_ context.Context, in onex.Input[PaymentReceipt], state OrderState, emit PaymentCardChargedV1Emitter) (OrderState, error) {
	state.PaymentID = &in.Data.PaymentID
	state.PaidCents = &in.Data.AmountCents
	emit.OrderReadyV1(OrderRef{OrderID: state.OrderID})
	return state, nil
}

// PaymentCardDeclinedV1 notes why the order will not be paid.
func (handler) PaymentCardDeclinedV1(_ context.Context, in onex.Input[PaymentDecline], state OrderState, _ PaymentCardDeclinedV1Emitter) (OrderState, error) {
	state.PaymentID = &in.Data.PaymentID
	state.DeclineReason = &in.Data.Reason
	return state, nil
}
