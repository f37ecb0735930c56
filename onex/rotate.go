package onex

import (
	"context"
	"time"
)

const (
	// secretsInterval is how often a node asks its store for other secrets: 30 requests an hour.
	secretsInterval = 2 * time.Minute
	secretsTimeout  = 15 * time.Second
	refusedPause    = time.Second // between two times that a refused login makes a node ask
)

// watchSecrets follows the secret store while the node runs: at an interval, and when the database refuses the
// login, which may be because its password was changed. Nothing that runs is given up for a store that does not
// answer.
func (m *member) watchSecrets(ctx context.Context) {
	if m.secrets == nil {
		return // the environment does not change
	}
	ticker := time.NewTicker(m.env.SecretsInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-m.expired:
			m.refreshSecrets(ctx)
			if sleep(ctx, refusedPause) != nil {
				return
			}
			continue
		}
		m.refreshSecrets(ctx)
	}
}

// loginRefused is told by the store that the database did not accept it.
func (m *member) loginRefused() {
	select {
	case m.expired <- struct{}{}:
	default: // it is known
	}
}

// refreshSecrets takes over what the store has now. The value of a secret is never logged.
func (m *member) refreshSecrets(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, secretsTimeout)
	defer cancel()
	if err := m.secrets.Renew(ctx); err != nil {
		m.log.WarnContext(ctx, "secrets cannot be read again, those at hand stay in use", "err", err)
		return
	}
	changed, err := m.values.Refresh(ctx, m.sources...)
	for _, c := range changed {
		m.observer.rotated(c.Key, c.Err)
		if c.Err != nil {
			m.log.ErrorContext(ctx, "secret is not taken over, the one at hand stays in use", "key", c.Key, "source", c.Source, "err", c.Err)
			continue
		}
		m.log.InfoContext(ctx, "secret was rotated", "key", c.Key, "source", c.Source)
	}
	if err != nil {
		m.log.WarnContext(ctx, "secrets cannot be read again, those at hand stay in use", "err", err)
	}
	if err := m.store.Rotate(ctx, m.database.Reveal()); err != nil {
		m.log.WarnContext(ctx, "the database does not accept the rotated url yet, the connections at hand stay in use", "err", err)
	}
}
