package onex

import (
	"context"
	"time"

	"github.com/omninode-ai/omninode/onex/config"
)

// flagPrefix is where the catalog's key-value store holds the flags of a node, each under its key.
func flagPrefix(node string) string { return "omninode/flags/" + node + "/" }

// flagPause lies between two answers of the store, however fast they come.
const flagPause = 100 * time.Millisecond

// readFlags reads the stored flags before the first input is handled and says what each flag is. It
// returns the index to watch from.
func (m *member) readFlags(ctx context.Context) (index uint64, err error) {
	if m.flags.Stored() {
		var stored map[string]string
		err = m.until(ctx, partFlags, func(ctx context.Context) error {
			stored, index, err = m.consul.Watch(ctx, flagPrefix(m.node.Name), 0)
			return err
		})
		if err != nil {
			return 0, err
		}
		m.warnOfFlags(ctx, m.flags.Apply(stored))
	}
	for _, f := range m.flags.Values() {
		m.observer.flag(f)
		m.log.InfoContext(ctx, "flag", "flag", f.Key, "on", f.On, "source", f.Source)
	}
	return index, nil
}

// watchFlags follows the stored flags until ctx ends. While the store does not answer, flags stay
// what they are.
func (m *member) watchFlags(ctx context.Context, index uint64) {
	reachable := true
	for try := 0; ctx.Err() == nil; {
		stored, next, err := m.consul.Watch(ctx, flagPrefix(m.node.Name), index)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			if reachable {
				m.log.WarnContext(ctx, "flags cannot be read and stay what they are", "err", err)
			}
			reachable = false
			_ = backoff(ctx, try)
			try++
			continue
		}
		if !reachable {
			m.log.InfoContext(ctx, "flags can be read again")
		}
		reachable, index, try = true, next, 0
		m.flagsChanged(ctx, m.flags.Apply(stored))
		_ = sleep(ctx, flagPause)
	}
}

func (m *member) flagsChanged(ctx context.Context, news []config.FlagValue) {
	m.warnOfFlags(ctx, news)
	for _, f := range news {
		m.observer.flag(f)
		if f.Err == nil {
			m.log.InfoContext(ctx, "flag changed", "flag", f.Key, "on", f.On, "source", f.Source)
		}
	}
}

func (m *member) warnOfFlags(ctx context.Context, news []config.FlagValue) {
	for _, f := range news {
		if f.Err != nil {
			m.log.WarnContext(ctx, "flag cannot be read and stays what it is", "flag", f.Key, "on", f.On,
				"key", flagPrefix(m.node.Name)+f.Key, "err", f.Err)
		}
	}
}
