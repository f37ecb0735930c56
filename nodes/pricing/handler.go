package pricing

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

// PriceOrderV1 handles pricing/price-order.v1: Asks for the price of an order.
func (h handler) PriceOrderV1(_ context.Context, in onex.Input[Order], emit PriceOrderV1Emitter) error {
	emit.OrderPricedV1(Price{OrderID: in.Data.OrderID, TotalCents: 1})
	return nil
}
