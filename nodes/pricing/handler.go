package pricing

import (
	"context"
	"math"
	"math/bits"

	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/config"
)

// handler prices orders. It is pure.
type handler struct {
	taxMillionths uint64 // of the net price: 20 % is 200,000
	netPrices     config.Flag
}

// newHandler returns the handler of the node. The tax counts to four decimals of a percent.
func newHandler(cfg Config, _ Requirements) Handler {
	return handler{taxMillionths: uint64(math.Round(cfg.TaxPercent * 10_000)), netPrices: cfg.Flags.NetPrices}
}

// PriceOrderV1 sums the lines' prices: gross, unless the flag asks for net ones.
func (h handler) PriceOrderV1(_ context.Context, in onex.Input[Order], emit PriceOrderV1Emitter) error {
	net := h.netPrices.Enabled()
	var total uint64
	for _, l := range in.Data.Lines {
		price := uint64(l.Quantity) * uint64(l.UnitCents)
		if !net {
			price = h.gross(price)
		}
		total += price
	}
	emit.OrderPricedV1(Price{OrderID: in.Data.OrderID, TotalCents: int64(total)})
	return nil
}

// gross adds the tax to the net price of a line, rounded half up to a cent. The contract's bounds
// keep a line below 2^54 and an order below 2^63 cents, but net × tax may need more than 64 bits.
func (h handler) gross(net uint64) uint64 {
	const million, half = 1_000_000, 500_000
	hi, lo := bits.Mul64(net, h.taxMillionths)
	lo, carry := bits.Add64(lo, half, 0)
	tax, _ := bits.Div64(hi+carry, lo, million)
	return net + tax
}
