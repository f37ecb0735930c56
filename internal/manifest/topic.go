package manifest

import (
	"maps"
	"slices"

	"github.com/omninode-ai/omninode/onex/event"
)

// A topicUse is one topic with the nodes at its ends.
type topicUse struct {
	name                 string
	producers, consumers []string
}

// topics lists every topic the fleet touches, sorted by name.
func topics(d *Deployment) []topicUse {
	uses := map[string]*topicUse{}
	use := func(t event.Topic) *topicUse {
		name := t.String()
		if uses[name] == nil {
			uses[name] = &topicUse{name: name}
		}
		return uses[name]
	}
	for _, n := range d.Nodes {
		c := n.Contract
		for _, m := range c.Inputs() {
			in := use(m.Topic())
			in.consumers = append(in.consumers, c.Node)
			dead := use(event.DeadLetterTopic(c.Node, m.Ref))
			dead.producers, dead.consumers = []string{c.Node}, []string{"people"}
		}
		for _, m := range c.Outputs() {
			out := use(m.Topic())
			out.producers = append(out.producers, c.Node)
		}
	}
	list := make([]topicUse, 0, len(uses))
	for _, name := range slices.Sorted(maps.Keys(uses)) {
		list = append(list, *uses[name])
	}
	return list
}
