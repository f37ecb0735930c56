package manifest

import (
	"maps"
	"slices"
	"time"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/onex/event"
	"github.com/omninode-ai/omninode/onex/topic"
)

// A topicUse is one topic with the nodes at its ends.
type topicUse struct {
	name                 string
	partitions           int
	retention            time.Duration // 0: the cluster's
	compacted            bool          // the last record of each key is kept
	producers, consumers []string
}

// topics lists every topic the fleet touches, sorted by name.
func topics(d *Deployment) []topicUse {
	uses := map[string]*topicUse{}
	use := func(name string) *topicUse {
		if uses[name] == nil {
			uses[name] = &topicUse{name: name, partitions: contract.DefaultPartitions}
		}
		return uses[name]
	}
	useOf := func(m *contract.Message) *topicUse {
		t := use(m.Topic().String())
		t.partitions, t.retention = m.Partitions, m.Retention
		return t
	}
	ofNode := func(wanted topic.Topic) *topicUse {
		t := use(wanted.Name)
		t.partitions, t.retention = int(wanted.Partitions), wanted.Retention
		return t
	}
	for _, n := range d.Nodes {
		c := n.Contract
		for _, m := range c.Inputs() {
			in := useOf(m)
			in.consumers = append(in.consumers, c.Node)
			dead := ofNode(topic.DeadLetters(c.Node, m.Ref))
			dead.producers, dead.consumers = []string{c.Node}, []string{"people"}
		}
		if c.Kind == contract.Reducer {
			states := use(event.SnapshotTopic(c.Node).String())
			states.compacted, states.producers, states.consumers = true, []string{c.Node}, []string{"people"}
		}
		if len(c.Inputs()) > 0 {
			replays := ofNode(topic.Replays(c.Node))
			replays.producers, replays.consumers = []string{"people"}, []string{c.Node}
		}
		for _, m := range c.Outputs() {
			out := useOf(m)
			out.producers = append(out.producers, c.Node)
		}
	}
	list := make([]topicUse, 0, len(uses))
	for _, name := range slices.Sorted(maps.Keys(uses)) {
		list = append(list, *uses[name])
	}
	return list
}
