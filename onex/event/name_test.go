package event_test

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/omninode-ai/omninode/onex/event"
)

func TestTopicGrammar(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		topic string
		ok    bool
	}{
		{"onex.evt.pricing.order-priced.v1", true},
		{"onex.cmd.order-sync.place-order.v12", true},
		{"onex.dlq.orders.payment-card-charged.v1", true},
		{"onex.snapshot.orders.state.v1", true},
		{"onex.replay.orders", true},
		{"onex.replay.Orders", false},
		{"onex.replay.orders.place.v1", false},
		{"onex.evt.pricing.order-priced.v0", false},
		{"onex.evt.pricing.order-priced.v01", false},
		{"onex.evt.pricing.order-priced.v10000", false},
		{"onex.evt.pricing.order-priced", false},
		{"onex.evt.pricing.order_priced.v1", false},
		{"onex.evt.Pricing.order-priced.v1", false},
		{"onex.evt.pricing.order--priced.v1", false},
		{"onex.evt.pricing.-priced.v1", false},
		{"onex.evt.1pricing.order.v1", false},
		{"onex.log.pricing.order-priced.v1", false},
		{"dev.onex.evt.pricing.order-priced.v1", false},
		{"onex.evt.pricing.order-priced.v1\n", false},
		{"", false},
	} {
		got, err := event.ParseTopic(tt.topic)
		if (err == nil) != tt.ok {
			t.Errorf("ParseTopic(%q): %v, want ok %t", tt.topic, err, tt.ok)
		}
		if tt.ok && got.String() != tt.topic {
			t.Errorf("%q is printed as %q", tt.topic, got)
		}
	}
}

func TestRefGrammar(t *testing.T) {
	t.Parallel()
	for s, ok := range map[string]bool{
		"pricing/order-priced.v1": true, "a/b.v9999": true, "a1/b2.v1": true,
		"order-priced.v1": false, "pricing/order-priced": false, "pricing/order-priced.v": false,
		"pricing/order-priced.v-1": false, "pricing//x.v1": false, "Pricing/x.v1": false, "pricing/x.v1 ": false,
		strings.Repeat("a", event.MaxNameLength) + "/x.v1":        true,
		strings.Repeat("a", event.MaxNameLength+1) + "/x.v1":      false,
		"x/" + strings.Repeat("a", event.MaxNameLength+1) + ".v1": false,
	} {
		if _, err := event.ParseRef(s); (err == nil) != ok {
			t.Errorf("ParseRef(%q): %v, want ok %t", s, err, ok)
		}
	}
}

// refs draws valid references.
func refs() *rapid.Generator[event.Ref] {
	name := rapid.StringMatching(`[a-z][a-z0-9]{0,9}(-[a-z0-9]{1,9})?`)
	return rapid.Custom(func(t *rapid.T) event.Ref {
		return event.Ref{Node: name.Draw(t, "node"), Name: name.Draw(t, "name"), Version: rapid.IntRange(1, 9999).Draw(t, "version")}
	})
}

func TestNamesRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := refs().Draw(t, "ref")
		if got, err := event.ParseRef(r.String()); err != nil || got != r {
			t.Fatalf("ParseRef(%q) = %v, %v", r, got, err)
		}
		topic := event.Topic{Class: rapid.SampledFrom([]event.Class{event.Event, event.Command, event.Snapshot}).Draw(t, "class"), Ref: r}
		if got, err := event.ParseTopic(topic.String()); err != nil || got != topic {
			t.Fatalf("ParseTopic(%q) = %v, %v", topic, got, err)
		}
	})
}

func TestDeadLetterTopicNamesTheOrigin(t *testing.T) {
	t.Parallel()
	own := event.DeadLetterTopic("orders", event.MustRef("orders/place-order.v1"))
	if got := own.String(); got != "onex.dlq.orders.place-order.v1" {
		t.Errorf("own input: %s", got)
	}
	foreign := event.DeadLetterTopic("orders", event.MustRef("payment/card-charged.v2"))
	if got := foreign.String(); got != "onex.dlq.orders.payment-card-charged.v2" {
		t.Errorf("foreign input: %s", got)
	}
}

func TestGroupFollowsFromTheNodeAlone(t *testing.T) {
	t.Parallel()
	if got := event.Group("order-sync"); got != "onex.order-sync" {
		t.Errorf("group is %q", got)
	}
}

// TestRefIsReadAsItsPatternSays: what is read by hand is what the documented grammar says.
func TestRefIsReadAsItsPatternSays(t *testing.T) {
	t.Parallel()
	name := `[a-z][a-z0-9]*(?:-[a-z0-9]+)*`
	grammar := regexp.MustCompile(`^(` + name + `)/(` + name + `)\.v([1-9][0-9]{0,3})$`)
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`[a-z0-9-]{0,4}/?[a-z0-9.v-]{0,6}(\.v)?[0-9]{0,5}`).Draw(t, "ref")
		r, err := event.ParseRef(s)
		if ok := grammar.MatchString(s); ok != (err == nil) || ok && r.String() != s {
			t.Fatalf("ParseRef(%q) = %v, %v; the grammar takes it: %t", s, r, err, ok)
		}
	})
}
