package codegen

import (
	"errors"
	"fmt"
	"slices"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/onex/event"
)

// checkNames refuses every name that could not be a name in code or in a path, and schemas that the
// language does not have. A parsed contract passes; a model built by hand may not.
func checkNames(c *contract.Contract) error {
	v := &nameChecker{seen: map[*contract.Type]bool{}}
	v.check(event.ValidName(c.Node) && !reservedFolder(c.Node), "node", c.Node)
	for _, m := range slices.Concat(c.Messages, c.Foreign, c.Inputs()) {
		v.message(m)
	}
	for _, h := range c.Handles {
		v.message(h.Input)
	}
	for _, t := range c.Types {
		v.namedType(t)
	}
	for _, s := range c.Settings {
		v.check(keyGrammar.MatchString(s.Key), "config key", s.Key)
	}
	for _, s := range c.Secrets {
		v.check(keyGrammar.MatchString(s.Key), "secret", s.Key)
	}
	for _, f := range c.Flags {
		v.check(keyGrammar.MatchString(f.Key), "flag", f.Key)
	}
	for _, h := range c.Health {
		v.check(slices.ContainsFunc(c.Requires, func(r *contract.Requirement) bool { return r.Name == h.Requirement }), "requirement to check", h.Requirement)
	}
	for _, r := range c.Requires {
		v.check(keyGrammar.MatchString(r.Name), "requirement", r.Name)
		v.check(typeGrammar.MatchString(r.Type), "requirement type", r.Type)
	}
	for _, s := range c.Schedules {
		v.check(keyGrammar.MatchString(s.Name), "schedule", s.Name)
	}
	if c.Machine != nil {
		for _, t := range c.Machine.Transitions {
			v.check(t.Guard == "" || keyGrammar.MatchString(t.Guard), "guard", t.Guard)
		}
	}
	if c.Workflow != nil {
		for _, s := range c.Workflow.Steps {
			v.check(stepGrammar.MatchString(s.Name), "step", s.Name)
		}
	}
	if err := errors.Join(v.errs...); err != nil {
		return fmt.Errorf("generate node %q: %w", c.Node, err)
	}
	return nil
}

// reservedFolder reports whether a folder or package of that name means something else.
func reservedFolder(name string) bool {
	return name == "vendor" || name == "testdata" || name == "internal" || name == "cmd" || name == "main"
}

type nameChecker struct {
	errs []error
	seen map[*contract.Type]bool
}

func (v *nameChecker) check(ok bool, what, name string) {
	if !ok {
		v.errs = append(v.errs, fmt.Errorf("%s %q is not a valid name", what, name))
	}
}

func (v *nameChecker) message(m *contract.Message) {
	if m == nil || m.Data == nil {
		v.errs = append(v.errs, errors.New("a message has no payload type; load the contracts as a fleet"))
		return
	}
	_, err := event.ParseRef(m.Ref.String())
	v.check(err == nil, "message", m.Ref.String())
	v.namedType(m.Data)
}

func (v *nameChecker) namedType(t *contract.Type) {
	v.check(typeGrammar.MatchString(t.Name), "type", t.Name)
	if v.seen[t] {
		return
	}
	v.seen[t] = true
	if t.Schema == nil || t.Schema.Type != "object" {
		v.errs = append(v.errs, fmt.Errorf("type %s is no object", t.Name))
		return
	}
	for _, p := range t.Schema.Properties {
		v.check(keyGrammar.MatchString(p.Name), "property", p.Name)
		v.schema(t.Name+"."+p.Name, p.Schema, "string", "integer", "number", "boolean", "array")
	}
}

func (v *nameChecker) schema(at string, s *contract.Schema, types ...string) {
	switch {
	case s != nil && s.Ref != nil:
		v.namedType(s.Ref)
	case s == nil || !slices.Contains(types, s.Type):
		v.errs = append(v.errs, fmt.Errorf("%s has none of the types %v", at, types))
	case s.Type == "array":
		v.schema(at+"[]", s.Items, "string", "integer", "number", "boolean")
	}
}

// collisions reports names that code would declare twice.
func collisions(n *node) []error {
	c := &collider{seen: map[string]string{}}
	for _, name := range []string{"Handler", "Config", "Requirements", "Node", "Workflow"} {
		c.add(name, "a name every node has")
	}
	for _, t := range n.Types {
		c.add(t.Name, "type "+t.Name)
		fields := &collider{seen: map[string]string{}, of: "type " + t.Name}
		for _, f := range t.Fields {
			fields.add(f.Name, "property "+f.JSON)
		}
		c.errs = append(c.errs, fields.errs...)
	}
	for _, in := range n.Inputs {
		c.add(in.Emitter, "the emitter of "+in.Name)
	}
	for _, r := range n.Refs {
		c.add(r.Var, "message "+r.Literal)
	}
	for _, r := range n.Requires {
		c.add(r.Type, "requirement "+r.Name)
	}
	members(c, "config", n.Settings, func(s setting) string { return s.Field })
	members(c, "flags", n.Flags, func(f flagField) string { return f.Field })
	members(c, "requires", n.Requires, func(r requirement) string { return r.Field })
	if n.Flow != nil {
		members(c, "workflow", n.Flow.Builders, func(b builder) string { return b.Method })
	}
	return c.errs
}

// collider remembers who has a name.
type collider struct {
	of   string
	seen map[string]string
	errs []error
}

func (c *collider) add(name, owner string) {
	if other, taken := c.seen[name]; taken {
		c.errs = append(c.errs, fmt.Errorf("%s: %s and %s both become %s in Go; rename one of them", c.of, other, owner, name))
		return
	}
	c.seen[name] = owner
}

// members reports items of one scope that have the same Go name.
func members[T any](c *collider, of string, items []T, name func(T) string) {
	scope := &collider{seen: map[string]string{}, of: of}
	for i, item := range items {
		scope.add(name(item), fmt.Sprintf("item %d", i+1))
	}
	c.errs = append(c.errs, scope.errs...)
}
