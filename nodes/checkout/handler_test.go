package checkout

import (
	"errors"
	"testing"

	"github.com/google/uuid"
)

const orderID = "6b1f5f0e-8a4e-4f0c-9d1c-0f4b8c1d2e3f"

// testHandler returns the handler with fakes for what it requires; the generated behaviour test
// calls it.
func testHandler(t *testing.T) Handler {
	t.Helper()
	return newHandler(Config{}, Requirements{})
}

// priced returns a workflow whose order has a price.
func priced() Workflow {
	return Workflow{
		Key:                  orderID,
		Start:                Cart{OrderID: orderID, Card: "4242424242424242", Lines: []Line{{Sku: "tea", Quantity: 2, UnitCents: 450}}},
		PricingOrderPricedV1: &PricingPrice{OrderID: orderID, TotalCents: 1080},
	}
}

func TestOrderHasTheCartsLines(t *testing.T) {
	t.Parallel()
	h := testHandler(t)
	placed, err := h.Place(t.Context(), priced())
	if err != nil || placed.OrderID != orderID || len(placed.Lines) != 1 || Line(placed.Lines[0]) != priced().Start.Lines[0] {
		t.Errorf("place builds %+v, error %v", placed, err)
	}
	asked, err := h.Price(t.Context(), priced())
	if err != nil || asked.OrderID != orderID || len(asked.Lines) != 1 || Line(asked.Lines[0]) != priced().Start.Lines[0] {
		t.Errorf("price builds %+v, error %v", asked, err)
	}
}

func TestChargeTakesThePrice(t *testing.T) {
	t.Parallel()
	h := testHandler(t)
	charge, err := h.Charge(t.Context(), priced())
	if err != nil {
		t.Fatal(err)
	}
	id, err := uuid.Parse(charge.PaymentID)
	if err != nil || id.Version() != 5 {
		t.Errorf("payment id %q is no UUIDv5: %v", charge.PaymentID, err)
	}
	want := PaymentCharge{PaymentID: charge.PaymentID, OrderID: orderID, Card: "4242424242424242", AmountCents: 1080}
	if charge != want {
		t.Errorf("charge is %+v, want %+v", charge, want)
	}
	refund, err := h.UndoCharge(t.Context(), priced())
	if err != nil || refund.PaymentID != charge.PaymentID {
		t.Errorf("refund of payment %s, error %v; want %s", refund.PaymentID, err, charge.PaymentID)
	}
}

func TestPaymentIDFollowsFromTheOrder(t *testing.T) {
	t.Parallel()
	const want = "ae1e8526-9445-5550-8469-906f87b8f028"
	if got := paymentID(orderID); got != want { // payments that were made stay known by it
		t.Errorf("payment id is %s, want %s", got, want)
	}
	if paymentID("another") == want {
		t.Error("two orders have one payment")
	}
}

func TestNothingIsChargedWithoutAPrice(t *testing.T) {
	t.Parallel()
	h, w := testHandler(t), priced()
	w.PricingOrderPricedV1 = nil
	if _, err := h.Charge(t.Context(), w); !errors.Is(err, errNoPrice) {
		t.Errorf("charge without a price: error %v, want %v", err, errNoPrice)
	}
	if _, err := h.Completed(t.Context(), w); !errors.Is(err, errNoPrice) {
		t.Errorf("completed without a price: error %v, want %v", err, errNoPrice)
	}
}

func TestFailureTellsTheReason(t *testing.T) {
	t.Parallel()
	w := priced()
	w.Reason = "step charge: no answer within 30s"
	for _, tc := range []struct {
		decline *PaymentDecline
		want    string
	}{
		{nil, "step charge: no answer within 30s"},
		{&PaymentDecline{Reason: "card declined"}, "card declined"},
	} {
		w.PaymentCardDeclinedV1 = tc.decline
		got, err := testHandler(t).Failed(t.Context(), w)
		if err != nil || got != (Failure{OrderID: orderID, Reason: tc.want}) {
			t.Errorf("failure is %+v, error %v; want reason %q", got, err, tc.want)
		}
	}
}
