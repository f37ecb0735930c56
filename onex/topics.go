package onex

import (
	"github.com/omninode-ai/omninode/onex/event"
	"github.com/omninode-ai/omninode/onex/topic"
)

// WantedTopics returns what the topics the node owns are to be like, and the names of those of others
// that it uses. The command derives the same from the contract.
func (n Node) WantedTopics() (owned []topic.Topic, foreign []string) {
	declared := map[event.Ref]Topic{}
	for _, t := range n.Topics {
		declared[t.Type] = t
	}
	message := func(class event.Class, ref event.Ref) topic.Message {
		return topic.Message{Class: class, Ref: ref, Partitions: declared[ref].Partitions, Retention: declared[ref].Retention}
	}
	of := topic.Node{Name: n.Name, State: n.Kind == Reducer}
	for _, in := range n.Inputs {
		for _, t := range in.Types() {
			of.Inputs = append(of.Inputs, message(in.Class, t))
		}
	}
	for _, out := range n.Outputs {
		of.Outputs = append(of.Outputs, message(out.Class, out.Type))
	}
	for _, t := range n.Topics {
		if t.Class != "" {
			of.Replaced = append(of.Replaced, message(t.Class, t.Type))
		}
	}
	return topic.Of(of)
}
