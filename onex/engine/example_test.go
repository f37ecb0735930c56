package engine_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// The core decides; whoever drives it looks up, calls and commits.
func ExampleCore() {
	buy := event.MustRef("shop/buy.v1")
	core, err := engine.New(engine.Config{Node: "shop", Inputs: []engine.Input{{
		Type: buy, Class: event.Command, Retry: engine.RetryPolicy{Attempts: 2, First: time.Second},
	}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	e := event.NewRoot("onex://web", buy, "order-1", []byte(`{}`), time.Unix(0, 0))
	item := core.Open(engine.Record{Topic: "onex.cmd.shop.buy.v1", Key: "order-1", Headers: e.Headers(), Value: e.Data})

	decision := core.Admit(item, engine.View{Seen: true}, time.Unix(1, 0))
	fmt.Println(core.Settle(item, engine.View{}, decision, engine.Outcome{}, time.Unix(1, 0)).Result)

	decision = core.Admit(item, engine.View{}, time.Unix(1, 0))
	failed := core.Settle(item, engine.View{}, decision, engine.Outcome{Err: errors.New("no stock")}, time.Unix(1, 0))
	fmt.Println(failed.Result, failed.Park.Reason, failed.Park.Attempts)

	again := core.Reopen(engine.Parked{Record: item.Record, Reason: failed.Park.Reason, Attempts: failed.Park.Attempts})
	decision = core.Admit(again, engine.View{}, time.Unix(3, 0))
	buried := core.Settle(again, engine.View{}, decision, engine.Outcome{Err: errors.New("no stock")}, time.Unix(3, 0))
	fmt.Println(buried.Result, buried.Class, buried.Outbox[0].Topic)
	// Output:
	// duplicate
	// retried retry 1
	// dead_lettered exhausted onex.dlq.shop.buy.v1
}
