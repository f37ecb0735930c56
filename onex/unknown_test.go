package onex

import (
	"slices"
	"testing"

	"github.com/omninode-ai/omninode/onex/config"
)

// TestUnknownVariables: a variable with a node's prefix that is none of its settings is told, with the one that
// was probably meant; what Kubernetes sets for a service is not.
func TestUnknownVariables(t *testing.T) {
	t.Parallel()
	order := Node{Name: "order", Settings: []config.Setting{{Key: "limit", Env: "ORDER_LIMIT"}}, Flags: []config.FlagSetting{{Key: "new", Env: "ORDER_FLAG_NEW"}}}
	sync := Node{Name: "order-sync", Settings: []config.Setting{{Key: "limit", Env: "ORDER_SYNC_LIMIT"}}}
	got := unknownVariables([]string{
		"PATH", "ORDER_LIMIT", "ORDER_LIMTI", "ORDER_FLAG_NEW", "ORDER_DATABASE_URL", "ORDER_PORT", "ORDER_PORT_8080_TCP", "ORDER_SERVICE_HOST",
		"ORDER_SYNC_LIMIT", "ORDER_SYNC_COLOUR", "ORDER_SYNC_COLOUR", "ORDERS",
	}, []Node{order, sync})
	want := []unknown{{"ORDER_LIMTI", "order", "ORDER_LIMIT"}, {"ORDER_SYNC_COLOUR", "order-sync", ""}}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
