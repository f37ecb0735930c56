package evolution

import (
	"strconv"

	"github.com/omninode-ai/omninode/contract"
)

// operation compares what concerns who runs the node.
func (c *comparer) operation(top place, before, now *contract.Contract) {
	watched := adjusts("the node says in another way whether it is ready")
	compareNamed(c, top.in("health"), "check", before.Health, now.Health, named[*contract.Check]{
		name:  func(h *contract.Check) string { return h.Requirement },
		at:    func(h *contract.Check) contract.Pos { return h.Pos },
		added: verdictOf[*contract.Check](watched), removed: verdictOf[*contract.Check](watched),
		both: func(p place, before, now *contract.Check) {
			fields(c, p, before, now, []field[*contract.Check]{
				{"every", func(h *contract.Check) string { return span(h.Every) }, always(watched)},
				{"timeout", func(h *contract.Check) string { return span(h.Timeout) }, always(watched)},
			})
		},
	})
	compareNamed(c, top.in("flags"), "flag", before.Flags, now.Flags, named[*contract.Flag]{
		name:    func(f *contract.Flag) string { return f.Key },
		at:      func(f *contract.Flag) contract.Pos { return f.Pos },
		added:   verdictOf[*contract.Flag](extends("it can be turned while the node runs")),
		removed: verdictOf[*contract.Flag](extends("where it was turned, nothing follows any more")),
		both: func(p place, before, now *contract.Flag) {
			fields(c, p, before, now, []field[*contract.Flag]{
				{"default", func(f *contract.Flag) string { return strconv.FormatBool(f.Default) }, always(
					extends("the node behaves differently where it was never turned"))},
				{"description", func(f *contract.Flag) string { return f.Description }, always(explains())},
			})
		},
	})
	c.size(top, before, now)
}

// schedules compares what the node begins by the clock.
func (c *comparer) schedules(top place, before, now *contract.Contract) {
	times := always(extends("it ticks at other times, from the moment on in which the new version takes over"))
	compareNamed(c, top.in("schedules"), "schedule", before.Schedules, now.Schedules, named[*contract.Schedule]{
		name:    func(s *contract.Schedule) string { return s.Name },
		at:      func(s *contract.Schedule) contract.Pos { return s.Pos },
		added:   verdictOf[*contract.Schedule](extends("the node begins by itself")),
		removed: verdictOf[*contract.Schedule](extends("the node does not begin by itself any more")),
		both: func(p place, before, now *contract.Schedule) {
			fields(c, p, before, now, []field[*contract.Schedule]{
				{"cron", func(s *contract.Schedule) string { return s.Cron }, times},
				{"every", func(s *contract.Schedule) string { return span(s.Every) }, times},
				{"send", func(s *contract.Schedule) string { return ref(s.Send) }, always(extends("each tick sends another command"))},
				{"data", func(s *contract.Schedule) string { return string(s.Data) }, always(extends("each tick says something else"))},
			})
		},
	})
}

// size compares what an instance gets and how many run.
func (c *comparer) size(top place, before, now *contract.Contract) {
	granted := always(adjusts("an instance is granted another share of its machine"))
	fields(c, top.in("resources").as("resources"), before.Resources, now.Resources, []field[*contract.Resources]{
		{"cpu", of(func(r *contract.Resources) string { return r.CPU }), granted},
		{"memory", of(func(r *contract.Resources) string { return r.Memory }), granted},
	})
	instances := always(adjusts("another number of instances runs"))
	fields(c, top.in("scaling").as("scaling"), before.Scaling, now.Scaling, []field[*contract.Scaling]{
		{"min", of(func(s *contract.Scaling) string { return strconv.Itoa(s.Min) }), instances},
		{"max", of(func(s *contract.Scaling) string { return strconv.Itoa(s.Max) }), instances},
		{"cpu", of(func(s *contract.Scaling) string { return number(positive(s.CPU)) }), instances},
	})
}

// of shows a key of something that may not be given at all.
func of[T any](show func(*T) string) func(*T) string {
	return func(t *T) string {
		if t == nil {
			return ""
		}
		return show(t)
	}
}
