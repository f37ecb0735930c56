package main

import (
	"testing"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/nodes/checkout"
)

// TestDefinitionOfContract: the command computes the hash under which the node stores its workflow.
func TestDefinitionOfContract(t *testing.T) {
	t.Parallel()
	c, ds := contract.Load("../../nodes/checkout/contract.yaml")
	if len(ds) > 0 {
		t.Fatal(ds)
	}
	_, got, err := definitionOf(c.Workflow).Encode()
	if err != nil {
		t.Fatal(err)
	}
	_, want, err := checkout.Node().Workflow.Definition().Encode()
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("definition of the contract has hash %s, the node stores %s", got, want)
	}
}
