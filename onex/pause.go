package onex

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/omninode-ai/omninode/internal/postgres"
	"github.com/omninode-ai/omninode/onex/event"
)

// pauseInterval is how often a node looks for what a person paused or resumed.
const pauseInterval = time.Second

// readPauses obeys what was paused before the first input is handled.
func (m *member) readPauses(ctx context.Context) error {
	return m.until(ctx, partDatabase, func(ctx context.Context) error {
		list, err := m.store.Paused(ctx)
		if err == nil {
			m.pause(ctx, list)
		}
		return err
	})
}

// watchPauses follows what is paused until ctx ends. While the database does not answer, that stays
// what it is; readiness says so.
func (m *member) watchPauses(ctx context.Context) {
	for sleep(ctx, pauseInterval) == nil {
		if list, err := m.store.Paused(ctx); err == nil {
			m.pause(ctx, list)
		}
	}
}

// pause pauses exactly what is listed.
func (m *member) pause(ctx context.Context, list []postgres.Pause) {
	if m.paused != nil && slices.EqualFunc(m.paused, list, func(a, b postgres.Pause) bool { return a == b }) {
		return
	}
	news := len(m.paused)+len(list) > 0
	m.paused = append([]postgres.Pause{}, list...)
	var said, shut []string
	all := false
	for _, p := range list {
		what := p.Input
		if what == "" {
			what, all = "node", true
		}
		said = append(said, fmt.Sprintf("%s: %s (by %s since %s)", what, p.Reason, p.By, p.At.UTC().Format(time.RFC3339)))
	}
	inputs := map[event.Ref]bool{}
	for _, in := range m.node.Inputs {
		paused := all || slices.ContainsFunc(in.Types(), func(t event.Ref) bool {
			return slices.ContainsFunc(list, func(p postgres.Pause) bool { return p.Input == t.String() })
		})
		m.observer.paused(in.Type, paused)
		if !paused {
			continue
		}
		inputs[in.Type] = true
		for _, t := range in.Types() {
			shut = append(shut, event.Topic{Class: in.Class, Ref: t}.String())
		}
	}
	m.valve.Set(shut)
	m.pauses.Set(inputs, all)
	m.ready.pause(m.node.Name, said)
	if news {
		m.log.InfoContext(ctx, "what a person paused has changed", "paused", said)
	}
}
