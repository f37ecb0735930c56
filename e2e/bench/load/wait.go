package load

import (
	"context"
	"time"

	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/engine"
)

// Waiting returns nodes whose handlers first wait, as for an answer from outside.
func Waiting(d time.Duration, nodes ...onex.Node) []onex.Node {
	if d == 0 {
		return nodes
	}
	for i, n := range nodes {
		nodes[i].Build = func(ctx context.Context, v *config.Values) (onex.Wiring, error) {
			w, err := n.Build(ctx, v)
			for t, handle := range w.Routes {
				w.Routes[t] = func(ctx context.Context, c engine.Call) engine.Outcome {
					time.Sleep(d)
					return handle(ctx, c)
				}
			}
			return w, err
		}
	}
	return nodes
}
