package onex

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/omninode-ai/omninode/internal/delivery"
	"github.com/omninode-ai/omninode/internal/kafka"
	"github.com/omninode-ai/omninode/internal/postgres"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
	"github.com/omninode-ai/omninode/onex/registry"
)

// deliver consumes until ctx ends and what is in hand is settled, or for good.
func (m *member) deliver(ctx, work context.Context) error {
	if m.node.Kind == Compute {
		p := m.processor()
		return m.sessions(ctx, func(ctx context.Context) error {
			return m.kafka.Transact(ctx, work, m.membership(), p.Transform)
		})
	}
	p := m.processor()
	p.Store = m.store
	d := delivery.NewDispatcher(p, m.node.Workflow != nil)
	sender, err := m.kafka.NewSender()
	if err != nil {
		return err
	}
	defer sender.Close()
	relay := delivery.NewRelay(m.store, sender.Send, m.log)
	relay.ProduceAlone = func(ctx context.Context, r engine.Outgoing) error {
		return m.kafka.Produce(ctx, []engine.Outgoing{r})[0]
	}
	relay.Scheduler, m.scheduler.Now = m.scheduler, m.store.Now
	p.Committed = func(c engine.Commit) {
		d.Committed(c)
		if c.Sends() {
			relay.Wake()
		}
	}
	drained := make(chan struct{})
	watched, unwatch := context.WithCancel(ctx)
	defer unwatch()
	var background sync.WaitGroup
	background.Go(func() { relay.Run(work, drained) })
	background.Go(func() { d.Watch(watched, work) })
	err = m.sessions(ctx, func(ctx context.Context) error {
		return m.consume(ctx, &claims{Dispatcher: d, work: work, observer: m.observer})
	})
	unwatch() // a session may have ended for good while ctx goes on
	close(drained)
	background.Wait()
	return err
}

func (m *member) membership() kafka.Membership {
	return kafka.Membership{
		Group: event.Group(m.node.Name), Instance: registry.ServiceID(m.node.Name, m.env.Instance), Topics: m.core.Topics(),
		Valve: m.valve, Observer: membership{m}, Progress: m.progress,
	}
}

// sessions runs one session after the other until ctx ends or one fails for good.
func (m *member) sessions(ctx context.Context, session func(ctx context.Context) error) error {
	for try := 0; ; try++ {
		m.observer.joined()
		begun := time.Now()
		err := m.session(ctx, session)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // told to stop
		case errors.Is(err, kafka.ErrReplaced):
			return m.replaced(err)
		}
		m.log.WarnContext(ctx, "consumer session ended, joining again", "err", err)
		if time.Since(begun) > time.Minute {
			try = 0
		}
		if backoff(ctx, try) != nil {
			return nil //nolint:nilerr // told to stop
		}
		if err := m.superseded(ctx); err != nil {
			return m.replaced(err) // to join again would end the other
		}
	}
}

// session runs one until ctx ends, it fails, or it is to begin again.
func (m *member) session(ctx context.Context, session func(ctx context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-ctx.Done():
		case <-m.again:
			cancel(errAgain)
		}
	}()
	err := session(ctx)
	if err == nil {
		err = context.Cause(ctx)
	}
	cancel(nil)
	<-watched
	return err
}

// consume is one membership of the consumer group. It ends when a claim is lost.
func (m *member) consume(ctx context.Context, c *claims) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c.Reset()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-ctx.Done():
		case err := <-c.Lost():
			m.observer.fenced()
			cancel(m.lost(ctx, err))
		}
	}()
	err := m.kafka.Consume(ctx, m.membership(), c)
	if err == nil {
		err = context.Cause(ctx)
	}
	cancel(nil)
	<-watched
	return err
}

// lost says what a lost claim means. A process whose name another took must not leave the group, which
// would take the other out of it.
func (m *member) lost(ctx context.Context, err error) error {
	if superseded := m.superseded(ctx); superseded != nil {
		return fmt.Errorf("claim was lost: %w (%w)", kafka.ErrReplaced, superseded)
	}
	return fmt.Errorf("claim was lost: %w", err)
}

// superseded returns an error if another process has taken this one's name. A database that does not
// answer says nothing; without one there are no names to take.
func (m *member) superseded(ctx context.Context) error {
	if m.store == nil {
		return nil
	}
	err := m.store.Renew(bounded(ctx), registry.ServiceID(m.node.Name, m.env.Instance), m.epoch, leaseTTL)
	if errors.Is(err, postgres.ErrSuperseded) {
		return err
	}
	return nil
}

// claims gives what Kafka assigns to the dispatcher.
type claims struct {
	*delivery.Dispatcher

	work     context.Context //nolint:containedctx // outlives the session's, so that what is in hand is finished
	observer observer
}

var _ kafka.Partitions = (*claims)(nil)

// Claim implements kafka.Partitions.
func (c *claims) Claim(ctx context.Context, p engine.Partition, flow func(full bool)) (int64, error) {
	return c.Dispatcher.Claim(ctx, c.work, p, func(full bool) {
		c.observer.queueFull(full)
		flow(full)
	})
}

// membership tells the node's metrics and readiness what happens to its place in the group.
type membership struct{ *member }

var _ kafka.Observer = membership{}

// Rebalanced implements kafka.Observer.
func (m membership) Rebalanced() { m.observer.rebalanced() }

// Lost implements kafka.Observer.
func (m membership) Lost(topic string, _ int32, records int64) { m.observer.lost(topic, records) }

// Transaction implements kafka.Observer.
func (m membership) Transaction(committed bool) { m.observer.transaction(committed) }

// Waiting implements kafka.Observer.
func (m membership) Waiting(reason error) {
	text := ""
	if reason != nil {
		text = reason.Error()
	}
	m.ready.set(m.node.Name, partDelivery, text)
}
