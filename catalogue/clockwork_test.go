package catalogue_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/omninode-ai/omninode/catalogue"
	"github.com/omninode-ai/omninode/contract"
)

// TestGuardsAndDelaysInRoutes: a route names its guard, and what follows a delay follows what began it.
func TestGuardsAndDelaysInRoutes(t *testing.T) {
	t.Parallel()
	a, err := txtar.ParseFile(filepath.Join("..", "contract", "testdata", "fleet", "guards-delays-schedules.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, f := range a.Files {
		if filepath.Base(f.Name) == contract.FileName {
			files[f.Name] = f.Data
		}
	}
	fleet, err := contract.ParseFleet(files)
	if err != nil {
		t.Fatal(err)
	}
	placed := catalogue.Routes(fleet.Contract("orders"))[0]
	if placed.When != "new > placed, if in_stock" || !slices.Equal(placed.Handler, []string{"PlaceV1InStock", "PlaceV1"}) {
		t.Errorf("guarded route %+v", placed)
	}
	answered := catalogue.Routes(fleet.Contract("outer"))[1]
	if answered.Input != "inner/done.v1" || !slices.Equal(answered.Handler, []string{"Completed"}) || !slices.Equal(answered.Emits, []string{"outer/done.v1"}) {
		t.Errorf("route before a delay %+v", answered)
	}
}
