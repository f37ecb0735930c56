package checkout

import "context"

// handler implements Handler.
type handler struct {
	cfg Config
	req Requirements
}

// newHandler returns the handler of the node.
func newHandler(cfg Config, req Requirements) Handler { return handler{cfg: cfg, req: req} }

// Place builds the command of step place: orders/place-order.v1.
func (h handler) Place(_ context.Context, w Workflow) (OrdersOrder, error) {
	return OrdersOrder{Lines: []OrdersLine{{Quantity: 1, Sku: "sku", UnitCents: 1}}, OrderID: w.Start.OrderID}, nil
}

// Price builds the command of step price: pricing/price-order.v1.
func (h handler) Price(_ context.Context, w Workflow) (PricingOrder, error) {
	return PricingOrder{Lines: []PricingLine{{Quantity: 1, Sku: "sku", UnitCents: 1}}, OrderID: w.Start.OrderID}, nil
}

// Charge builds the command of step charge: payment/charge-card.v1.
func (h handler) Charge(_ context.Context, w Workflow) (PaymentCharge, error) {
	return PaymentCharge{AmountCents: 1, Card: "4242424242424242", OrderID: w.Start.OrderID, PaymentID: "70c29c08-e604-5402-aed4-0060997ffb4f"}, nil
}

// UndoCharge builds the command that compensates step charge: payment/refund-card.v1.
func (h handler) UndoCharge(_ context.Context, w Workflow) (PaymentRefund, error) {
	return PaymentRefund{OrderID: w.Start.OrderID, PaymentID: "70c29c08-e604-5402-aed4-0060997ffb4f"}, nil
}

// Completed builds the event of a workflow whose steps all succeeded: checkout/checkout-completed.v1.
func (h handler) Completed(_ context.Context, w Workflow) (Done, error) {
	return Done{OrderID: w.Start.OrderID, TotalCents: 1}, nil
}

// Failed builds the event of a workflow that failed, after every undo: checkout/checkout-failed.v1.
func (h handler) Failed(_ context.Context, w Workflow) (Failure, error) {
	return Failure{OrderID: w.Start.OrderID, Reason: "reason"}, nil
}
