package orders

import (
	"reflect"
	"testing"

	"github.com/omninode-ai/omninode/onex/onextest"
)

const (
	orderID   = "6b1f5f0e-8a4e-4f0c-9d1c-0f4b8c1d2e3f"
	paymentID = "0d1c7f4a-5b0e-5c7e-9a53-2f9d8f6b1a10"
)

// testHandler returns the handler with fakes for what it requires; the generated behaviour test
// calls it.
func testHandler(t *testing.T) Handler {
	t.Helper()
	return newHandler(Config{}, Requirements{})
}

func order() Order {
	return Order{OrderID: orderID, Lines: []Line{{Sku: "tea", Quantity: 2, UnitCents: 450}}}
}

func placed() OrderState { return OrderState{OrderID: orderID, Lines: order().Lines} }

func TestPlaceOrder(t *testing.T) {
	t.Parallel()
	out := onextest.Call(t, routes(testHandler(t)), onextest.Input{Type: refPlaceOrderV1, Data: order()})
	if got := onextest.Emitted[Order](t, out, refOrderPlacedV1); !reflect.DeepEqual(got, order()) {
		t.Errorf("emitted %+v, want the order as it came", got)
	}
	if got := onextest.State[OrderState](t, out); !reflect.DeepEqual(got, placed()) {
		t.Errorf("state is %+v, want %+v", got, placed())
	}
}

func TestPaidOrderIsReady(t *testing.T) {
	t.Parallel()
	out := onextest.Call(t, routes(testHandler(t)), onextest.Input{
		Type: refPaymentCardChargedV1, State: placed(),
		Data: PaymentReceipt{OrderID: orderID, PaymentID: paymentID, AmountCents: 1080},
	})
	if got := onextest.Emitted[OrderRef](t, out, refOrderReadyV1); got.OrderID != orderID {
		t.Errorf("order %s is ready, want %s", got.OrderID, orderID)
	}
	want := placed()
	want.PaymentID, want.PaidCents = new(paymentID), new(int64(1080))
	if got := onextest.State[OrderState](t, out); !reflect.DeepEqual(got, want) {
		t.Errorf("state is %+v, want %+v", got, want)
	}
}

func TestDeclinedOrder(t *testing.T) {
	t.Parallel()
	out := onextest.Call(t, routes(testHandler(t)), onextest.Input{
		Type: refPaymentCardDeclinedV1, State: placed(),
		Data: PaymentDecline{OrderID: orderID, PaymentID: paymentID, Reason: "card declined"},
	})
	if len(out.Emissions) != 0 {
		t.Errorf("emitted %d messages, want none", len(out.Emissions))
	}
	want := placed()
	want.PaymentID, want.DeclineReason = new(paymentID), new("card declined")
	if got := onextest.State[OrderState](t, out); !reflect.DeepEqual(got, want) {
		t.Errorf("state is %+v, want %+v", got, want)
	}
}
