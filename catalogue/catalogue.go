// Package catalogue answers questions about a fleet from its contracts alone: which topics there are
// and who uses them, what a node does with each input, and how the nodes are connected.
//
// It stands beside the generator in the flow contract → answers. Its functions are pure: the same
// contracts give the same answers, sorted, on every machine. The package below it draw the graph and
// export it to formats that others read. It runs and connects nothing.
package catalogue

import (
	"slices"
	"strconv"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/onex/event"
)

// Outside stands for whatever is no node of the fleet and sends its external commands or consumes
// its external events. It is no name a node can have.
const Outside = "(outside)"

// Node sums up one node.
type Node struct {
	Name         string        `json:"node"`
	Kind         contract.Kind `json:"kind"`
	Version      string        `json:"version"`
	Description  string        `json:"description,omitempty"`
	Capabilities []string      `json:"capabilities"`
	Inputs       int           `json:"inputs"`
	Outputs      int           `json:"outputs"`
	Settings     int           `json:"settings"`
	Secrets      int           `json:"secrets"`
}

// Nodes sums up the nodes of a fleet, sorted by name.
func Nodes(f *contract.Fleet) []Node {
	list := make([]Node, 0, len(f.Contracts))
	for _, c := range f.Contracts {
		list = append(list, Node{
			Name: c.Node, Kind: c.Kind, Version: c.Version, Description: c.Description,
			Capabilities: shown(c.Capabilities),
			Inputs:       len(c.Inputs()), Outputs: len(c.Outputs()),
			Settings: len(c.Settings), Secrets: len(c.Secrets),
		})
	}
	return list
}

// Flow is one message and who is at its ends.
type Flow struct {
	Message   *contract.Message
	Producers []string // sorted; Outside last
	Consumers []string // sorted; Outside last
}

// Flows returns every message of a fleet with those who send and consume it, sorted by Ref.
func Flows(f *contract.Fleet) []Flow {
	producers, consumers := map[event.Ref][]string{}, map[event.Ref][]string{}
	for _, c := range f.Contracts {
		for _, m := range c.Outputs() {
			producers[m.Ref] = append(producers[m.Ref], c.Node)
		}
		for _, m := range c.Inputs() {
			consumers[m.Ref] = append(consumers[m.Ref], c.Node)
		}
	}
	var list []Flow
	for _, c := range f.Contracts {
		for _, m := range c.Messages {
			flow := Flow{Message: m, Producers: producers[m.Ref], Consumers: consumers[m.Ref]}
			switch {
			case m.External && m.Class == event.Command:
				flow.Producers = append(flow.Producers, Outside)
			case m.External:
				flow.Consumers = append(flow.Consumers, Outside)
			}
			list = append(list, flow)
		}
	}
	slices.SortFunc(list, func(a, b Flow) int { return a.Message.Ref.Compare(b.Message.Ref) })
	return list
}

// Has tells whether a node sends or consumes the message.
func (f Flow) Has(node string) bool {
	return slices.Contains(f.Producers, node) || slices.Contains(f.Consumers, node)
}

// Class returns the word for the class of a message: command or event.
func Class(m *contract.Message) string {
	if m.Class == event.Command {
		return "command"
	}
	return "event"
}

// count renders "1 thing" or "2 things".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
}

// shown returns a copy that is never nil, so that JSON shows it as a list.
func shown(names []string) []string { return append([]string{}, names...) }
