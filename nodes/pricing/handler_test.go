package pricing

import (
	"testing"

	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/onextest"
)

// testHandler returns the handler with fakes for what it requires; the generated behaviour test
// calls it.
func testHandler(t *testing.T) Handler {
	t.Helper()
	return newHandler(Config{TaxPercent: 20}, Requirements{})
}

func TestPriceOrder(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		tax   float64
		lines []Line
		want  int64
	}{
		{"no tax", 0, []Line{{Quantity: 3, UnitCents: 5}}, 15},
		{"sum of lines", 20, []Line{{Quantity: 2, UnitCents: 1000}, {Quantity: 1, UnitCents: 500}}, 3000},
		{"half a cent goes up", 10, []Line{{Quantity: 1, UnitCents: 5}}, 6},
		{"less than half a cent goes down", 10, []Line{{Quantity: 1, UnitCents: 4}}, 4},
		{"each line is rounded by itself", 10, []Line{{Quantity: 1, UnitCents: 5}, {Quantity: 1, UnitCents: 5}}, 12},
		{"decimals of a percent", 7.7, []Line{{Quantity: 1, UnitCents: 1000}}, 1077},
		{"free of charge", 20, []Line{{Quantity: 7, UnitCents: 0}}, 0},
		{"beyond 64 bits before the division", 100, []Line{{Quantity: 1_000_000, UnitCents: 100_000_000}}, 200_000_000_000_000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := price(t, Config{TaxPercent: tc.tax}, tc.lines)
			if got.TotalCents != tc.want {
				t.Errorf("total is %d cents, want %d", got.TotalCents, tc.want)
			}
		})
	}
}

func TestNetPrices(t *testing.T) {
	t.Parallel()
	cfg := Config{TaxPercent: 20}
	cfg.Flags.NetPrices = config.NewFlag(true)
	if got := price(t, cfg, []Line{{Quantity: 2, UnitCents: 1000}}); got.TotalCents != 2000 {
		t.Errorf("total is %d cents, want 2000", got.TotalCents)
	}
}

func price(t *testing.T, cfg Config, lines []Line) Price {
	t.Helper()
	order := Order{OrderID: "6b1f5f0e-8a4e-4f0c-9d1c-0f4b8c1d2e3f", Lines: lines}
	for i := range lines {
		lines[i].Sku = "sku"
	}
	h := newHandler(cfg, Requirements{})
	out := onextest.Call(t, routes(h), onextest.Input{Type: refPriceOrderV1, Data: order})
	p := onextest.Emitted[Price](t, out, refOrderPricedV1)
	if p.OrderID != order.OrderID {
		t.Errorf("price of order %s, want %s", p.OrderID, order.OrderID)
	}
	return p
}
