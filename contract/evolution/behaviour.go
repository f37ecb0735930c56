package evolution

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/omninode-ai/omninode/contract"
)

// handles compares what a compute or effect node does with its inputs.
func (c *comparer) handles(top place, before, now *contract.Contract) {
	compareNamed(c, top.in("handles"), "handle", before.Handles, now.Handles, named[*contract.Handle]{
		name:    func(h *contract.Handle) string { return strings.TrimPrefix(ref(h.Input), now.Node+"/") },
		at:      func(h *contract.Handle) contract.Pos { return h.Pos },
		added:   verdictOf[*contract.Handle](extends("the node handles it from now on")),
		removed: verdictOf[*contract.Handle](extends("the node ignores it from now on")),
		both:    c.handle,
	})
}

func (c *comparer) handle(p place, before, now *contract.Handle) {
	c.emits(p, before.Emits, now.Emits)
	fields(c, p, before, now, []field[*contract.Handle]{
		{"idempotency_key", func(h *contract.Handle) string { return h.IdempotencyKey }, always(breaks(
			"what was handled under the old key is not recognised when it comes again, so it happens twice",
			"keep it, or handle the new key in another version of the input"))},
		{"timeout", func(h *contract.Handle) string { return span(h.Timeout) }, always(
			adjusts("attempts are given another time"))},
	})
	c.pace(p, before, now)
	c.retry(p.in("retry").as("retry"), before.Retry, now.Retry)
}

// pace compares how an effect takes its inputs.
func (c *comparer) pace(p place, before, now *contract.Handle) {
	batch := cmp.Or(before.Batch, &contract.Batch{Size: 1})
	fields(c, p.in("batch").as("batch"), batch, cmp.Or(now.Batch, &contract.Batch{Size: 1}), []field[*contract.Batch]{
		{"size", func(b *contract.Batch) string { return number(&b.Size) }, always(
			adjusts("another number of inputs is settled together"))},
		{"wait", func(b *contract.Batch) string { return span(b.Wait) }, always(
			adjusts("a batch waits for another time to become full"))},
	})
	breaker := cmp.Or(before.Breaker, &contract.Breaker{})
	fields(c, p.in("breaker").as("breaker"), breaker, cmp.Or(now.Breaker, &contract.Breaker{}), []field[*contract.Breaker]{
		{"failures", func(b *contract.Breaker) string { return number(positive(b.Failures)) }, always(
			adjusts("attempts stop after another number of failures"))},
		{"open", func(b *contract.Breaker) string { return span(b.Open) }, always(
			adjusts("attempts stop for another time"))},
	})
}

// positive returns a number that is given, nil for 0.
func positive(n int) *int {
	if n == 0 {
		return nil
	}
	return &n
}

func (c *comparer) retry(p place, before, now *contract.Retry) {
	none := &contract.Retry{Attempts: 1, Then: "dead_letter"}
	if before == nil {
		before = none
	}
	if now == nil {
		now = none
	}
	again := always(adjusts("failed inputs are tried again at other times"))
	fields(c, p, before, now, []field[*contract.Retry]{
		{"attempts", func(r *contract.Retry) string { return number(&r.Attempts) }, again},
		{"first", func(r *contract.Retry) string { return span(r.First) }, again},
		{"max", func(r *contract.Retry) string { return span(r.Max) }, again},
		{"then", func(r *contract.Retry) string { return r.Then }, always(
			extends("what follows the last attempt is another: a dead letter, or a key that waits for a person"))},
	})
}

// emits compares what an input may lead to.
func (c *comparer) emits(p place, before, now []*contract.Message) {
	c.set(p.in("emits"), refs(before), refs(now),
		verdictOf[string](extends("it may follow from this input")),
		verdictOf[string](breaks("who waits for it as the outcome of this input waits in vain", "keep it")))
}

func refs(list []*contract.Message) []string {
	words := make([]string, 0, len(list))
	for _, m := range list {
		words = append(words, ref(m))
	}
	return words
}

func span(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

// state compares the keyed state of a reducer.
func (c *comparer) state(top place, before, now *contract.Contract) {
	if before.State == nil || now.State == nil {
		return // the kind changed
	}
	p := top.in("state").as("state").at("", before.State.Pos, now.State.Pos)
	fields(c, p, before.State, now.State, []field[*contract.State]{
		{"key", func(s *contract.State) string { return s.Key }, always(breaks(
			"rows that are stored are not found under the new key", "add another reducer for it"))},
		{"data", func(s *contract.State) string { return s.Data.Name }, always(
			adjusts("the Go type has another name; in the database nothing shows it"))},
	})
	s := schemas{comparer: c, use: stored, seen: map[[2]*contract.Type]bool{}}
	s.named(p.in("data"), before.State.Data, now.State.Data)
}

// machine compares the states of a reducer's keys.
func (c *comparer) machine(top place, before, now *contract.Machine) {
	if before == nil || now == nil {
		return // the kind changed
	}
	p := top.in("machine").as("machine")
	fields(c, p, before, now, []field[*contract.Machine]{
		{"initial", func(m *contract.Machine) string { return m.Initial }, always(
			extends("new keys start elsewhere; keys that are there stay where they are"))},
	})
	c.set(p.in("final"), before.Final, now.Final,
		verdictOf[string](extends("keys end there")), verdictOf[string](extends("keys go on from there")))
	states := place{join(p.path, "states"), "transition", "transition.to", p.old, p.new}
	c.set(states, before.States, now.States,
		verdictOf[string](extends("keys can get there")),
		verdictOf[string](breaks("keys that are in it are stuck: no transition leaves it, and every input is a dead letter",
			"keep the state with transitions that leave it, and only those that enter it away")))
	c.transitions(p, before, now)
}

// way is what a machine does with one input in one state: one transition, or several that guards tell
// apart.
type way struct {
	input, from string
	choices     []*contract.Transition
}

func (w way) name() string { return w.input + " from " + w.from }

// to shows where a way leads.
func (w way) to() string {
	var to []string
	for _, t := range w.choices {
		to = append(to, t.To)
	}
	return strings.Join(to, ", ")
}

// guards shows which guards are asked, in their order; "" if the one transition is always taken.
func (w way) guards() string {
	var guards []string
	for _, t := range w.choices {
		guards = append(guards, cmp.Or(t.Guard, "otherwise"))
	}
	if len(guards) == 1 && w.total() {
		return ""
	}
	return strings.Join(guards, ", ")
}

// total tells whether the input is taken whatever the guards say.
func (w way) total() bool {
	return slices.ContainsFunc(w.choices, func(t *contract.Transition) bool { return t.Guard == "" })
}

// ways lists a machine by input and state; apart from guards the order of the file has no meaning then.
func ways(m *contract.Machine, in []string) []way {
	var list []way
	for _, t := range m.Transitions {
		for _, from := range t.From {
			w := way{ref(t.Input), from, []*contract.Transition{t}}
			i := slices.IndexFunc(list, func(other way) bool { return other.name() == w.name() })
			switch {
			case !slices.Contains(in, from):
			case i >= 0:
				list[i].choices = append(list[i].choices, t)
			default:
				list = append(list, w)
			}
		}
	}
	return list
}

// transitions compares what happens in the states that both machines have.
func (c *comparer) transitions(p place, before, now *contract.Machine) {
	var common []string
	for _, s := range now.States {
		if slices.Contains(before.States, s) {
			common = append(common, s)
		}
	}
	compareNamed(c, p.in("transitions"), "transition", ways(before, common), ways(now, common), named[way]{
		name:  way.name,
		at:    func(w way) contract.Pos { return w.choices[0].Pos },
		show:  way.to,
		added: verdictOf[way](extends("the input is taken there from now on")),
		removed: verdictOf[way](breaks("the input is a dead letter there from now on",
			"keep the transition; to stay, let it lead to the state it leaves")),
		both: c.way,
	})
}

// way compares the guards of two ways, and the transitions that both have.
func (c *comparer) way(p place, before, now way) {
	verdict := extends("where the guards say so, another transition is taken")
	if before.total() && !now.total() {
		verdict = breaks("what the guards refuse is a dead letter from now on", "add a transition without a guard behind them")
	}
	if old, new := before.guards(), now.guards(); old != new {
		c.add(p.in("guard"), old, new, verdict)
	}
	for _, pr := range pairs(before.choices, now.choices, func(t *contract.Transition) string { return t.Guard }) {
		if pr.old != nil && pr.new != nil {
			c.transition(p, *pr.old, *pr.new)
		}
	}
}

func (c *comparer) transition(p place, before, now *contract.Transition) {
	c.emits(p, before.Emits, now.Emits)
	fields(c, p, before, now, []field[*contract.Transition]{
		{"to", func(t *contract.Transition) string { return t.To }, always(
			extends("keys move elsewhere from now on; keys that moved before stay where they are"))},
		{"early", func(t *contract.Transition) string { return span(t.Early) }, always(
			adjusts("an input that comes too early waits for another time"))},
		{"then", func(t *contract.Transition) string { return cmp.Or(t.Then, "dead_letter") }, always(
			extends("what follows when the handler fails is another: a dead letter, or a key that waits for a person"))},
	})
}
