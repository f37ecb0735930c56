// Package topic says what the topics of a node are to be like: their names, partitions, retention and
// how old records are cleaned up. It is a pure function of what the contract says, so that the node that
// creates its topics and the command that compares a cluster with the contracts cannot disagree.
//
// What holds of every topic alike (replicas in sync, the size of a record) is the adapter's business.
package topic

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/omninode-ai/omninode/onex/event"
)

const (
	// DefaultPartitions is how many partitions the topic of a message has if its contract does not say.
	DefaultPartitions = 3
	// DeadLetterPartitions is how many a topic of dead letters is created with: they come at the rate of
	// mistakes, and in one partition they stay in the order in which they were given up.
	DeadLetterPartitions = 1
	// ReplayPartitions is how many the topic of a node's replays is created with: they come from a person,
	// and what is waiting there moves to the partition it once came from.
	ReplayPartitions = 1
	// DeadLetterRetention is how long dead letters are kept: a person has to find the time to look.
	DeadLetterRetention = 30 * 24 * time.Hour
)

// Topic is what a topic is to be like.
type Topic struct {
	Name       string
	Partitions int32         // exactly so many, unless Wider
	Wider      bool          // more partitions are as good: nobody relies on where a key is
	Retention  time.Duration // how long records are kept; 0: the cluster's default
	Compact    bool          // only the last record of a key is kept, for ever; Retention has no meaning then
}

// Message is a message that a node handles or sends, with what its owner declares about its topic.
type Message struct {
	Class      event.Class
	Ref        event.Ref
	Partitions int32         // 0: DefaultPartitions
	Retention  time.Duration // 0: the cluster's default
}

// Node is what of a node decides about its topics.
type Node struct {
	Name     string
	Inputs   []Message // every version it takes
	Outputs  []Message
	Replaced []Message // its own events that nobody sends any more, but that others still read
	State    bool      // it is a reducer
}

// Of returns the topics a node owns, which are its messages, its dead letters, its replays and its snapshots, and the names of
// those of others that it consumes or sends to; both sorted by name.
func Of(n Node) (owned []Topic, foreign []string) {
	for _, m := range slices.Concat(n.Inputs, n.Outputs, n.Replaced) {
		if m.Ref.Node == n.Name {
			owned = append(owned, ofMessage(m))
		} else {
			foreign = append(foreign, event.Topic{Class: m.Class, Ref: m.Ref}.String())
		}
	}
	for _, m := range n.Inputs {
		owned = append(owned, DeadLetters(n.Name, m.Ref))
	}
	if n.State {
		owned = append(owned, Snapshots(n.Name))
	}
	if len(n.Inputs) > 0 {
		owned = append(owned, Replays(n.Name))
	}
	slices.SortFunc(owned, func(a, b Topic) int { return strings.Compare(a.Name, b.Name) })
	slices.Sort(foreign)
	return slices.CompactFunc(owned, func(a, b Topic) bool { return a.Name == b.Name }), slices.Compact(foreign)
}

func ofMessage(m Message) Topic {
	return Topic{
		Name:       event.Topic{Class: m.Class, Ref: m.Ref}.String(),
		Partitions: cmp.Or(m.Partitions, DefaultPartitions), Retention: m.Retention,
	}
}

// Snapshots returns the topic of a reducer's states.
func Snapshots(node string) Topic {
	return Topic{Name: event.SnapshotTopic(node).String(), Partitions: DefaultPartitions, Compact: true}
}

// DeadLetters returns the topic where a consumer puts those inputs of a type that it cannot handle.
func DeadLetters(consumer string, input event.Ref) Topic {
	return Topic{
		Name:       event.DeadLetterTopic(consumer, input).String(),
		Partitions: DeadLetterPartitions, Wider: true, Retention: DeadLetterRetention,
	}
}

// Replays returns the topic of the dead letters that a node is to handle once more.
func Replays(node string) Topic {
	return Topic{Name: event.ReplayTopic(node).String(), Partitions: ReplayPartitions, Wider: true, Retention: DeadLetterRetention}
}
