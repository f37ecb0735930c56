package onex_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// A generated node hands its handlers to Handle; the engine calls what Handle returns.
func ExampleHandle() {
	ask, answer := event.MustRef("shop/ask.v1"), event.MustRef("shop/answer.v1")
	handler := onex.Handle(decodeNumber, func(_ context.Context, in onex.Input[number], out *onex.Emissions) error {
		if in.Data.N == 0 {
			return onex.Permanent(errors.New("nothing to double"))
		}
		out.Add(event.Event, answer, in.Event.PartitionKey, number{N: 2 * in.Data.N})
		return nil
	})
	for _, data := range []string{`{"n":21}`, `{"n":0}`, `{"n":-1}`} {
		e := event.NewRoot("onex://web", ask, "key", []byte(data), time.Unix(0, 0))
		done := handler(context.Background(), engine.Call{Event: e, Attempt: 1})
		if done.Err != nil {
			fmt.Println("error:", done.Err)
			continue
		}
		fmt.Println(done.Emissions[0].Type, string(done.Emissions[0].Data))
	}
	// Output:
	// shop/answer.v1 {"n":42,"id":""}
	// error: nothing to double
	// error: payload of shop/ask.v1: n is negative
}
