package embedded_test

import (
	"testing"

	"github.com/omninode-ai/omninode/internal/consul/consultest"
	"github.com/omninode-ai/omninode/onex/onextest/embedded"
)

// TestCatalogConformance runs the suite that a real Consul agent passes.
func TestCatalogConformance(t *testing.T) {
	t.Parallel()
	c, err := embedded.StartCatalog(embedded.CatalogConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	consultest.Exercise(t, c.Addr())
}
