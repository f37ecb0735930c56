package delivery

import (
	"context"

	"github.com/omninode-ai/omninode/onex/engine"
)

// Transform turns records into what they cause, for a pure node whose broker commits both together:
// emissions, and a dead letter for each input that fails. Done must be called once they are
// committed. The error is that of ctx.
func (p *Processor) Transform(ctx context.Context, records []engine.Record) (out []engine.Outgoing, done func(), err error) {
	commits := make([]engine.Commit, 0, len(records))
	for _, r := range records {
		c, err := p.decide(ctx, p.Core.Open(r))
		if err != nil {
			return nil, nil, err
		}
		commits = append(commits, c...)
		out = append(out, c[0].Outbox...)
	}
	return out, func() { p.settled(ctx, commits) }, nil
}
