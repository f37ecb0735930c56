package onextest

import (
	"fmt"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// poisonScenarios tries what must become a dead letter instead of reaching the handler.
func (c Case) poisonScenarios(in engine.Input) []scenario {
	name := in.Type.String() + "/poison/"
	return []scenario{
		c.poison(name+"broken_json", in, engine.Malformed, func(r record) (record, error) {
			r.event.Data = r.event.Data[:len(r.event.Data)-1]
			return r, nil
		}),
		c.poison(name+"no_id", in, engine.Incomplete, func(r record) (record, error) {
			r.event.ID = ""
			return r, nil
		}),
		c.misplaced(name+"wrong_type", in, event.Ref{Node: in.Type.Node, Name: "no-" + in.Type.Name, Version: 1}, engine.WrongType),
		c.misplaced(name+"wrong_version", in, event.Ref{Node: in.Type.Node, Name: in.Type.Name, Version: in.Type.Version + 1}, engine.WrongVersion),
	}
}

// poison delivers a spoilt example where the intact one would be handled.
func (c Case) poison(name string, in engine.Input, want engine.Class, spoil func(record) (record, error)) scenario {
	return scenario{name, func() error {
		b, err := c.bench()
		if err != nil {
			return err
		}
		r, err := c.ready(b, in.Type)
		if err == nil {
			r, err = spoil(r)
		}
		if err != nil {
			return err
		}
		return b.expect(r, fmt.Sprintf("a dead letter of class %s", want), func(d delivered) bool {
			return d.result == engine.DeadLettered && d.class == want
		})
	}}
}

// misplaced delivers a message on the topic of another.
func (c Case) misplaced(name string, in engine.Input, as event.Ref, want engine.Class) scenario {
	return scenario{name, func() error {
		b, err := c.bench()
		if err != nil {
			return err
		}
		r, err := b.example(in.Type)
		if err != nil {
			return err
		}
		r.event.Type = as
		it := b.core.Open(engine.Record{Topic: in.Topic().String(), Headers: r.event.Headers(), Value: r.event.Data})
		d, err := b.settle(it)
		switch {
		case err != nil:
			return err
		case d.class != want:
			return fmt.Errorf("%s on the topic of %s: want a dead letter of class %s, got %s", as, in.Type, want, d)
		}
		return nil
	}}
}
