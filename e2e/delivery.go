package e2e

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// poison sends what cannot be handled to each kind of node: bytes without an envelope, a payload
// that is not JSON, one that breaks its schema, none at all, and an envelope that does not say its cause.
func poison(ctx context.Context, s *Stack) error {
	for _, input := range []string{priceOrder, chargeCard, placeOrder, startCheckout} {
		ref := event.MustRef(input)
		topic := event.Topic{Class: event.Command, Ref: ref}
		bad := event.NewRoot("onex://e2e", ref, uuid.NewString(), []byte(`{"broken`), time.Now())
		invalid := event.NewRoot("onex://e2e", ref, uuid.NewString(), []byte(`{"order_id":"no uuid","payment_id":"x"}`), time.Now())
		bare := &kgo.Record{Topic: topic.String(), Key: []byte(bad.PartitionKey), Value: []byte("no envelope")}
		sent, err := s.bus.produce(ctx, bare)
		if err != nil {
			return err
		}
		if err := s.wantDeadLetter(ctx, sent, ref, engine.Malformed); err != nil {
			return err
		}
		sent, err = s.bus.produce(ctx, &kgo.Record{Topic: topic.String(), Key: []byte(bad.PartitionKey)})
		if err != nil {
			return err
		}
		if err := s.wantDeadLetter(ctx, sent, ref, engine.Tombstone); err != nil {
			return err
		}
		causeless := event.NewRoot("onex://e2e", ref, uuid.NewString(), []byte(`{}`), time.Now())
		causeless.CausationID = ""
		for e, class := range map[*event.Envelope]engine.Class{&bad: engine.Malformed, &invalid: engine.Invalid, &causeless: engine.Incomplete} {
			if sent, err = s.bus.send(ctx, topic, *e); err != nil {
				return err
			}
			if err := s.wantDeadLetter(ctx, sent, ref, class); err != nil {
				return err
			}
		}
	}
	c, err := s.begin(ctx, goodCard)
	if err != nil {
		return err
	}
	if _, err := c.await(ctx, checkoutCompleted); err != nil {
		return fmt.Errorf("healthy traffic after poison: %w", err)
	}
	return nil
}

func wrongTopic(ctx context.Context, s *Stack) error {
	e := event.NewRoot("onex://e2e", event.MustRef(priceOrder), uuid.NewString(), []byte(`{}`), time.Now())
	input := event.MustRef(chargeCard)
	sent, err := s.bus.send(ctx, event.Topic{Class: event.Command, Ref: input}, e)
	if err != nil {
		return err
	}
	return s.wantDeadLetter(ctx, sent, input, engine.WrongType, chargeCard, priceOrder)
}

// wantDeadLetter waits for the dead letter of a record that was sent to the owner of input, and
// checks its class, its origin, its bytes and that the error names what it should.
func (s *Stack) wantDeadLetter(ctx context.Context, sent *kgo.Record, input event.Ref, class engine.Class, names ...string) error {
	topic := event.DeadLetterTopic(input.Node, input).String()
	origin := map[string]string{
		engine.HeaderTopic: sent.Topic, engine.HeaderNode: input.Node,
		engine.HeaderPartition: strconv.Itoa(int(sent.Partition)), engine.HeaderOffset: strconv.FormatInt(sent.Offset, 10),
	}
	m, err := s.bus.await(ctx, s.patient, func(m message) bool {
		return m.Topic == topic && m.Headers[engine.HeaderPartition] == origin[engine.HeaderPartition] &&
			m.Headers[engine.HeaderOffset] == origin[engine.HeaderOffset]
	})
	if err != nil {
		return fmt.Errorf("no dead letter on %s of %s[%d]@%d: %w", topic, sent.Topic, sent.Partition, sent.Offset, err)
	}
	for k, want := range origin {
		if m.Headers[k] != want {
			return fmt.Errorf("header %s of the dead letter is %q, want %q", k, m.Headers[k], want)
		}
	}
	if got := m.Headers[engine.HeaderClass]; got != string(class) {
		return fmt.Errorf("%s[%d]@%d was dead-lettered as %s, want %s: %s", sent.Topic, sent.Partition, sent.Offset, got, class, m.Headers[engine.HeaderError])
	}
	if m.Value != string(sent.Value) || m.Key != string(sent.Key) {
		return fmt.Errorf("the dead letter is not the record that was sent to %s", sent.Topic)
	}
	for _, name := range names {
		if !strings.Contains(m.Headers[engine.HeaderError], name) {
			return fmt.Errorf("the dead letter's error does not name %s: %s", name, m.Headers[engine.HeaderError])
		}
	}
	return nil
}
