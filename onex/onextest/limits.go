package onextest

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// limitScenarios tries payloads at the limits of an input's schema, which must be handled, and just
// outside of each, which must become dead letters.
func (c Case) limitScenarios(in engine.Input, s *schema) []scenario {
	name := in.Type.String()
	list := []scenario{
		{name + "/limits/least", func() error { return c.within(in, s.least()) }},
		{name + "/limits/most", func() error { return c.within(in, s.most(maxBytes)) }},
	}
	for _, o := range s.outside() {
		spoil := func(r record) (record, error) { return r.holding(o.value) }
		list = append(list, c.poison(name+"/outside/"+o.name(), in, engine.Invalid, spoil))
	}
	return list
}

// within delivers a payload at the limits.
func (c Case) within(in engine.Input, value any) error {
	b, err := c.bench()
	if err != nil {
		return err
	}
	r, err := c.ready(b, in.Type)
	if err != nil {
		return err
	}
	if r, err = r.at(in, c.Keys[in.Type], value); err != nil {
		return err
	}
	d, err := b.deliver(r)
	refused := d.result == engine.DeadLettered && d.class == engine.IllegalTransition && c.mayRefuse(in.Type)
	if err == nil && d.result != engine.Handled && !refused {
		err = fmt.Errorf("valid input %s was not handled but %s", in.Type, d)
	}
	if err != nil {
		return fmt.Errorf("%w; its payload is %.500s", err, r.event.Data)
	}
	return nil
}

// mayRefuse tells whether guards decide if an input is taken.
func (c Case) mayRefuse(in event.Ref) bool {
	m := c.Node.Machine
	return m != nil && slices.ContainsFunc(m.Transitions, func(t engine.Transition) bool { return t.Input == in && t.Guard != "" })
}

// at returns r with a payload at the limits; what orders and identifies records stays as it is, since
// limits of their own apply to them.
func (r record) at(in engine.Input, key string, value any) (record, error) {
	var before map[string]any
	if err := json.Unmarshal(r.event.Data, &before); err != nil {
		return r, err
	}
	object, ok := value.(map[string]any)
	if !ok {
		return r, fmt.Errorf("schema of %s is no object", in.Type)
	}
	object[key] = before[key]
	if text, _ := object[in.IdempotencyKey].(string); len(text) > event.MaxAttribute {
		object[in.IdempotencyKey] = before[in.IdempotencyKey]
	}
	return r.holding(object)
}

func (r record) holding(value any) (record, error) {
	data, err := json.Marshal(value)
	r.event.Data = data
	return r, err
}

// ready prepares b so that in would be handled, and returns its example.
func (c Case) ready(b *bench, in event.Ref) (record, error) {
	if err := c.reach(b, in); err != nil {
		return record{}, err
	}
	r, err := b.example(in)
	if wf := c.Node.Workflow; err == nil && wf != nil && in != wf.Start {
		r.event.WorkflowID, r.event.StepID = c.Node.Name+":"+b.key, c.waiting(in).Name
	}
	return r, err
}
