package simulation

import (
	"context"
	"errors"
	"strconv"

	"github.com/omninode-ai/omninode/internal/delivery"
	"github.com/omninode-ai/omninode/onex/engine"
)

const (
	fetched = 16 // records that a process reads at once, at most
	retries = 3  // parked records of a partition that are in hand at once, at most
)

// claim is a partition in the hands of a process, rightly or not.
type claim struct {
	*process
	place

	right    int64 // which claim of the partition it is
	steps    *delivery.Steps
	position int64
	working  bool
	inHand   map[int64]bool // parked records
}

func (p *process) claim(at place) *claim {
	for _, c := range p.claimed {
		if c.place == at {
			return c
		}
	}
	return nil
}

// take claims a partition.
func (p *process) take(at place) {
	p.claiming[at] = true
	p.begin(p, p.id+" "+at.String(), func(ctx context.Context) error {
		l, err := p.processor.Store.Claim(ctx, engine.Partition{Topic: at.topic, Number: at.number})
		if err != nil {
			return err
		}
		p.hold(at, l)
		return nil
	}, func(error) { delete(p.claiming, at) })
}

// hold begins to work under a lease.
func (p *process) hold(at place, l engine.Lease) {
	p.claimed = append(p.claimed, &claim{
		process: p, place: at, right: p.claims[at], steps: delivery.NewSteps(p.processor, l), position: l.Next, inHand: map[int64]bool{},
	})
	p.fresh = false
}

// settleIn claims what the process owns when the run begins: nothing goes wrong before that.
func (p *process) settleIn() {
	for _, at := range p.places {
		if p.store == nil || p.owner[at] != p {
			continue
		}
		if l, err := p.store.claimed(p.ctx, at, engine.Partition{Topic: at.topic, Number: at.number}); err == nil {
			p.hold(at, l)
		}
	}
}

func (c *claim) drop() {
	for i, o := range c.claimed {
		if o == c {
			c.claimed = append(c.claimed[:i:i], c.claimed[i+1:]...)
		}
	}
}

// zombie reports whether somebody else has the partition now.
func (c *claim) zombie() bool { return c.owner[c.place] != c.process }

// collect offers what the process can do with the partition.
func (c *claim) collect() {
	if c.zombie() && !c.working && len(c.inHand) == 0 {
		c.offer(c, c.id, "learns that it lost", c.place, c.drop)
	}
	if !c.working && c.log.readable(c.place, c.position) {
		c.offer(c, c.id, "polls", c.place, c.poll)
	}
	if c.due[c.place] && len(c.inHand) < retries {
		if d, ok := c.parked(); ok {
			c.offer(c, c.id, "retries", c.place, func() { c.retry(d) })
		}
	}
}

// poll reads records and settles them.
func (c *claim) poll() {
	c.working = true
	c.begin(c.process, c.id+" "+c.String(), func(ctx context.Context) error {
		if !c.reach("fetch") {
			return ctx.Err()
		}
		records, next := c.log.read(c.place, c.position, c.d.size(fetched))
		c.note(func() string {
			return "offsets " + strconv.FormatInt(c.position, 10) + " to " + strconv.FormatInt(next-1, 10)
		})
		c.position = next
		c.steps.Deliver(records)
		for {
			if idle, err := c.steps.Settle(ctx); idle || err != nil {
				return err
			}
		}
	}, func(err error) {
		c.working = false
		c.lost(err)
	})
}

// lost drops a claim that another one ended.
func (c *claim) lost(err error) {
	if errors.Is(err, engine.ErrFenced) {
		c.note(func() string { return c.id + " was fenced" })
		c.hit("fenced")
		c.drop()
	}
}

// parked returns the first parked record that is due and not in hand.
func (c *claim) parked() (engine.Parked, bool) {
	due, _ := c.store.memory.DueParked(c.ctx, engine.Partition{Topic: c.topic, Number: c.number}, c.clock(), retries+1)
	for _, d := range due {
		if !c.inHand[d.ID] {
			return d, true
		}
	}
	return engine.Parked{}, false
}

func (c *claim) retry(d engine.Parked) {
	c.inHand[d.ID] = true
	c.begin(c.process, c.id+" "+c.String()+" parked "+strconv.FormatInt(d.Record.Offset, 10), func(ctx context.Context) error {
		return c.steps.Retry(ctx, d)
	}, func(err error) {
		delete(c.inHand, d.ID)
		c.fresh = false
		c.lost(err)
	})
}

// fire settles the timers that are due.
func (p *process) fire() {
	p.firing = true
	p.begin(p, p.id+" timers", func(ctx context.Context) error { return delivery.FireTimers(ctx, p.processor) }, func(error) {
		p.firing, p.fresh = false, false
	})
}
