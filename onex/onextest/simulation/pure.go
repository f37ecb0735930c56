package simulation

import (
	"context"
	"slices"

	"github.com/omninode-ai/omninode/onex/engine"
)

// collectPure offers what a process of a compute node can do.
func (p *process) collectPure() {
	if p.working {
		return
	}
	for _, at := range p.places {
		if p.owner[at] == p && !p.pending(at) && p.log.readable(at, p.offset(at)) {
			p.offer(p, p.id, "begins a transaction", place{}, p.transact)
			return
		}
	}
}

// offset returns where the process stands in a partition: where the group stood when it got it, then behind
// what it read.
func (p *process) offset(at place) int64 {
	if next, known := p.positions[at]; known {
		return next
	}
	return p.committed[at]
}

// pending reports whether an open transaction moves the group in a partition: until it ends nobody begins there.
func (n *node) pending(at place) bool {
	return slices.ContainsFunc(n.open, func(tx *transaction) bool {
		_, moves := tx.offsets[at]
		return moves && tx.state == txOpen && tx.process.node == n
	})
}

// transact handles some records in a transaction of the broker.
func (p *process) transact() {
	p.working = true
	p.begin(p, p.id+" transaction", p.transaction, func(error) {
		p.working = false
		clear(p.positions)
	})
}

func (p *process) transaction(ctx context.Context) error {
	if !p.reach("fetch") {
		return ctx.Err()
	}
	inputs, offsets, given := p.fetch()
	out, done, err := p.processor.Transform(ctx, inputs)
	if err != nil || !p.reach("send") {
		return ctx.Err()
	}
	tx := &transaction{process: p}
	p.open = append(p.open, tx)
	if p.cfg.Plant == OffsetsBeside {
		p.move(offsets)
	}
	for _, records := range out {
		for _, r := range records {
			p.log.append(r, tx)
		}
	}
	if p.d.fault(1) == 1 {
		p.hit("aborted transactions")
		p.abandon(tx)
		return nil
	}
	if !p.reach("send offsets") {
		return ctx.Err()
	}
	for at := range offsets {
		if p.owner[at] != p || p.generation[at] != given[at] {
			p.hit("transactions of an old generation")
			p.abandon(tx)
			return nil
		}
	}
	tx.offsets = offsets
	finish := func() {
		if tx.state == txOpen {
			p.finish(tx, inputs, out)
		}
	}
	p.current.onWire = finish
	if !p.reach("end transaction") {
		return ctx.Err()
	}
	switch p.d.fault(2) {
	case 1:
		p.hit("end of a transaction does not arrive")
		p.abandon(tx)
	case 2:
		p.hit("reply to the end of a transaction is lost")
		finish()
	default:
		finish()
		done()
	}
	return nil
}

// fetch reads some records of the process's partitions; given is the generation in which it has each.
func (p *process) fetch() (inputs []engine.PureInput, offsets, given map[place]int64) {
	offsets, given = map[place]int64{}, map[place]int64{}
	for _, at := range p.places {
		if p.owner[at] != p || p.pending(at) {
			continue
		}
		records, next := p.log.read(at, p.offset(at), p.d.size(fetched/2))
		if len(records) == 0 || len(inputs)+len(records) > pureLimit {
			continue
		}
		p.positions[at], offsets[at], given[at] = next, next, p.generation[at]
		for _, r := range records {
			inputs = append(inputs, engine.PureInput{Record: r})
		}
	}
	return inputs, offsets, given
}

// pureLimit keeps a transaction below the size from which delivery.Transform uses more than one goroutine.
const pureLimit = 31

// finish commits a transaction.
func (p *process) finish(tx *transaction, inputs []engine.PureInput, out [][]engine.Outgoing) {
	tx.state = txCommitted
	p.settleTx(tx)
	if p.cfg.Plant != OffsetsBeside {
		p.move(tx.offsets)
	}
	for i, in := range inputs {
		p.check.transformed(p.node, in.Record, out[i])
	}
	for _, records := range out {
		for _, r := range records {
			p.outside.seen(r)
		}
	}
}

func (n *node) move(offsets map[place]int64) {
	for at, next := range offsets {
		n.committed[at] = max(n.committed[at], next)
	}
}

// abandon aborts a transaction that is still open.
func (w *world) abandon(tx *transaction) {
	if tx.state == txOpen {
		tx.state = txAborted
		w.log.aborted(tx)
	}
	w.settleTx(tx)
}

// settleTx forgets a transaction that ended.
func (w *world) settleTx(tx *transaction) {
	is := func(o *transaction) bool { return o == tx }
	w.open, w.orphans = slices.DeleteFunc(w.open, is), slices.DeleteFunc(w.orphans, is)
}
