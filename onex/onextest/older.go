package onextest

import (
	"fmt"
	"strconv"

	"github.com/omninode-ai/omninode/onex/engine"
)

// olderScenarios delivers a record of each version that an input replaced where the input itself would
// be handled, intact and without properties.
func (c Case) olderScenarios(in engine.Input) []scenario {
	var list []scenario
	for _, o := range in.Older {
		spoilt := func(b *bench, r record) error {
			r.event.Data = []byte("{}")
			return b.expect(r, fmt.Sprintf("a dead letter of class %s", engine.Invalid), func(d delivered) bool {
				return d.result == engine.DeadLettered && d.class == engine.Invalid
			})
		}
		list = append(list,
			scenario{o.Type.String() + "/upcast", c.older(in, o, (*bench).handle)},
			scenario{o.Type.String() + "/poison/no_properties", c.older(in, o, spoilt)})
	}
	return list
}

// older runs f with an example of an older version, on a bench that is ready for the input.
func (c Case) older(in engine.Input, o engine.Older, f func(*bench, record) error) func() error {
	return func() error {
		b, err := c.bench()
		if err != nil {
			return err
		}
		r, err := c.ready(b, in.Type)
		if err != nil {
			return err
		}
		r.event.Type, r.event.Data = o.Type, c.Examples[o.Type]
		if r, err = r.with(c.Keys[o.Type], []byte(strconv.Quote(b.key))); err != nil {
			return err
		}
		return f(b, r)
	}
}
