package codegen

import (
	"slices"
	"strconv"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/onex/event"
)

// requirement is one field of Requirements.
type requirement struct {
	Field, Type, Name string
	Checked           bool // it can be asked whether it works
}

// check is how a requirement is asked whether it works; all but Field are Go expressions.
type check struct{ Field, Name, Every, Timeout string }

// topic is what an own message declares about its topic; all but Ref are Go expressions that may be "".
type topic struct{ Ref, Class, Partitions, Retention string }

// operation models what surrounds the handler while the node runs.
func (m *modeler) operation() {
	for _, r := range m.c.Requires {
		checked := slices.ContainsFunc(m.c.Health, func(c *contract.Check) bool { return c.Requirement == r.Name })
		m.n.Requires = append(m.n.Requires, requirement{Field: contract.GoName(r.Name), Type: r.Type, Name: r.Name, Checked: checked})
	}
	for _, c := range m.c.Health {
		m.n.Checks = append(m.n.Checks, check{
			Field: contract.GoName(c.Requirement), Name: quote(c.Requirement), Every: duration(c.Every), Timeout: duration(c.Timeout),
		})
	}
	for _, msg := range m.c.Messages {
		t := topic{Ref: m.ref(msg), Retention: duration(msg.Retention)}
		if msg.Partitions != contract.DefaultPartitions {
			t.Partitions = strconv.Itoa(msg.Partitions)
		}
		if replacedEvent(msg) {
			t.Class = class(msg.Class)
		}
		if t.Class != "" || t.Partitions != "" || t.Retention != "" {
			m.n.Topics = append(m.n.Topics, t)
		}
	}
}

// replacedEvent reports whether nobody sends the event any more, while those that handle a newer version
// still read its topic: its owner creates it all the same.
func replacedEvent(msg *contract.Message) bool {
	return msg.ReplacedBy != nil && msg.Class == event.Event
}
