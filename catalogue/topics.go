package catalogue

import (
	"slices"
	"strings"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/onex/event"
	"github.com/omninode-ai/omninode/onex/topic"
)

// The classes of topics that follow from a consumer.
const (
	DeadLetter = "dead letter"
	Replay     = "replay" // of its dead letters
)

// Snapshot is the class of the topics of a reducer's states.
const Snapshot = "snapshot"

// Topic is one topic of a fleet.
type Topic struct {
	Name        string   `json:"topic"`
	Class       string   `json:"class"`   // command, event, dead letter, replay or snapshot
	Message     string   `json:"message"` // node/name.vN that travels on it; none of replays and snapshots
	Owner       string   `json:"owner"`
	Producers   []string `json:"producers"` // Outside last
	Consumers   []string `json:"consumers"` // Outside last; dead letters wait for a person
	Type        string   `json:"type"`
	Key         string   `json:"key"`
	Partitions  int      `json:"partitions"`
	Retention   string   `json:"retention,omitempty"`   // "": the cluster's
	Access      []string `json:"access,omitempty"`      // who may use it; none: every node
	DeadLetters []string `json:"dead_letters"`          // one topic per consumer
	ReplacedBy  string   `json:"replaced_by,omitempty"` // later version that its records become
}

// Topics lists the topics of a fleet, dead letters, replays and snapshots included, sorted by name.
func Topics(f *contract.Fleet) []Topic {
	var list []Topic
	for _, flow := range Flows(f) {
		t := messages(flow)
		for _, node := range flow.Consumers {
			if node != Outside {
				letters := deadLetters(t, node, flow.Message)
				t.DeadLetters = append(t.DeadLetters, letters.Name)
				list = append(list, letters)
			}
		}
		list = append(list, t)
	}
	for _, c := range f.Contracts {
		if c.Kind == contract.Reducer {
			list = append(list, snapshots(c))
		}
		if len(c.Inputs()) > 0 {
			list = append(list, replays(c.Node))
		}
	}
	slices.SortFunc(list, func(a, b Topic) int { return strings.Compare(a.Name, b.Name) })
	return list
}

func messages(flow Flow) Topic {
	m := flow.Message
	t := Topic{
		Name: m.Topic().String(), Class: Class(m), Message: m.Ref.String(), Owner: m.Ref.Node,
		Producers: shown(flow.Producers), Consumers: shown(flow.Consumers),
		Type: m.Data.Name, Key: m.Key, Partitions: m.Partitions, Retention: Duration(m.Retention), Access: m.Access,
		DeadLetters: []string{},
	}
	if m.ReplacedBy != nil {
		t.ReplacedBy = m.ReplacedBy.Ref.String()
	}
	return t
}

// deadLetters returns the topic where a consumer of t puts what it cannot handle.
func deadLetters(t Topic, consumer string, m *contract.Message) Topic {
	letters := topic.DeadLetters(consumer, m.Ref)
	return Topic{
		Name: letters.Name, Class: DeadLetter, Message: t.Message, Owner: consumer,
		Producers: []string{consumer}, Consumers: []string{}, Type: t.Type, Key: t.Key,
		Partitions: int(letters.Partitions), Retention: Duration(letters.Retention), DeadLetters: []string{},
	}
}

// snapshots returns the topic where a reducer puts the states of its keys.
func snapshots(c *contract.Contract) Topic {
	s := topic.Snapshots(c.Node)
	return Topic{
		Name: s.Name, Class: Snapshot, Owner: c.Node, Producers: []string{c.Node}, Consumers: []string{},
		Type: c.State.Data.Name, Key: c.State.Key, Partitions: int(s.Partitions), Retention: "the last of each key", DeadLetters: []string{},
	}
}

// replays returns the topic of the dead letters that a node is to handle once more.
func replays(node string) Topic {
	t := topic.Replays(node)
	return Topic{
		Name: t.Name, Class: Replay, Owner: node, Producers: []string{}, Consumers: []string{node},
		Partitions: int(t.Partitions), Retention: Duration(t.Retention), DeadLetters: []string{},
	}
}

// Wanted returns what the topics a node owns are to be like, and the names of those of others that it
// uses. The node derives the same when it starts.
func Wanted(c *contract.Contract) (owned []topic.Topic, foreign []string) {
	n := topic.Node{Name: c.Node, State: c.Kind == contract.Reducer}
	for _, m := range c.Inputs() {
		n.Inputs = append(n.Inputs, declared(m))
	}
	for _, m := range c.Outputs() {
		n.Outputs = append(n.Outputs, declared(m))
	}
	for _, m := range c.Messages {
		if m.ReplacedBy != nil && m.Class == event.Event {
			n.Replaced = append(n.Replaced, declared(m))
		}
	}
	return topic.Of(n)
}

func declared(m *contract.Message) topic.Message {
	return topic.Message{Class: m.Class, Ref: m.Ref, Partitions: int32(m.Partitions), Retention: m.Retention}
}
