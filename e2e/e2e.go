// Package e2e judges a running shop: its scenarios are given the addresses of a stack and say whether
// the fleet keeps its promises on it. They are written once and run alike on the embedded backends
// and on real Vault, Consul, Kafka and Postgres, so that embedded never promises what real does not
// keep.
//
// Every scenario works with order ids of its own, so that they run at the same time, again and
// again, on a stack that others use. Everything is polled with a deadline; a failure names what was
// awaited and what was seen instead.
package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Phase says in which state of the fleet a scenario makes sense.
type Phase string

// The phases of a run.
const (
	Running Phase = "running" // the nodes run
	Stopped Phase = "stopped" // the nodes were stopped in good order
)

// Scenario is one promise.
type Scenario struct {
	Name  string
	Doc   string // the promise as a sentence
	Phase Phase
	Run   func(ctx context.Context, s *Stack) error
}

// Scenarios returns all scenarios in the order they are reported.
func Scenarios() []Scenario {
	return []Scenario{
		{"checkout", "A checkout flows through all four nodes and back, in one chain of deterministic ids.", Running, checkoutCompletes},
		{"declined-card", "A declined card cancels the order and fails the checkout; no money moves.", Running, cardDeclines},
		{"late-charge", "A charge that succeeds after its checkout timed out is refunded.", Running, lateCharge},
		{"duplicate-start", "Delivering and starting the same checkout again has no second effect.", Running, duplicateStart},
		{"poison", "What cannot be read is dead-lettered with class and origin; healthy traffic goes on.", Running, poison},
		{"wrong-topic", "A message on the wrong topic is dead-lettered with both types named.", Running, wrongTopic},
		{"registered", "Each node is in Consul with what its contract says, and passes.", Running, registered},
		{"stored", "Postgres holds the order's state, the workflow's state and the registrations.", Running, stored},
		{"broken-contract", "A broken contract is refused with file, line and column.", Running, brokenContract},
		{"missing-secret", "A node without its secret does not start and says where to put it.", Running, missingSecret},
		{"deregistered", "A stopped node is neither in Consul nor alive in Postgres.", Stopped, deregistered},
	}
}

// Select returns the scenarios of a phase, or those among them that are named; nil names mean all.
// A name of another phase selects nothing, an unknown name is an error.
func Select(phase Phase, names []string) ([]Scenario, error) {
	all := Scenarios()
	for _, n := range names {
		if !slices.ContainsFunc(all, func(s Scenario) bool { return s.Name == n }) {
			return nil, fmt.Errorf("there is no scenario %q; there are %s", n, strings.Join(scenarioNames(all), ", "))
		}
	}
	return slices.DeleteFunc(all, func(s Scenario) bool {
		return s.Phase != phase || len(names) > 0 && !slices.Contains(names, s.Name)
	}), nil
}

func scenarioNames(list []Scenario) []string {
	names := make([]string, 0, len(list))
	for _, s := range list {
		names = append(names, s.Name)
	}
	return names
}
