package codegen

import (
	"slices"
	"strings"
)

const (
	contextImport  = `"context"`
	fmtImport      = `"fmt"`
	testingImport  = `"testing"`
	timeImport     = `"time"`
	regexpImport   = `"regexp"`
	onexImport     = `"github.com/omninode-ai/omninode/onex"`
	configImport   = `"github.com/omninode-ai/omninode/onex/config"`
	engineImport   = `"github.com/omninode-ai/omninode/onex/engine"`
	eventImport    = `"github.com/omninode-ai/omninode/onex/event"`
	payloadImport  = `"github.com/omninode-ai/omninode/onex/payload"`
	scheduleImport = `"github.com/omninode-ai/omninode/onex/schedule"`
	onextestImport = `"github.com/omninode-ai/omninode/onex/onextest"`
)

// outlines lists the files of a node and what each may declare and import.
func (n *node) outlines() []outline {
	list := []outline{
		n.typesOutline(), n.nodeOutline(), n.configOutline(), n.behaviourOutline(), n.mainOutline(),
		n.handlerOutline(), n.wireOutline(), n.handlerTestOutline(),
	}
	for i := range list {
		list[i].Path = n.Name + "/" + strings.TrimSuffix(strings.TrimPrefix(list[i].Template, "node/"), ".tmpl")
	}
	return list
}

func (n *node) typesOutline() outline {
	o := outline{Template: "node/types.gen.go.tmpl", Owner: Owned}
	for _, t := range n.Types {
		o.Decls = append(o.Decls, t.Name, t.Name+".Validate")
		if t.Read {
			o.Decls = append(o.Decls, "read"+t.Name)
		}
		if t.Decode {
			o.Decls = append(o.Decls, "decode"+t.Name)
		}
		if (t.Read || len(t.Checks) > 0) && len(o.Imports) == 0 {
			o.Imports = append(o.Imports, payloadImport)
		}
	}
	for _, u := range n.Upcasts {
		o.Decls = append(o.Decls, u.Name)
	}
	for _, p := range n.Patterns {
		o.Decls = append(o.Decls, p.Var)
	}
	if len(n.Patterns) > 0 {
		o.Imports = append(o.Imports, regexpImport)
	}
	return o
}

func (n *node) nodeOutline() outline {
	o := outline{
		Template: "node/node.gen.go.tmpl", Owner: Owned,
		Imports: []string{contextImport, fmtImport, onexImport, configImport, engineImport, eventImport},
		Decls:   []string{"Handler", "Requirements", "Node", "inputs", "build", "routes"},
	}
	for _, r := range n.Refs {
		o.Decls = append(o.Decls, r.Var)
	}
	if n.Reducer != nil {
		o.Decls = append(o.Decls, "machine")
	}
	if n.Flow != nil || len(n.Upcasts) > 0 {
		o.Imports = append(o.Imports, payloadImport)
	}
	if n.Flow != nil {
		o.Decls = append(o.Decls, "Workflow", "workflow", "sends")
	} else {
		for _, in := range n.Inputs {
			o.Decls = append(o.Decls, in.Emitter)
			if in.Commits {
				o.Decls = append(o.Decls, in.Emitter+".Commit")
			}
			for _, e := range in.Emissions {
				o.Decls = append(o.Decls, in.Emitter+"."+e.Name)
			}
		}
	}
	if len(n.Checks) > 0 {
		o.Decls = append(o.Decls, "checks")
	}
	if len(n.Schedules) > 0 {
		o.Decls = append(o.Decls, "schedules")
		o.Imports = append(o.Imports, scheduleImport)
	}
	if n.timed() {
		o.Imports = append(o.Imports, timeImport)
	}
	return o
}

// timed reports whether node.gen.go says a duration.
func (n *node) timed() bool {
	says := func(s string) bool { return strings.Contains(s, "time.") }
	return len(n.Checks) > 0 || slices.ContainsFunc(n.Schedules, func(t tick) bool { return says(t.Every) }) ||
		slices.ContainsFunc(n.Topics, func(t topic) bool { return says(t.Retention) }) ||
		slices.ContainsFunc(n.Inputs, func(in input) bool { return says(in.Timeout + in.Retry + in.Batch + in.Breaker) }) ||
		n.Reducer != nil && slices.ContainsFunc(n.Reducer.Transitions, func(t transition) bool { return says(t.Early) }) ||
		n.Flow != nil && slices.ContainsFunc(n.Flow.Steps, func(s step) bool { return says(s.Timeout) || says(s.Delay) })
}

func (n *node) configOutline() outline {
	o := outline{
		Template: "node/config.gen.go.tmpl", Owner: Owned,
		Imports: []string{configImport}, Decls: []string{"Config", "newConfig", "settings"},
	}
	if len(n.Flags) > 0 {
		o.Decls = append(o.Decls, "flags")
	}
	if slices.ContainsFunc(n.Settings, func(s setting) bool { return s.Type == durationType }) {
		o.Imports = append(o.Imports, timeImport)
	}
	return o
}

func (n *node) behaviourOutline() outline {
	return outline{
		Template: "node/behaviour.gen_test.go.tmpl", Owner: Owned, Decls: []string{"TestBehaviour"},
		Imports: []string{testingImport, eventImport, onextestImport},
	}
}

func (n *node) mainOutline() outline {
	return outline{
		Template: "node/cmd/main.gen.go.tmpl", Owner: Owned, Decls: []string{"main"},
		Imports: []string{onexImport, importLine(n.Package, n.ImportPath)},
	}
}

func (n *node) handlerOutline() outline {
	o := outline{
		Template: "node/handler.go.tmpl", Owner: Scaffold,
		Imports: []string{contextImport}, Decls: []string{"handler", "newHandler"},
	}
	if n.Flow != nil {
		for _, b := range n.Flow.Builders {
			o.Decls = append(o.Decls, "handler."+b.Method)
		}
		return o
	}
	for _, in := range n.Inputs {
		o.Decls = append(o.Decls, "handler."+in.Name)
		for _, g := range in.Guards {
			o.Decls = append(o.Decls, "handler."+g.Name)
		}
	}
	o.Imports = append(o.Imports, onexImport)
	return o
}

func (n *node) wireOutline() outline {
	o := outline{Template: "node/wire.go.tmpl", Owner: Scaffold, Imports: []string{contextImport}, Decls: []string{"wire"}}
	for _, r := range n.Requires {
		o.Decls = append(o.Decls, r.Type)
	}
	return o
}

func (n *node) handlerTestOutline() outline {
	o := outline{
		Template: "node/handler_test.go.tmpl", Owner: Scaffold,
		Imports: []string{testingImport}, Decls: []string{"testHandler"},
	}
	if len(n.Flags) > 0 || slices.ContainsFunc(n.Settings, func(s setting) bool { return s.Type == secretType || s.Type == credentialsType }) {
		o.Imports = append(o.Imports, configImport)
	}
	if slices.ContainsFunc(n.Settings, func(s setting) bool { return s.Type == durationType && s.Example != "0" }) {
		o.Imports = append(o.Imports, timeImport)
	}
	return o
}
