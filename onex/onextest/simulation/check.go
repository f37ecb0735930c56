package simulation

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
	"github.com/omninode-ai/omninode/onex/workflow"
)

// The promises, as they are reported.
const (
	NothingLost   = "nothing is lost"
	OnceOnly      = "nothing counts twice"
	KeyOrder      = "order of each key"
	Fenced        = "who lost a partition commits nothing"
	FoldOfLog     = "state is the fold of the log"
	NotAborted    = "nothing aborted is read"
	SameKey       = "effects are called again with the same key"
	WorkflowsEnd  = "every workflow ends"
	EverythingEnd = "everything ends"
)

// checker holds what happens against what was promised.
type checker struct {
	*world

	broken *Broken
	nodes  map[*node]*account
	ended  int
}

// account is what is known of a node.
type account struct {
	final   map[spot]engine.Result // what became of a record
	counted map[inboxKey]spot      // inputs that count
	last    map[lane]int64         // the latest offset that was settled
	halted  map[lane]bool          // keys that wait for a person
	calls   map[string]string      // idempotency keys of calls of a handler, by event
	outside map[string]string      // idempotency keys of calls outside, by event and place
	users   map[string]string      // events, by what a call outside is about
	buried  map[string]bool        // correlation ids with a dead letter
}

// spot is the place of a record.
type spot struct {
	place

	offset int64
}

// lane is what order is kept for.
type lane struct {
	place

	key string
}

func newChecker(w *world) *checker { return &checker{world: w, nodes: map[*node]*account{}} }

func (c *checker) of(n *node) *account {
	a := c.nodes[n]
	if a == nil {
		a = &account{
			final: map[spot]engine.Result{}, counted: map[inboxKey]spot{}, last: map[lane]int64{}, halted: map[lane]bool{}, calls: map[string]string{},
			outside: map[string]string{}, users: map[string]string{}, buried: map[string]bool{},
		}
		c.nodes[n] = a
	}
	return a
}

// fail notes the first promise that was broken.
func (c *checker) fail(promise, format string, args ...any) {
	if c.broken == nil {
		c.broken = &Broken{Promise: promise, Detail: fmt.Sprintf(format, args...), Step: c.steps}
	}
}

// watch wraps handlers: a process may die in front of each call, and what is called is remembered.
func (c *checker) watch(p *process, routes onex.Routes) map[event.Ref]engine.Handler {
	wrapped := make(map[event.Ref]engine.Handler, len(routes))
	for t, h := range routes {
		wrapped[t] = func(ctx context.Context, call engine.Call) engine.Outcome {
			if !c.reach("handle " + t.Local() + " of key " + call.Event.PartitionKey) {
				return engine.Outcome{Err: context.Canceled}
			}
			for _, one := range append([]engine.Call{call}, call.Rest...) {
				c.called(p.node, one)
			}
			return h(context.WithValue(ctx, visitKey{}, &visit{process: p, call: call}), call)
		}
	}
	return wrapped
}

// called notes the key that a handler was called with.
func (c *checker) called(n *node, call engine.Call) {
	a := c.of(n)
	id := call.Event.ID + " " + call.Timer
	if before, known := a.calls[id]; known && before != call.IdempotencyKey {
		c.fail(SameKey, "node %s handled event %s with key %q and then with %q", n.def.Name, call.Event.ID, before, call.IdempotencyKey)
	}
	a.calls[id] = call.IdempotencyKey
}

// committed checks commits that a store has written.
func (c *checker) committed(n *node, right int64, commits []engine.Commit, before []engine.Stored) {
	versions := map[string]int64{}
	for i, one := range commits {
		it := one.Item
		at := place{it.Record.Topic, it.Record.Partition}
		if it.Timer == nil && right != n.claims[at] {
			c.fail(Fenced, "node %s committed offset %d of %s under claim %d, but claim %d has it", n.def.Name, it.Record.Offset, at, right, n.claims[at])
		}
		if w := one.State; w != nil {
			version, written := versions[w.Key]
			if !written {
				version = before[i].Version
			}
			if version != w.Expect {
				c.fail(FoldOfLog, "node %s wrote the state of key %q from version %d over version %d", n.def.Name, w.Key, w.Expect, version)
			}
			versions[w.Key] = w.Expect + 1
		}
		if it.Timer == nil {
			c.settled(n, one)
		}
	}
}

// settled checks what became of a record.
func (c *checker) settled(n *node, one engine.Commit) {
	a, r := c.of(n), one.Item.Record
	at := place{r.Topic, r.Partition}
	if !c.log.committed(r) {
		c.fail(NotAborted, "node %s handled offset %d of %s, which is not committed", n.def.Name, r.Offset, at)
	}
	key := inboxKey{one.Item.Event.Type.String(), one.Item.IdempotencyKey}
	switch one.Result {
	case engine.KeyHalted:
		a.halted[lane{at, r.Key}] = true
		a.buried[one.Item.Event.CorrelationID] = true
		return
	case engine.Waiting, engine.Retried:
		return
	case engine.Handled:
		if before, twice := a.counted[key]; twice {
			c.fail(OnceOnly, "node %s handled %s with key %q at offset %d of %s, and before at offset %d of %s", n.def.Name, key.input, key.key, r.Offset, at, before.offset, before.place)
		}
		a.counted[key] = spot{at, r.Offset}
	case engine.DeadLettered:
		a.buried[one.Item.Event.CorrelationID] = true
	case engine.Duplicate:
		if _, counted := a.counted[key]; !counted {
			c.fail(NothingLost, "node %s skipped offset %d of %s as a duplicate, but nothing with key %q was handled", n.def.Name, r.Offset, at, key.key)
		}
	}
	c.final(n, r, one.Result)
}

// final notes that a record is done with.
func (c *checker) final(n *node, r engine.Record, result engine.Result) {
	a, at := c.of(n), place{r.Topic, r.Partition}
	if before, twice := a.final[spot{at, r.Offset}]; twice {
		c.fail(OnceOnly, "node %s settled offset %d of %s twice: %s, then %s", n.def.Name, r.Offset, at, before, result)
	}
	a.final[spot{at, r.Offset}] = result
	c.log.unsettled--
	l := lane{at, r.Key}
	if last, any := a.last[l]; any && last > r.Offset {
		c.fail(KeyOrder, "node %s settled offset %d of %s after offset %d of the same key", n.def.Name, r.Offset, at, last)
	}
	a.last[l] = r.Offset
}

// transformed checks an input of a compute node whose transaction was committed.
func (c *checker) transformed(n *node, r engine.Record, out []engine.Outgoing) {
	if !c.log.committed(r) {
		c.fail(NotAborted, "node %s handled offset %d of %s/%d, which is not committed", n.def.Name, r.Offset, short(r.Topic), r.Partition)
	}
	result := engine.Handled
	for _, o := range out {
		if t, err := event.ParseTopic(o.Topic); err == nil && t.Class == event.DeadLetter {
			result = engine.DeadLettered
			if e, err := event.Decode(r.Headers, r.Value); err == nil {
				c.of(n).buried[e.CorrelationID] = true
			}
		}
	}
	c.final(n, r, result)
}

// finish checks what can only be said at the end.
func (c *checker) finish() {
	buried := map[string]bool{}
	for _, n := range c.world.nodes {
		maps.Copy(buried, c.of(n).buried)
	}
	for _, n := range c.world.nodes {
		c.finishLog(n)
	}
	for _, n := range c.world.nodes {
		if n.store == nil {
			continue
		}
		if len(n.store.queue) > 0 {
			c.fail(EverythingEnd, "node %s has %d records left in its outbox", n.def.Name, len(n.store.queue))
		}
		c.finishOutbox(n)
		c.finishStates(n, buried)
	}
}

// finishOutbox demands that the broker has what was committed to the outbox, in that order for each key.
func (c *checker) finishOutbox(n *node) {
	var wrong []Broken
	for a, want := range n.store.aggregates {
		meant := map[string]bool{}
		for _, id := range want {
			if meant[id] {
				wrong = append(wrong, Broken{Promise: OnceOnly, Detail: fmt.Sprintf("node %s committed %s twice for %s", n.def.Name, id, short(a.Topic))})
			}
			meant[id] = true
		}
		got := slices.DeleteFunc(slices.Clone(c.delivered()[a]), func(id string) bool { return !meant[id] })
		switch {
		case len(got) < len(meant):
			wrong = append(wrong, Broken{Promise: NothingLost, Detail: fmt.Sprintf(
				"node %s committed %d records of key %q for %s, but the broker has %d", n.def.Name, len(meant), a.Key, short(a.Topic), len(got))})
		case !slices.Equal(got, want):
			wrong = append(wrong, Broken{Promise: KeyOrder, Detail: fmt.Sprintf(
				"node %s committed records of key %q for %s in another order than the broker has them", n.def.Name, a.Key, short(a.Topic))})
		}
	}
	if len(wrong) > 0 {
		first := slices.MinFunc(wrong, func(a, b Broken) int {
			return cmp.Or(cmp.Compare(a.Promise, b.Promise), cmp.Compare(a.Detail, b.Detail))
		})
		c.fail(first.Promise, "%s", first.Detail)
	}
}

// delivered returns what the broker has of each aggregate, in the order in which it first came.
func (c *checker) delivered() map[engine.Aggregate][]string {
	if c.log.first != nil {
		return c.log.first
	}
	c.log.first = map[engine.Aggregate][]string{}
	for _, list := range c.log.entries {
		seen := map[string]bool{}
		for _, e := range list {
			if id := fingerprint(e.record.Headers); !seen[id+e.record.Key] && c.log.committed(e.record) {
				seen[id+e.record.Key] = true
				a := engine.Aggregate{Topic: e.record.Topic, Key: e.record.Key}
				c.log.first[a] = append(c.log.first[a], id)
			}
		}
	}
	return c.log.first
}

// fingerprint names a record: by its id, and a dead letter by where it came from as well.
func fingerprint(headers []event.Header) string {
	var id []byte
	for _, h := range headers {
		switch h.Key {
		case "ce_id", engine.HeaderPartition, engine.HeaderOffset, engine.HeaderVersion:
			id = append(append(id, h.Value...), ' ')
		}
	}
	return string(id)
}

// finishLog demands that something became of every record.
func (c *checker) finishLog(n *node) {
	a := c.of(n)
	for _, at := range n.places {
		for _, e := range c.log.entries[at] {
			if !c.log.committed(e.record) || a.halted[lane{at, e.record.Key}] {
				continue
			}
			if _, done := a.final[spot{at, e.record.Offset}]; !done {
				c.fail(NothingLost, "node %s did nothing with offset %d of %s, key %q", n.def.Name, e.record.Offset, at, e.record.Key)
			}
		}
	}
}

// finishStates compares states with the fold of their inputs, and demands that workflows have ended.
func (c *checker) finishStates(n *node, buried map[string]bool) {
	stored := map[string]engine.Stored{}
	for key := range n.store.keys {
		stored[key] = n.store.memory.State(key)
	}
	if n.def.Machine != nil {
		c.fold(n, stored)
	}
	if n.def.Workflow == nil {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(stored)) {
		instance, err := workflow.Read(stored[key].Data)
		switch {
		case err != nil:
			c.fail(WorkflowsEnd, "instance %q of node %s cannot be read: %s", key, n.def.Name, err)
		case !workflow.Live(instance.Status):
			c.ended++
		case !c.excused(n, key, buried):
			c.fail(WorkflowsEnd, "instance %q of node %s is %s in the end: %.300s", key, n.def.Name, instance.Status, stored[key].Data)
		}
	}
}

// excused reports whether something of an instance waits for a person or is a dead letter.
func (c *checker) excused(n *node, key string, buried map[string]bool) bool {
	for _, at := range n.places {
		for _, e := range c.log.entries[at] {
			if e.record.Key != key {
				continue
			}
			if env, err := event.Decode(e.record.Headers, e.record.Value); err == nil && buried[env.CorrelationID] {
				return true
			}
		}
	}
	return false
}

func (c *checker) fold(n *node, stored map[string]engine.Stored) {
	f := engine.NewFold(n.core, n.store.routes, stored, n.store.steps)
	for _, at := range n.places {
		for _, e := range c.log.entries[at] {
			f.Add(context.Background(), e.record)
		}
	}
	result := f.Compare()
	for _, bad := range slices.Concat(result.Different, result.Unverified) {
		c.fail(FoldOfLog, "node %s, key %q: %s", n.def.Name, bad.Key, bad.Reason)
	}
}
