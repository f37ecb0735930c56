package checkout

import (
	"context"
	"errors"

	"github.com/google/uuid"
)

// handler builds the messages of a checkout from what its workflow has seen.
type handler struct{}

// newHandler returns the handler of the node.
func newHandler(Config, Requirements) Handler { return handler{} }

// errNoPrice cannot happen while the contract puts price before charge and the end.
var errNoPrice = errors.New("order has no price yet")

// Place builds the command that puts the cart into the books.
func (handler) Place(_ context.Context, w Workflow) (OrdersOrder, error) {
	lines := make([]OrdersLine, 0, len(w.Start.Lines))
	for _, l := range w.Start.Lines {
		lines = append(lines, OrdersLine(l))
	}
	return OrdersOrder{OrderID: w.Start.OrderID, Lines: lines}, nil
}

// Price builds the command that asks for the order's price.
func (handler) Price(_ context.Context, w Workflow) (PricingOrder, error) {
	lines := make([]PricingLine, 0, len(w.Start.Lines))
	for _, l := range w.Start.Lines {
		lines = append(lines, PricingLine(l))
	}
	return PricingOrder{OrderID: w.Start.OrderID, Lines: lines}, nil
}

// Charge builds the command that takes the order's price from the card.
func (handler) Charge(_ context.Context, w Workflow) (PaymentCharge, error) {
	if w.PricingOrderPricedV1 == nil {
		return PaymentCharge{}, errNoPrice
	}
	return PaymentCharge{
		PaymentID: paymentID(w.Start.OrderID), OrderID: w.Start.OrderID,
		Card: w.Start.Card, AmountCents: w.PricingOrderPricedV1.TotalCents,
	}, nil
}

// UndoCharge builds the command that gives the money back.
func (handler) UndoCharge(_ context.Context, w Workflow) (PaymentRefund, error) {
	return PaymentRefund{PaymentID: paymentID(w.Start.OrderID), OrderID: w.Start.OrderID}, nil
}

// Completed builds the event of a paid order.
func (handler) Completed(_ context.Context, w Workflow) (Done, error) {
	if w.PricingOrderPricedV1 == nil {
		return Done{}, errNoPrice
	}
	return Done{OrderID: w.Start.OrderID, TotalCents: w.PricingOrderPricedV1.TotalCents}, nil
}

// Failed builds the event of a checkout without a paid order. What the gateway said is more use to
// a customer than which step failed.
func (handler) Failed(_ context.Context, w Workflow) (Failure, error) {
	reason := w.Reason
	if d := w.PaymentCardDeclinedV1; d != nil {
		reason = d.Reason
	}
	return Failure{OrderID: w.Start.OrderID, Reason: reason}, nil
}

// paymentID derives the one payment of an order, so that asking again never charges twice.
func paymentID(orderID string) string {
	space := uuid.NewSHA1(uuid.NameSpaceDNS, []byte("payments.omninode.ai"))
	return uuid.NewSHA1(space, []byte(orderID)).String()
}
