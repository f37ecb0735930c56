package cause

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
	"github.com/omninode-ai/omninode/onex/workflow"
)

// Fleet is what is known of a fleet from its contracts, and where to ask for the rest.
type Fleet struct {
	log   Log
	nodes []*node // sorted by name
	rows  map[string]Rows

	consumers map[string][]*node // by topic
}

// node is one node of a fleet.
type node struct {
	name      string
	kind      contract.Kind
	core      *engine.Core // reads records the way the node does
	topics    []string     // that it consumes, without replays
	sends     []string     // topics
	timers    []string     // names
	snapshots string       // topic
}

// NewFleet returns a fleet of contracts. rows holds the schema of each node; of one that is not there,
// nothing but the log is known.
func NewFleet(f *contract.Fleet, log Log, rows map[string]Rows) (*Fleet, error) {
	fleet := &Fleet{log: log, rows: rows, consumers: map[string][]*node{}}
	for _, c := range f.Contracts {
		n, err := newNode(c)
		if err != nil {
			return nil, err
		}
		fleet.nodes = append(fleet.nodes, n)
		for _, t := range n.topics {
			fleet.consumers[t] = append(fleet.consumers[t], n)
		}
	}
	return fleet, nil
}

func newNode(c *contract.Contract) (*node, error) {
	n := &node{name: c.Node, kind: c.Kind}
	cfg := engine.Config{Node: c.Node, Version: c.Version, Pure: c.Kind == contract.Compute}
	for _, m := range c.Inputs() {
		n.topics = append(n.topics, m.Topic().String())
		if m.ReplacedBy == nil {
			cfg.Inputs = append(cfg.Inputs, input(c, m))
		}
	}
	for _, m := range c.Outputs() {
		n.sends = append(n.sends, m.Topic().String())
	}
	if c.Machine != nil {
		cfg.Machine = &engine.Machine{Initial: c.Machine.Initial}
		n.snapshots = event.SnapshotTopic(c.Node).String()
	}
	if w := c.Workflow; w != nil {
		cfg.Workflow = w.Start.Ref
		n.timers = timers(w)
	}
	var err error
	if n.core, err = engine.New(cfg); err != nil {
		return nil, fmt.Errorf("node %s: %w", c.Node, err)
	}
	return n, nil
}

// retryTimer is the name of the timer that tries again what a workflow is stuck with.
const retryTimer = "retry"

// askedRetries is how many retries of a step are known that people asked for.
const askedRetries = 5

// timers returns the names that timers of a workflow may have.
func timers(w *contract.Workflow) []string {
	names := []string{retryTimer, workflow.Ask{Cancel: true}.String()}
	for _, s := range append([]*contract.Step{{}}, w.Steps...) {
		if s.Name != "" {
			names = append(names, "timeout:"+s.Name, "delay:"+s.Name)
		}
		for n := range askedRetries {
			names = append(names, workflow.Ask{Step: s.Name, Number: n}.String())
		}
	}
	return names
}

// input describes an input as far as the core needs it to say what the store knows a record by.
func input(c *contract.Contract, m *contract.Message) engine.Input {
	in := engine.Input{Type: m.Ref, Class: m.Class}
	for _, h := range c.Handles {
		if h.Input == m {
			in.IdempotencyKey = h.IdempotencyKey
		}
	}
	var path []*contract.Upcast
	for u := m.Upcast; u != nil && u.From != nil; u = u.From.Upcast {
		path = append([]*contract.Upcast{u}, path...)
		in.Older = append(in.Older, engine.Older{Type: u.From.Ref, Upcast: renaming(slices.Clone(path))})
	}
	return in
}

// renaming returns an upcast that carries properties and sets none: keys are never set.
func renaming(path []*contract.Upcast) func([]byte) ([]byte, error) {
	return func(data []byte) ([]byte, error) {
		for _, u := range path {
			var old map[string]json.RawMessage
			if err := json.Unmarshal(data, &old); err != nil {
				return nil, fmt.Errorf("payload is no object: %w", err)
			}
			next := map[string]json.RawMessage{}
			for _, c := range u.Carry {
				if v, ok := old[c.Old]; ok {
					next[c.New] = v
				}
			}
			var err error
			if data, err = json.Marshal(next); err != nil {
				return nil, err
			}
		}
		return data, nil
	}
}

func (f *Fleet) node(name string) *node {
	for _, n := range f.nodes {
		if n.name == name {
			return n
		}
	}
	return nil
}

// topics returns all topics that hold events, and what became of them.
func (f *Fleet) topics() []string {
	all := map[string]bool{}
	for _, n := range f.nodes {
		for _, t := range n.sends {
			all[t] = true
		}
		for _, t := range n.topics {
			all[t] = true
			if p, err := event.ParseTopic(t); err == nil {
				all[event.DeadLetterTopic(n.name, p.Ref).String()] = true
			}
		}
		if len(n.topics) > 0 {
			all[event.ReplayTopic(n.name).String()] = true
		}
	}
	return keysOf(all)
}
