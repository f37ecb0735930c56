package evolution

import (
	"strconv"

	"github.com/omninode-ai/omninode/contract"
)

// node compares everything that two contracts of a node say.
func (c *comparer) node(before, now *contract.Contract) {
	top := place{
		section: "contract",
		old:     contract.Pos{File: before.File, Line: 1, Column: 1}, new: contract.Pos{File: now.File, Line: 1, Column: 1},
	}
	fields(c, top, before, now, head())
	if before.Node != now.Node {
		return // nothing that is named after the node is comparable
	}
	c.set(top.in("capabilities"), before.Capabilities, now.Capabilities,
		verdictOf[string](extends("others can find the node by it")),
		verdictOf[string](breaks("who looks the node up by it does not find it any more", "keep it")))
	c.messages(top, before, now)
	c.handles(top, before, now)
	c.state(top, before, now)
	c.machine(top, before.Machine, now.Machine)
	c.workflow(top, before.Workflow, now.Workflow)
	c.schedules(top, before, now)
	c.settings(top, before, now)
	c.operation(top, before, now)
}

// head judges the keys of the node itself. Its version is judged by Compare, from all other changes.
func head() []field[*contract.Contract] {
	return []field[*contract.Contract]{
		{"node", func(c *contract.Contract) string { return c.Node }, always(breaks(
			"every topic, group, schema, path and variable of the node has another name, and what it stored stays under the old one",
			"keep the name; another name is another node"))},
		{"kind", func(c *contract.Contract) string { return string(c.Kind) }, always(breaks(
			"the node handles, stores and guarantees differently, and takes nothing over of what it parked or stored",
			"add a node of the other kind and move its inputs there"))},
		{"description", func(c *contract.Contract) string { return c.Description }, always(explains())},
	}
}

// settings compares what the node needs from outside.
func (c *comparer) settings(top place, before, now *contract.Contract) {
	compareNamed(c, top.in("config"), "setting", before.Settings, now.Settings, named[*contract.Setting]{
		name: func(s *contract.Setting) string { return s.Key },
		at:   func(s *contract.Setting) contract.Pos { return s.Pos },
		added: func(s *contract.Setting) verdict {
			if s.Default == nil {
				return breaks("the node refuses to start where it is not set", "give it a default")
			}
			return extends("where it is not set the node runs with its default")
		},
		removed: verdictOf[*contract.Setting](extends("a value that is set for it is ignored")),
		both:    c.setting,
	})
	compareNamed(c, top.in("secrets"), "secret", before.Secrets, now.Secrets, named[*contract.Secret]{
		name: func(s *contract.Secret) string { return s.Key },
		at:   func(s *contract.Secret) contract.Pos { return s.Pos },
		added: verdictOf[*contract.Secret](breaks("the node refuses to start where it is not stored",
			"there is no other way: seed it in every environment before the node is rolled out")),
		removed: verdictOf[*contract.Secret](extends("the node may not read it any more, so it can be removed from the store")),
		both: func(p place, before, now *contract.Secret) {
			fields(c, p, before, now, []field[*contract.Secret]{
				{"description", func(s *contract.Secret) string { return s.Description }, always(explains())},
				{"database_role", func(s *contract.Secret) string { return s.DatabaseRole }, always(breaks(
					"the node refuses to start where it has other credentials than these",
					"declare another secret, and remove this one once every environment has both"))},
			})
		},
	})
	own := adjusts("the handler is built from other parts, which nobody else sees")
	compareNamed(c, top.in("requires"), "requirement", before.Requires, now.Requires, named[*contract.Requirement]{
		name:  func(r *contract.Requirement) string { return r.Name },
		at:    func(r *contract.Requirement) contract.Pos { return r.Pos },
		show:  func(r *contract.Requirement) string { return r.Type },
		added: verdictOf[*contract.Requirement](own), removed: verdictOf[*contract.Requirement](own),
		both: func(p place, before, now *contract.Requirement) {
			if before.Type != now.Type {
				c.add(p, before.Type, now.Type, own)
			}
		},
	})
}

func (c *comparer) setting(p place, before, now *contract.Setting) {
	s := schemas{comparer: c, use: configured}
	s.schema(p, before.Schema, now.Schema)
	fields(c, p, before, now, []field[*contract.Setting]{
		{"default", func(s *contract.Setting) string { return quoted(s.Default) }, presence(
			extends("the node starts without it"),
			breaks("the node refuses to start where it is not set", "keep a default"),
			extends("the node behaves differently where it is not set"))},
		{"description", func(s *contract.Setting) string { return s.Description }, always(explains())},
	})
}

// quoted shows optional text so that empty text differs from none.
func quoted(s *string) string {
	if s == nil {
		return ""
	}
	return strconv.Quote(*s)
}
