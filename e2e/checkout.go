package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omninode-ai/omninode/e2e/gateway"
	"github.com/omninode-ai/omninode/onex/event"
)

func checkoutCompletes(ctx context.Context, s *Stack) error {
	c, err := s.begin(ctx, goodCard)
	if err != nil {
		return err
	}
	done, err := c.await(ctx, checkoutCompleted)
	if err != nil {
		return err
	}
	var result struct {
		TotalCents int `json:"total_cents"`
	}
	if err := json.Unmarshal([]byte(done.Value), &result); err != nil {
		return fmt.Errorf("read %s: %w", checkoutCompleted, err)
	}
	charge, err := c.charge(ctx)
	if err != nil {
		return err
	}
	if result.TotalCents != grossCents || charge.AmountCents != grossCents {
		return fmt.Errorf("the customer was told %d cents and charged %d, want %d", result.TotalCents, charge.AmountCents, grossCents)
	}
	if charge.Status != gateway.Charged || charge.Charges != 1 {
		return fmt.Errorf("the gateway has %s with %d charges, want one", charge.Status, charge.Charges)
	}
	if err := c.checkBooks(ctx, charge.AmountCents); err != nil {
		return err
	}
	return c.checkChain()
}

// checkBooks wants the charge in the table of payment's own, written with the answer it belongs to.
func (c *checkout) checkBooks(ctx context.Context, cents int64) error {
	var booked int64
	err := c.stack.db.QueryRow(ctx, `SELECT coalesce(sum(amount_cents), 0) FROM payment.charge WHERE order_id::text = $1`, c.order).Scan(&booked)
	if err != nil {
		return fmt.Errorf("read the charges that payment booked: %w", err)
	}
	if booked != cents {
		return fmt.Errorf("payment booked %d cents, the gateway charged %d", booked, cents)
	}
	return nil
}

// checkChain wants every message of the happy path exactly once, each caused by another of the
// chain, with the id that follows from its cause.
func (c *checkout) checkChain() error {
	path := []string{
		startCheckout, placeOrder, orderPlaced, priceOrder, orderPriced,
		chargeCard, cardCharged, orderReady, checkoutCompleted,
	}
	byID := map[string]message{}
	for _, ref := range path {
		found := c.all(ref)
		if len(found) != 1 {
			return fmt.Errorf("%d times %s in the chain, want one\n%s", len(found), ref, c.stack.bus.chain(c.start.ID))
		}
		byID[found[0].Event.ID] = found[0]
	}
	for _, m := range byID {
		if m.Event.ID == c.start.ID {
			continue
		}
		if err := checkLink(m, byID); err != nil {
			return err
		}
	}
	return nil
}

const maxOrdinal = 8

func checkLink(m message, byID map[string]message) error {
	e := m.Event
	if _, ok := byID[e.CausationID]; !ok {
		return fmt.Errorf("%s was caused by %s, which is no message of the chain", e.Type, e.CausationID)
	}
	producer, ok := nodeOf(e.Source)
	if !ok {
		return fmt.Errorf("%s has the source %q", e.Type, e.Source)
	}
	for ordinal := range maxOrdinal {
		if event.DeriveID(e.CausationID, producer, e.Type, ordinal) == e.ID {
			return nil
		}
	}
	return fmt.Errorf("id %s of %s does not follow from its cause %s", e.ID, e.Type, e.CausationID)
}

func nodeOf(source string) (string, bool) {
	prefix := event.Source("")
	if len(source) <= len(prefix) || source[:len(prefix)] != prefix {
		return "", false
	}
	return source[len(prefix):], true
}

func cardDeclines(ctx context.Context, s *Stack) error {
	c, err := s.begin(ctx, declinedCard)
	if err != nil {
		return err
	}
	failed, err := c.await(ctx, checkoutFailed)
	if err != nil {
		return err
	}
	if err := wantReason(failed); err != nil {
		return err
	}
	charge, err := c.charge(ctx)
	if err != nil {
		return err
	}
	if charge.Status != gateway.Declined || charge.Charges != 0 {
		return fmt.Errorf("the gateway has %s with %d charges, want a decline without any", charge.Status, charge.Charges)
	}
	if n := len(c.all(checkoutCompleted)); n != 0 {
		return fmt.Errorf("the checkout failed and completed\n%s", s.bus.chain(c.start.ID))
	}
	return c.settled(ctx, "failed", "cancelled")
}

func wantReason(failed message) error {
	var failure struct {
		Reason string `json:"reason"`
	}
	if err := json.Unmarshal([]byte(failed.Value), &failure); err != nil {
		return fmt.Errorf("read %s: %w", checkoutFailed, err)
	}
	if failure.Reason == "" {
		return fmt.Errorf("%s gives no reason", checkoutFailed)
	}
	return nil
}

// lateCharge lets the checkout time out while the gateway still works on the charge. Instead of
// waiting for the contract's 30 seconds it makes the stored timer due.
func lateCharge(ctx context.Context, s *Stack) error {
	c, err := s.begin(ctx, slowCard)
	if err != nil {
		return err
	}
	if _, err := c.await(ctx, chargeCard); err != nil {
		return err
	}
	if err := c.expire(ctx); err != nil {
		return err
	}
	for _, ref := range []string{checkoutFailed, cardCharged, refundCard, cardRefunded} {
		if _, err := c.await(ctx, ref); err != nil {
			return err
		}
	}
	if n := len(c.all(checkoutFailed)); n != 1 {
		return fmt.Errorf("the checkout failed %d times, want once\n%s", n, s.bus.chain(c.start.ID))
	}
	charge, err := c.charge(ctx)
	if err != nil {
		return err
	}
	if charge.Status != gateway.Refunded || charge.Charges != 1 || charge.Refunds != 1 {
		return fmt.Errorf("the gateway has %s with %d charges and %d refunds, want one of each", charge.Status, charge.Charges, charge.Refunds)
	}
	return nil
}

// expire makes the workflow's timers due.
func (c *checkout) expire(ctx context.Context) error {
	tag, err := c.stack.db.Exec(ctx, `UPDATE checkout.timer SET due_at = now() WHERE key = $1`, c.order)
	if err != nil {
		return fmt.Errorf("make the workflow's timer due: %w", err)
	}
	if tag.RowsAffected() != 1 {
		return fmt.Errorf("the workflow has %d timers while it waits for the charge, want one\n%s", tag.RowsAffected(), c.describe(ctx))
	}
	return nil
}

// duplicateStart sends the same start twice at once, and after the end delivers its start and its
// commands again and starts the same order anew.
func duplicateStart(ctx context.Context, s *Stack) error {
	c, err := s.newCheckout(goodCard)
	if err != nil {
		return err
	}
	if err := errors.Join(c.send(ctx), c.send(ctx)); err != nil {
		return err
	}
	if _, err := c.await(ctx, checkoutCompleted); err != nil {
		return err
	}
	for _, ref := range []string{startCheckout, placeOrder, chargeCard} {
		if err := c.redeliver(ctx, ref); err != nil {
			return err
		}
	}
	again, err := c.restart(ctx)
	if err != nil {
		return err
	}
	if err := c.onlyOnce(ctx); err != nil {
		return err
	}
	if n := len(again.all(placeOrder)); n != 0 {
		return fmt.Errorf("another start of a finished checkout placed %d orders, want none", n)
	}
	return nil
}

// onlyOnce wants no duplicate of what the nodes sent, no dead letter, and a gateway that was asked
// once.
func (c *checkout) onlyOnce(ctx context.Context) error {
	bus := c.stack.bus
	for _, ref := range []string{orderPlaced, orderPriced, cardCharged, orderReady, checkoutCompleted} {
		if n := len(c.all(ref)); n != 1 {
			return fmt.Errorf("%d times %s after duplicates, want one\n%s", n, ref, bus.chain(c.start.ID))
		}
	}
	dead, _ := bus.find(func(m message) bool { return m.dead() && m.Event.CorrelationID == c.start.ID })
	if len(dead) > 0 {
		return fmt.Errorf("a duplicate was dead-lettered\n%s", bus.chain(c.start.ID))
	}
	charge, err := c.charge(ctx)
	if err != nil {
		return err
	}
	if charge.Requests != 1 || charge.Charges != 1 {
		return fmt.Errorf("the gateway was asked %d times and charged %d times, want once", charge.Requests, charge.Charges)
	}
	return nil
}

// redeliver produces a command of the checkout again, byte for byte, and waits until its receiver has
// passed it.
func (c *checkout) redeliver(ctx context.Context, ref string) error {
	m, err := c.await(ctx, ref)
	if err != nil {
		return err
	}
	r, err := c.stack.bus.send(ctx, event.Topic{Class: event.Command, Ref: m.Event.Type}, m.Event)
	if err != nil {
		return err
	}
	return c.stack.passed(ctx, m.Event.Type.Node, r)
}

// restart starts a finished checkout again with a new envelope of the same order, and waits until
// checkout has passed it.
func (c *checkout) restart(ctx context.Context) (*checkout, error) {
	again := &checkout{stack: c.stack, order: c.order}
	again.start = event.NewRoot("onex://e2e", c.start.Type, c.order, c.start.Data, time.Now())
	r, err := c.stack.bus.send(ctx, event.Topic{Class: event.Command, Ref: again.start.Type}, again.start)
	if err != nil {
		return nil, err
	}
	return again, c.stack.passed(ctx, again.start.Type.Node, r)
}

// passed waits until a node that keeps its offsets in Postgres is past a record.
func (s *Stack) passed(ctx context.Context, node string, r *kgo.Record) error {
	fence := pgx.Identifier{strings.ReplaceAll(node, "-", "_"), "fence"}.Sanitize()
	return s.eventually(ctx, node+" passes a record", func(ctx context.Context) error {
		var next int64
		err := s.db.QueryRow(ctx, `SELECT next_off FROM `+fence+` WHERE topic = $1 AND partition = $2 ORDER BY claimed_at DESC LIMIT 1`,
			r.Topic, r.Partition).Scan(&next)
		if err != nil {
			return fmt.Errorf("read the fence of %s: %w", node, err)
		}
		if next <= r.Offset {
			return fmt.Errorf("it is at offset %d of %s[%d], want past %d", next, r.Topic, r.Partition, r.Offset)
		}
		return nil
	})
}
