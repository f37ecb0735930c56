package event_test

import (
	"fmt"

	"github.com/omninode-ai/omninode/onex/event"
)

func ExampleParseTopic() {
	t, err := event.ParseTopic("onex.evt.pricing.order-priced.v1")
	fmt.Println(t.Class, t.Ref, err)
	fmt.Println(event.DeadLetterTopic("orders", t.Ref))
	// Output:
	// evt pricing/order-priced.v1 <nil>
	// onex.dlq.orders.pricing-order-priced.v1
}
