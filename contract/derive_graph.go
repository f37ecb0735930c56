package contract

import (
	"slices"

	"github.com/omninode-ai/omninode/onex/event"
)

// Inputs returns the messages the node handles, those they replaced included, sorted by Ref.
func (c *Contract) Inputs() []*Message {
	var list []*Message
	for _, h := range c.Handles {
		list = append(list, h.Input)
	}
	if c.Machine != nil {
		for _, t := range c.Machine.Transitions {
			list = append(list, t.Input)
		}
	}
	if w := c.Workflow; w != nil {
		list = append(list, w.Start)
		for _, s := range w.Steps {
			list = append(list, slices.Concat(s.Success, s.Failure)...)
		}
	}
	return distinct(withOlder(distinct(list)))
}

// Outputs returns the messages the node may send, sorted by Ref: its events, the commands its workflow
// sends, and those of its own that its schedules send.
func (c *Contract) Outputs() []*Message {
	var list []*Message
	for _, m := range c.Messages {
		if m.Class == event.Event && m.ReplacedBy == nil {
			list = append(list, m)
		}
	}
	if w := c.Workflow; w != nil {
		for _, s := range w.Steps {
			list = append(list, s.Send, s.Undo)
		}
	}
	for _, s := range c.Schedules {
		list = append(list, s.Send)
	}
	return distinct(list)
}

// distinct sorts messages by Ref and drops nil and repetitions.
func distinct(list []*Message) []*Message {
	list = slices.DeleteFunc(list, func(m *Message) bool { return m == nil })
	slices.SortFunc(list, func(a, b *Message) int { return a.Ref.Compare(b.Ref) })
	return slices.Compact(list)
}
