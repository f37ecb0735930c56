package simulation

import "time"

// mishap lets something go wrong, once in a while.
func (w *world) mishap() {
	mishaps := w.mishaps()
	if which := w.d.fault(len(mishaps)); which > 0 {
		m := mishaps[which-1]
		if m.do() {
			w.hit(m.name)
		}
	}
}

// mishap is something that goes wrong. It says whether it did.
type mishap struct {
	name string
	do   func() bool
}

func (w *world) mishaps() []mishap {
	return []mishap{
		{"kill", w.kill},
		{"kill", w.kill},
		{"rebalance", w.rebalance},
		{"rebalance", w.rebalance},
		{"stop", w.freeze},
		{"clock jump", w.jump},
		{"time passes", w.pass},
		{"duplicate", func() bool {
			w.say("outside", "sends a record again")
			return w.outside.again()
		}},
		{"redelivery", w.redeliver},
		{"relay changes", w.depose},
	}
}

// victim chooses a process that runs.
func (w *world) victim() *process {
	n := w.nodes[w.d.choose(len(w.nodes))]
	p := n.processes[w.d.choose(len(n.processes))]
	if p.dead || p.frozen {
		return nil
	}
	return p
}

// kill ends a process. What it has sent to its database may arrive later.
func (w *world) kill() bool {
	p := w.victim()
	if p == nil {
		return false
	}
	arrives := w.d.choose(2) == 1
	w.say(p.id, "is killed")
	for _, t := range p.tasks {
		w.note(func() string { return "in front of: " + t.name + " " + t.about })
	}
	p.die(arrives)
	if w.d.choose(2) == 1 {
		w.inherit(p)
	}
	return true
}

// inherit gives the partitions of a process to others.
func (w *world) inherit(p *process) {
	others := p.others(p)
	if len(others) == 0 {
		return
	}
	for _, at := range p.places {
		if p.owner[at] == p {
			p.give(at, others[w.d.choose(len(others))])
		}
	}
}

// give makes a process the owner of a partition.
func (n *node) give(at place, p *process) {
	delete(n.owner[at].positions, at)
	delete(p.positions, at)
	n.owner[at] = p
	n.generation[at]++
	n.say(p.id, "is given "+at.String())
}

// rebalance moves a partition. Who had it goes on until it learns of it.
func (w *world) rebalance() bool {
	n := w.nodes[w.d.choose(len(w.nodes))]
	at := n.places[w.d.choose(len(n.places))]
	others := n.others(n.owner[at])
	if len(others) == 0 {
		return false
	}
	n.give(at, others[w.d.choose(len(others))])
	return true
}

// freeze stops a process for a while, as SIGSTOP does: others take its partitions, and it goes on where it was.
func (w *world) freeze() bool {
	p := w.victim()
	if p == nil {
		return false
	}
	w.say(p.id, "is stopped")
	p.frozen = true
	w.inherit(p)
	if p.leader == p {
		p.leader = nil
	}
	return true
}

// jump moves the clock of a process.
func (w *world) jump() bool {
	p := w.victim()
	if p == nil {
		return false
	}
	by := []time.Duration{-5 * time.Second, -300 * time.Millisecond, 300 * time.Millisecond, 5 * time.Second, 40 * time.Second}
	p.skew = by[w.d.choose(len(by))]
	p.fresh = false
	w.say(p.id, "has a clock that is off by "+p.skew.String())
	return true
}

// pass lets time pass for everybody.
func (w *world) pass() bool {
	by := []time.Duration{time.Second, 10 * time.Second, 40 * time.Second}[w.d.choose(3)]
	w.now = w.now.Add(by)
	w.say("time", "passes: "+by.String())
	return true
}

// redeliver makes a process read records again.
func (w *world) redeliver() bool {
	p := w.victim()
	if p == nil || len(p.claimed) == 0 {
		return false
	}
	c := p.claimed[w.d.choose(len(p.claimed))]
	c.position = max(0, c.position-int64(w.d.size(fetched)))
	w.say(p.id, "reads "+c.String()+" again from "+itoa(c.position))
	return true
}

// depose lets another process relay while the one in charge goes on.
func (w *world) depose() bool {
	n := w.nodes[w.d.choose(len(w.nodes))]
	if n.leader == nil {
		return false
	}
	n.leader.relay = nil
	n.leader = nil
	w.say(n.def.Name, "has nobody in charge of its outbox")
	return true
}
