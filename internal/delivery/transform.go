package delivery

import (
	"context"
	"fmt"
	"hash/maphash"
	"log/slog"
	"runtime"
	"sync"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// lanesFrom is the number of inputs from which on handlers of different keys are called side by side.
const lanesFrom = 32

// Transform turns inputs into what each causes, for a pure node whose broker commits both together:
// emissions, or a dead letter for one that fails or whose emissions the broker refuses. Inputs of
// different keys are handled side by side. Done must be called once they are committed. The error is
// that of ctx.
func (p *Processor) Transform(ctx context.Context, inputs []engine.PureInput) (out [][]engine.Outgoing, done func(), err error) {
	out = make([][]engine.Outgoing, len(inputs))
	lanes := make([]tally, 1)
	if len(inputs) >= lanesFrom {
		lanes = make([]tally, runtime.GOMAXPROCS(0))
	}
	seed := maphash.MakeSeed()
	var working sync.WaitGroup
	for lane := 1; lane < len(lanes); lane++ {
		working.Go(func() { p.lane(ctx, inputs, out, lanes, lane, seed) })
	}
	p.lane(ctx, inputs, out, lanes, 0, seed)
	working.Wait()
	if ctx.Err() != nil {
		return nil, nil, ctx.Err() // stopped in the middle: an outcome may say nothing
	}
	return out, func() {
		for i := range lanes {
			p.count(ctx, &lanes[i])
		}
	}, nil
}

// lane handles the inputs whose keys fall to it, in order.
func (p *Processor) lane(ctx context.Context, inputs []engine.PureInput, out [][]engine.Outgoing, lanes []tally, lane int, seed maphash.Seed) {
	for i, in := range inputs {
		if len(lanes) > 1 && maphash.String(seed, in.Key)%uint64(len(lanes)) != uint64(lane) {
			continue
		}
		if ctx.Err() != nil {
			return
		}
		c := p.transform(ctx, in)
		out[i] = c.Outbox
		lanes[lane].add(c, p.Log.Enabled(ctx, slog.LevelDebug))
	}
}

// transform decides about one input, of which a pure node knows nothing but itself.
func (p *Processor) transform(ctx context.Context, in engine.PureInput) engine.Commit {
	it := p.Core.Open(in.Record)
	d := p.Core.Admit(it, engine.View{}, p.Now())
	var out engine.Outcome
	switch {
	case d.Verdict != engine.Handle:
	case in.Refused != nil:
		out.Err = engine.Permanent(fmt.Errorf("the broker refused what it gives rise to: %w", in.Refused))
	default:
		out = p.call(ctx, it, d.Call)
	}
	c := p.Core.Settle(it, engine.View{}, d, out, p.Now())
	if in.Refusals > 1 {
		c.Outbox = engine.WithoutPayload(c.Outbox)
	}
	return c
}

// tally is what is told once a transaction is committed. Of inputs that were just handled it keeps
// one for all of a type, since there are many.
type tally struct {
	handled map[event.Ref]*handled
	others  []engine.Commit
}

type handled struct {
	commit engine.Commit
	n      int
}

func (t *tally) add(c engine.Commit, each bool) {
	if each || c.Result != engine.Handled {
		t.others = append(t.others, c)
		return
	}
	if h := t.handled[c.Item.Input.Type]; h != nil {
		h.n++
		return
	}
	if t.handled == nil {
		t.handled = map[event.Ref]*handled{}
	}
	t.handled[c.Item.Input.Type] = &handled{c, 1}
}

func (p *Processor) count(ctx context.Context, t *tally) {
	for _, h := range t.handled {
		for range h.n {
			p.Observer.Settled(h.commit)
		}
	}
	p.settled(ctx, t.others)
}
