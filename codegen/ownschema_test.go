package codegen_test

import (
	"bytes"
	"testing"

	"github.com/omninode-ai/omninode/codegen"
	"github.com/omninode-ai/omninode/contract"
)

// TestOwnSchema: a node that has tables of its own needs their version, one that has none needs nothing.
func TestOwnSchema(t *testing.T) {
	t.Parallel()
	fleet, err := contract.LoadFleet("../nodes")
	if err != nil {
		t.Fatal(err)
	}
	files, err := codegen.GenerateFleet(t.Context(), fleet, codegen.Options{Module: "example.com/x", OwnSchemas: map[string]int64{"payment": 7}})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		needs := bytes.Contains(f.Content, []byte("OwnSchema:"))
		if f.Path == "payment/node.gen.go" && !bytes.Contains(f.Content, []byte("OwnSchema: 7,")) || needs != (f.Path == "payment/node.gen.go") {
			t.Errorf("%s: needs a version: %t", f.Path, needs)
		}
	}
}
