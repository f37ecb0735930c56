// Package onextest holds a node's handler to what its contract promises. Generated tests call
// Behaviour, which drives the delivery core with an in-memory store: every declared input with a
// minimal example, twice, as a duplicate, as poison, with unknown fields; payloads at the limits of
// its schema and outside of each; batches; every transition of a machine; a workflow to its happy end,
// and to its failure after every step that can fail.
//
// The package is light: it links the delivery core, no backend. For backends see its folder
// embedded.
package onextest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/event"
)

// Case is a node under test. Generated code builds it from the contract.
type Case struct {
	Node     onex.Node
	Routes   onex.Routes
	Examples map[event.Ref][]byte // a valid payload of each input
	Schemas  map[event.Ref]string // its JSON Schema, without references and with examples of text
	Keys     map[event.Ref]string // the key property of each message the node handles or sends
}

// Behaviour runs every scenario of c as a subtest. Handlers are called one after another, and each
// call is made twice with the same idempotency key: the second must have the same outcome.
func Behaviour(t *testing.T, c Case) {
	t.Helper()
	list, err := c.scenarios()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		t.Run(s.name, func(t *testing.T) {
			switch err := s.run(); {
			case errors.Is(err, errUnreached):
				t.Skip(err)
			case err != nil:
				t.Error(err)
			}
		})
	}
}

// scenario is one thing to try with a node; its error says what broke the contract.
type scenario struct {
	name string
	run  func() error
}

func (c Case) scenarios() ([]scenario, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	var list []scenario
	switch {
	case c.Node.Machine != nil:
		list = c.machineScenarios()
	case c.Node.Workflow != nil:
		list = c.workflowScenarios()
	default:
		for _, in := range c.Node.Inputs {
			list = append(list, c.inputScenarios(in.Type.String(), in.Type, nothing)...)
		}
	}
	list = append(list, c.scheduleScenarios()...)
	for _, in := range c.Node.Inputs {
		var s schema
		if err := json.Unmarshal([]byte(c.Schemas[in.Type]), &s); err != nil {
			return nil, fmt.Errorf("schema of %s: %w", in.Type, err)
		}
		list = append(list, c.poisonScenarios(in)...)
		list = append(list, c.limitScenarios(in, &s)...)
		list = append(list, c.olderScenarios(in)...)
		if in.Batch.Size > 1 {
			list = append(list, c.batchScenario(in, &s))
		}
	}
	return list, nil
}

// complete reports what is missing to test every input.
func (c Case) complete() error {
	if len(c.Routes) != len(c.Node.Inputs) {
		return fmt.Errorf("node %s has %d inputs but %d routes", c.Node.Name, len(c.Node.Inputs), len(c.Routes))
	}
	for _, in := range c.Node.Inputs {
		switch {
		case c.Routes[in.Type] == nil:
			return fmt.Errorf("input %s has no route", in.Type)
		case c.Examples[in.Type] == nil:
			return fmt.Errorf("input %s has no example", in.Type)
		case c.Schemas[in.Type] == "":
			return fmt.Errorf("input %s has no schema", in.Type)
		case c.Keys[in.Type] == "":
			return fmt.Errorf("input %s has no key property", in.Type)
		}
		for _, o := range in.Older {
			if c.Examples[o.Type] == nil {
				return fmt.Errorf("older version %s has no example", o.Type)
			}
		}
	}
	return nil
}

// with runs f on a bench of its own after prepare.
func (c Case) with(prepare, f func(*bench) error) func() error {
	return func() error {
		b, err := c.bench()
		if err != nil {
			return err
		}
		if err := prepare(b); err != nil {
			return err
		}
		return f(b)
	}
}

// nothing is the preparation of a scenario that needs none.
func nothing(*bench) error { return nil }

// inputScenarios tries a valid input after prepare.
func (c Case) inputScenarios(name string, in event.Ref, prepare func(*bench) error) []scenario {
	with := func(f func(b *bench, r record) error) func() error {
		return c.with(prepare, func(b *bench) error {
			r, err := b.example(in)
			if err != nil {
				return err
			}
			return f(b, r)
		})
	}
	return []scenario{
		{name + "/valid", with(func(b *bench, r record) error { return b.handle(r) })},
		{name + "/duplicate", with(duplicate)},
		{name + "/unknown_field", with(unknownField)},
	}
}

// duplicate delivers r twice; the second time nothing may happen.
func duplicate(b *bench, r record) error {
	if err := b.handle(r); err != nil {
		return err
	}
	calls := b.calls
	return b.expect(r, "a duplicate", func(d delivered) bool {
		return d.duplicate() && b.calls == calls
	})
}

// unknownField delivers r with a field its schema does not know, which must be ignored.
func unknownField(b *bench, r record) error {
	plain, err := b.fork().emitted(r)
	if err != nil {
		return err
	}
	extra, err := r.with("onextest_unknown", []byte(`{"a":[1,"}"]}`))
	if err != nil {
		return err
	}
	got, err := b.emitted(extra)
	if err != nil {
		return fmt.Errorf("with an unknown field: %w", err)
	}
	if !slices.Equal(plain, got) {
		return fmt.Errorf("an unknown field changed what is emitted from %v to %v", plain, got)
	}
	return nil
}
