package docs

import (
	"path/filepath"
	"testing"

	"github.com/omninode-ai/omninode/catalogue/drawing"
	"github.com/omninode-ai/omninode/contract"
)

// TestPictureOfTheFleet holds the picture in catalogue.md to the contracts of the nodes.
func TestPictureOfTheFleet(t *testing.T) {
	t.Parallel()
	f, err := contract.LoadFleet(filepath.Join(root, "nodes"))
	if err != nil {
		t.Fatal(err)
	}
	if string(drawing.SVG(drawing.Fleet(f))) != read(t, filepath.Join("img", "fleet.svg")) {
		t.Error("docs/img/fleet.svg is not the fleet: omninode graph -o docs/img/fleet.svg")
	}
}
