package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/omninode-ai/omninode/e2e/gateway"
	"github.com/omninode-ai/omninode/onex/event"
)

// The shop's messages, by what they are to a customer.
const (
	startCheckout     = "checkout/start-checkout.v1"
	checkoutCompleted = "checkout/checkout-completed.v1"
	checkoutFailed    = "checkout/checkout-failed.v1"
	placeOrder        = "orders/place-order.v1"
	orderPlaced       = "orders/order-placed.v1"
	orderReady        = "orders/order-ready.v1"
	priceOrder        = "pricing/price-order.v1"
	orderPriced       = "pricing/order-priced.v1"
	chargeCard        = "payment/charge-card.v1"
	refundCard        = "payment/refund-card.v1"
	cardCharged       = "payment/card-charged.v1"
	cardDeclined      = "payment/card-declined.v1"
	cardRefunded      = "payment/card-refunded.v1"
)

// Cards of the gateway's sandbox.
const (
	goodCard     = "4242424242424242"
	declinedCard = "400000000000" + gateway.DeclinedSuffix
	slowCard     = "424242424242" + gateway.SlowSuffix
)

const (
	netCents   = 2500 // of cart
	grossCents = 3000 // with the contract's default VAT of 20 %
)

type cart struct {
	OrderID string `json:"order_id"`
	Card    string `json:"card"`
	Lines   []line `json:"lines"`
}

type line struct {
	SKU       string `json:"sku"`
	Quantity  int    `json:"quantity"`
	UnitCents int    `json:"unit_cents"`
}

// checkout is one customer's attempt, with an order id of its own.
type checkout struct {
	stack *Stack
	order string
	start event.Envelope
}

func (s *Stack) newCheckout(card string) (*checkout, error) {
	c := &checkout{stack: s, order: uuid.NewString()}
	data, err := json.Marshal(cart{OrderID: c.order, Card: card, Lines: []line{
		{SKU: "book", Quantity: 2, UnitCents: 1000}, {SKU: "pen", Quantity: 1, UnitCents: netCents - 2000},
	}})
	if err != nil {
		return nil, fmt.Errorf("encode a cart: %w", err)
	}
	c.start = event.NewRoot("onex://e2e", event.MustRef(startCheckout), c.order, data, time.Now())
	return c, nil
}

// begin starts a checkout with card.
func (s *Stack) begin(ctx context.Context, card string) (*checkout, error) {
	c, err := s.newCheckout(card)
	if err != nil {
		return nil, err
	}
	return c, c.send(ctx)
}

// send produces the start command; a second time it is a duplicate.
func (c *checkout) send(ctx context.Context) error {
	_, err := c.stack.bus.send(ctx, event.Topic{Class: event.Command, Ref: c.start.Type}, c.start)
	return err
}

// await waits for the checkout's message of a type. The error shows the chain so far and what the
// database knows.
func (c *checkout) await(ctx context.Context, ref string) (message, error) {
	m, err := c.stack.bus.await(ctx, c.stack.patient, c.is(ref))
	if err != nil {
		return m, fmt.Errorf("no %s of order %s: %w\n%s\n%s", ref, c.order, err, c.stack.bus.chain(c.start.ID), c.describe(ctx))
	}
	return m, nil
}

func (c *checkout) is(ref string) func(message) bool {
	want := event.MustRef(ref)
	return func(m message) bool {
		return m.Event.CorrelationID == c.start.ID && m.Event.Type == want && !m.dead()
	}
}

func (c *checkout) all(ref string) []message {
	found, _ := c.stack.bus.find(c.is(ref))
	return found
}

// describe says what the nodes stored about the order, as far as it can be read.
func (c *checkout) describe(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	workflow, err := c.workflow(ctx)
	if err != nil {
		return fmt.Sprintf("workflow: %v", err)
	}
	order, err := c.orderState(ctx)
	if err != nil {
		return fmt.Sprintf("workflow: %s; order: %v", workflow.Status, err)
	}
	return fmt.Sprintf("workflow: %s %v %s; order: %s", workflow.Status, workflow.Steps, workflow.Reason, order)
}

type workflowState struct {
	Status string            `json:"status"`
	Steps  map[string]string `json:"steps"`
	Reason string            `json:"reason"`
}

var errNoState = errors.New("no state is stored")

// workflow reads the instance's state from the orchestrator's schema.
func (c *checkout) workflow(ctx context.Context) (workflowState, error) {
	var data []byte
	err := c.stack.db.QueryRow(ctx, `SELECT data FROM checkout.state WHERE key = $1`, c.order).Scan(&data)
	if errors.Is(err, pgx.ErrNoRows) {
		return workflowState{}, errNoState
	}
	if err != nil {
		return workflowState{}, fmt.Errorf("read the workflow's state: %w", err)
	}
	var w workflowState
	return w, json.Unmarshal(data, &w)
}

// orderState reads the order's machine state from the reducer's schema.
func (c *checkout) orderState(ctx context.Context) (string, error) {
	var state string
	err := c.stack.db.QueryRow(ctx, `SELECT machine_state FROM orders.state WHERE key = $1`, c.order).Scan(&state)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", errNoState
	}
	if err != nil {
		return "", fmt.Errorf("read the order's state: %w", err)
	}
	return state, nil
}

// settled waits until workflow and order are in the given states.
func (c *checkout) settled(ctx context.Context, workflow, order string) error {
	return c.stack.eventually(ctx, "state of order "+c.order, func(ctx context.Context) error {
		w, err := c.workflow(ctx)
		if err != nil {
			return err
		}
		o, err := c.orderState(ctx)
		if err != nil {
			return err
		}
		if w.Status != workflow || o != order {
			return fmt.Errorf("workflow is %s and order is %s, want %s and %s", w.Status, o, workflow, order)
		}
		return nil
	})
}

// charge asks the gateway about the payment of the checkout's charge command.
func (c *checkout) charge(ctx context.Context) (gateway.Charge, error) {
	m, err := c.await(ctx, chargeCard)
	if err != nil {
		return gateway.Charge{}, err
	}
	var command struct {
		PaymentID string `json:"payment_id"`
	}
	if err := json.Unmarshal([]byte(m.Value), &command); err != nil {
		return gateway.Charge{}, fmt.Errorf("read %s: %w", chargeCard, err)
	}
	return c.stack.charge(ctx, command.PaymentID)
}

func (s *Stack) charge(ctx context.Context, key string) (gateway.Charge, error) {
	var charge gateway.Charge
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.GatewayURL+"/charges/"+key, nil)
	if err != nil {
		return charge, fmt.Errorf("ask the gateway: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+s.GatewayToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return charge, fmt.Errorf("ask the gateway: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return charge, fmt.Errorf("the gateway answers %s for charge %s", resp.Status, key)
	}
	return charge, json.NewDecoder(resp.Body).Decode(&charge)
}
