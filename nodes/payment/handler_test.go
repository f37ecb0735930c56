package payment

import (
	"testing"

	"github.com/omninode-ai/omninode/onex/config"
)

// testHandler returns the handler with fakes for what it requires; the generated behaviour test
// calls it.
func testHandler(t *testing.T) Handler {
	t.Helper()
	cfg := Config{
		GatewayURL:   "https://example.com/gateway_url",
		GatewayToken: config.NewSecret("example"),
	}
	return newHandler(cfg, Requirements{})
}
