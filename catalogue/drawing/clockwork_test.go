package drawing

import (
	"strings"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/contract"
)

// TestGuardsAndDelaysAreDrawn: a transition shows its guard and a step its delay.
func TestGuardsAndDelaysAreDrawn(t *testing.T) {
	t.Parallel()
	msg := func(name string) *contract.Message {
		m := &contract.Message{}
		m.Ref.Node, m.Ref.Name, m.Ref.Version = "orders", name, 1
		return m
	}
	c := &contract.Contract{
		Node: "orders",
		Machine: &contract.Machine{Initial: "new", States: []string{"new", "placed", "refused"}, Transitions: []*contract.Transition{
			{Input: msg("place"), From: []string{"new"}, To: "placed", Guard: "in_stock"},
			{Input: msg("place"), From: []string{"new"}, To: "refused"},
		}},
		Workflow: &contract.Workflow{
			Start: msg("start"), Completed: msg("done"), Failed: msg("lost"),
			Steps: []*contract.Step{{Name: "cool_off", Delay: 10 * time.Minute}},
		},
	}
	if got := string(Mermaid(Picture{Parts: []Part{Machine(c)}})); !strings.Contains(got, "in_stock") {
		t.Errorf("no guard is drawn:\n%s", got)
	}
	lines := Workflow(c).Boxes[1].Lines
	if len(lines) != 1 || lines[0] != "wait 10m" {
		t.Errorf("the delay is drawn as %q", lines)
	}
}
