package delivery

import (
	"context"
	"errors"

	"github.com/omninode-ai/omninode/onex/engine"
)

// Retry settles parked records of one key that follow one another, as many as are settled for good before
// time or stop ends, and the one that is parked again, in one transaction. The first is settled in any
// case, unless the store holds it no more as it was read. Errors are those of Process.
func (p *Processor) Retry(ctx context.Context, l *engine.Lease, stop <-chan struct{}, chain []engine.Item) error {
	for try := 0; ; try++ {
		commits, err := p.decideChain(ctx, stop, chain)
		if len(commits) > 0 {
			err = p.commit(ctx, l, commits)
		}
		switch {
		case err == nil:
			p.settled(ctx, commits)
			return nil
		case errors.Is(err, engine.ErrConflict):
			p.Observer.Conflict()
			return nil // they are no longer what was read: the store says what is due now
		case errors.Is(err, errAlone):
			chain = chain[:1]
			continue
		}
		if err := p.again(ctx, try, chain[0], err); err != nil {
			return err
		}
	}
}

// decideChain decides parked records of one key, one after the other: the first in any case, the others
// until the turn is over or one is parked again, behind which they stay. The error says why there is none.
func (p *Processor) decideChain(ctx context.Context, stop <-chan struct{}, chain []engine.Item) ([]engine.Commit, error) {
	views, err := p.look(ctx, chain)
	if err != nil {
		return nil, err
	}
	until := p.Now().Add(turnTime)
	var known engine.Overlay
	commits := make([]engine.Commit, 0, len(chain))
	for i, it := range chain {
		if i > 0 && (closed(stop) || !p.Now().Before(until)) {
			break
		}
		c, err := p.decideOne(ctx, it, known.View(it, views[i]))
		if err != nil {
			return commits, err
		}
		commits = append(commits, c)
		if c.Park != nil {
			break
		}
		known.Add(c)
	}
	return commits, nil
}
