package contract

import (
	"maps"
	"slices"

	"github.com/omninode-ai/omninode/onex/event"
)

// readHandles reads what a compute or effect node does with each input.
func (p *parser) readHandles(it *item) {
	s := p.section(it, "handles")
	p.nonEmpty(it, s)
	for _, e := range s.items {
		if m := p.resolve(e.key, e.at, handles()); m != nil {
			p.contract.Handles = append(p.contract.Handles, p.readHandle(e, m))
		}
	}
	slices.SortFunc(p.contract.Handles, func(a, b *Handle) int { return a.Input.Ref.Compare(b.Input.Ref) })
	if it == nil || s.broken {
		return
	}
	var inputs, emitted []*Message
	for _, h := range p.contract.Handles {
		inputs, emitted = append(inputs, h.Input), append(emitted, h.Emits...)
	}
	p.checkBothDirections(inputs, emitted, "add it to handles", "add it to the emits of a handle")
}

func (p *parser) readHandle(it *item, m *Message) *Handle {
	h := &Handle{Input: m, Pos: it.at}
	s := p.section(it, "handle "+it.key)
	h.Emits = p.messageList(s.get("emits"), emits())
	key := s.get("idempotency_key")
	h.IdempotencyKey = p.keyProperty(key, m.Data)
	p.deferKeyCheck(key, m, h.IdempotencyKey)
	h.Timeout, _ = p.duration(s.get("timeout"))
	h.Retry = p.readRetry(s.get("retry"))
	h.Batch = p.readBatch(s.get("batch"))
	h.Breaker = p.readBreaker(s.get("breaker"))
	p.claimEmitter(m, it)
	s.done()
	return h
}

// claimEmitter takes the name of the type through which an input's handler emits.
func (p *parser) claimEmitter(m *Message, it *item) {
	p.claim(scopeType, MethodName(p.contract.Node, m.Ref)+"Emitter", "the emitter of "+it.key, it.at)
}

// deferKeyCheck checks a key against the versions its message replaced, and leaves the check of
// another node's message to the fleet.
func (p *parser) deferKeyCheck(it *item, m *Message, property string) {
	switch {
	case it == nil:
	case m.Owner != nil:
		p.checkOlderKeys(it, property, m)
	default:
		p.later(m, func(real *Message) {
			p.checkKeyProperty(it, property, real.Data)
			p.checkOlderKeys(it, property, real)
		})
	}
}

// checkOlderKeys reports an idempotency key that all records of a replaced version would share.
func (p *parser) checkOlderKeys(it *item, property string, m *Message) {
	for ; m.Upcast != nil; m = m.Upcast.From {
		if slices.ContainsFunc(m.Upcast.Set, func(c Constant) bool { return c.New == property }) {
			p.report(p.pos(it.node), ruleKeyProperty, "name a property that every record has its own value of",
				"upcast sets %q, so all records of %s would be one", property, p.local(m.Upcast.From))
			return
		}
		property = m.Upcast.source(property)
	}
}

// Bounds of what an effect does with an input.
const (
	maxAttempts = 100
	maxBatch    = 1000
	maxFailures = 1000
)

// readRetry reads a retry policy. Its keys have no defaults: a policy is written out, or left to the
// runtime altogether.
func (p *parser) readRetry(it *item) *Retry {
	if it == nil {
		return nil
	}
	s := p.section(it, "retry")
	r := &Retry{}
	r.Attempts, _ = p.integer(s.get("attempts"))
	r.First, _ = p.duration(s.get("first"))
	r.Max, _ = p.duration(s.get("max"))
	r.Then, _ = p.choice(s.get("then"))
	if r.First > r.Max && r.Max > 0 {
		p.report(s.index["first"].at, ruleContradiction, "lower first or raise max", "first (%s) is above max (%s)", r.First, r.Max)
	}
	s.done()
	return r
}

func (p *parser) readBatch(it *item) *Batch {
	if it == nil {
		return nil
	}
	s := p.section(it, "batch")
	b := &Batch{}
	b.Size, _ = p.integer(s.get("size"))
	b.Wait, _ = p.duration(s.get("wait"))
	s.done()
	return b
}

func (p *parser) readBreaker(it *item) *Breaker {
	if it == nil {
		return nil
	}
	s := p.section(it, "breaker")
	b := &Breaker{}
	b.Failures, _ = p.integer(s.get("failures"))
	b.Open, _ = p.duration(s.get("open"))
	s.done()
	return b
}

// checkBothDirections checks that each own command is an input and each own event may be emitted.
// What a mistaken reference probably means is left alone: that mistake is reported already.
func (p *parser) checkBothDirections(inputs, emitted []*Message, handleIt, emitIt string) {
	known := maps.Clone(p.meant)
	for _, m := range slices.Concat(inputs, emitted) {
		known[m] = true
	}
	for _, m := range p.contract.Messages {
		switch {
		case known[m] || m.ReplacedBy != nil:
		case m.Class == event.Command:
			p.report(m.Pos, ruleUnhandled, handleIt, "nothing handles command %s", m.Ref.Local())
		case !p.lostEmits:
			p.report(m.Pos, ruleNeverEmitted, emitIt, "nothing emits event %s", m.Ref.Local())
		}
	}
}
