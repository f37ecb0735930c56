package topic_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/onex/event"
	"github.com/omninode-ai/omninode/onex/topic"
)

func TestOf(t *testing.T) {
	t.Parallel()
	owned, foreign := topic.Of(topic.Node{
		Name: "orders", State: true,
		Inputs: []topic.Message{
			{Class: event.Command, Ref: event.MustRef("orders/place.v1"), Partitions: 12},
			{Class: event.Event, Ref: event.MustRef("payment/charged.v2")},
			{Class: event.Event, Ref: event.MustRef("orders/placed.v1"), Retention: time.Hour}, // its own event
		},
		Outputs: []topic.Message{
			{Class: event.Event, Ref: event.MustRef("orders/placed.v1"), Retention: time.Hour},
			{Class: event.Command, Ref: event.MustRef("payment/charge.v1")},
		},
		Replaced: []topic.Message{{Class: event.Event, Ref: event.MustRef("orders/taken.v1")}},
	})
	dead := func(name string) topic.Topic {
		return topic.Topic{Name: name, Partitions: 1, Wider: true, Retention: 720 * time.Hour}
	}
	want := []topic.Topic{
		{Name: "onex.cmd.orders.place.v1", Partitions: 12},
		dead("onex.dlq.orders.payment-charged.v2"),
		dead("onex.dlq.orders.place.v1"),
		dead("onex.dlq.orders.placed.v1"),
		{Name: "onex.evt.orders.placed.v1", Partitions: 3, Retention: time.Hour},
		{Name: "onex.evt.orders.taken.v1", Partitions: 3},
		dead("onex.replay.orders"),
		{Name: "onex.snapshot.orders.state.v1", Partitions: 3, Compact: true},
	}
	if !reflect.DeepEqual(owned, want) {
		t.Errorf("owned\n%+v, want\n%+v", owned, want)
	}
	if want := []string{"onex.cmd.payment.charge.v1", "onex.evt.payment.charged.v2"}; !slices.Equal(foreign, want) {
		t.Errorf("foreign %v, want %v", foreign, want)
	}
}
