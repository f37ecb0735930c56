package engine_test

import (
	"context"
	"testing"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/engine/enginetest"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	enginetest.Exercise(t, func(*testing.T) enginetest.Subject {
		m := engine.NewMemory()
		return enginetest.Subject{Store: m, Outbox: func(context.Context) ([]engine.Outgoing, error) { return m.Outbox(), nil }}
	})
}
