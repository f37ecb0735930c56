package onex

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/omninode-ai/omninode/internal/delivery"
	"github.com/omninode-ai/omninode/internal/kafka"
	"github.com/omninode-ai/omninode/internal/postgres"
	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
	"github.com/omninode-ai/omninode/onex/registry"
)

// member is one node while it runs.
type member struct {
	*process

	node     Node
	core     *engine.Core
	routes   Routes
	checks   []Check
	flags    *config.Flags
	database config.Secret
	values   *config.Values
	sources  []config.Source // of values
	expired  chan struct{}   // the database did not accept the login
	log      *slog.Logger
	observer observer
	store    *postgres.Store
	epoch    int64 // of the registration

	scheduler *delivery.Scheduler
	progress  *kafka.Progress
	again     chan struct{}              // the session is to end and the next to begin
	drift     map[drift]kafka.Difference // of the node's topics; only one goroutine at a time looks

	paused []postgres.Pause // what a person paused; only one goroutine at a time looks
	pauses *delivery.Pauses
	valve  *kafka.Valve
}

func newMember(p *process, n Node, core *engine.Core, wiring Wiring, database config.Secret) *member {
	m := &member{
		process: p, node: n, core: core, routes: wiring.Routes, checks: wiring.Checks, database: database,
		log: p.log.With("node", n.Name), observer: observer{p.metrics, n.Name},
		progress: &kafka.Progress{}, again: make(chan struct{}, 1), expired: make(chan struct{}, 1), pauses: delivery.NewPauses(), valve: &kafka.Valve{},
	}
	p.metrics.follow(n.Name, m.progress)
	return m
}

const (
	leaseTTL        = 15 * time.Second // of the row in node_registrations
	renewInterval   = 5 * time.Second
	deregisterAfter = time.Minute
)

// run starts the node in order, works until ctx ends, and stops in reverse. Work in hand is finished
// under work.
func (m *member) run(ctx, work context.Context) (err error) {
	start := time.Now()
	if err := m.openDatabase(ctx); err != nil {
		return err
	}
	defer m.store.Close()
	if err := m.define(ctx); err != nil {
		return err
	}
	epoch, err := m.register(ctx)
	defer func() {
		if !errors.Is(err, kafka.ErrReplaced) { // what is registered now is the other process
			m.deregister(work, epoch)
		}
	}()
	if err != nil {
		return err
	}
	m.epoch = epoch
	if err = m.awaitTopics(ctx); err != nil {
		return err
	}
	if err = m.readPauses(ctx); err != nil {
		return err
	}
	index, err := m.readFlags(ctx)
	if err != nil {
		return err
	}
	for _, c := range m.checks {
		m.ready.set(m.node.Name, c.part(), "not checked yet")
	}
	m.ready.set(m.node.Name, partStart, "")
	m.log.InfoContext(ctx, "ready", "version", m.node.Version, "kind", m.node.Kind, "took", time.Since(start).Round(time.Millisecond).String())

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	context.AfterFunc(ctx, func() { m.ready.set(m.node.Name, partStop, "stopping") })
	var background sync.WaitGroup
	background.Go(func() { cancel(m.renew(ctx, epoch)) })
	m.watch(ctx, &background, index)
	err = m.deliver(ctx, work)
	cancel(err)
	background.Wait()
	if cause := context.Cause(ctx); err == nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	return err
}

// watch follows in the background what the contract asks for: topics, checks and flags.
func (m *member) watch(ctx context.Context, background *sync.WaitGroup, flags uint64) {
	background.Go(func() { m.watchDrift(ctx) })
	background.Go(func() { m.watchPauses(ctx) })
	background.Go(func() { m.watchSecrets(ctx) })
	for _, c := range m.checks {
		background.Go(func() { m.watchCheck(ctx, c) })
	}
	if m.flags.Stored() {
		background.Go(func() { m.watchFlags(ctx, flags) })
	}
}

// until tries f until it succeeds. An *Error is for people to mend and ends it; anything else may
// pass by itself, and readiness says what it is.
func (m *member) until(ctx context.Context, part string, f func(ctx context.Context) error) error {
	for try := 0; ; try++ {
		err := f(ctx)
		if err == nil {
			m.ready.set(m.node.Name, part, "")
			return nil
		}
		if _, ok := errors.AsType[*Error](err); ok {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if m.ready.set(m.node.Name, part, err.Error()) {
			m.log.WarnContext(ctx, "waiting for "+part, "err", err) //nolint:sloglint // one of four constant parts
		}
		if err := backoff(ctx, try); err != nil {
			return err
		}
	}
}

func (m *member) openDatabase(ctx context.Context) error {
	var err error
	m.store, err = postgres.Open(context.WithoutCancel(ctx), postgres.Config{
		URL: m.database.Reveal(), Group: event.Group(m.node.Name), Instance: m.env.Instance, Dial: m.dial,
		InboxRetention: m.env.InboxRetention, Refused: m.loginRefused,
	})
	if err != nil {
		return &Error{Code: CodeDatabase, Err: fmt.Errorf("node %s: %w", m.node.Name, err)}
	}
	err = m.until(ctx, partDatabase, func(ctx context.Context) error {
		err := m.store.CheckSchema(ctx)
		if err == nil {
			err = m.store.CheckOwnSchema(ctx, m.node.OwnSchema)
		}
		if err == nil {
			err = m.store.Synchronize(ctx)
		}
		return m.fatalDatabase(err)
	})
	if err != nil {
		m.store.Close()
	}
	return err
}

// fatalDatabase tells what a person must mend from what may pass.
func (m *member) fatalDatabase(err error) error {
	if outdated, ok := errors.AsType[*postgres.SchemaError](err); ok {
		return &Error{Code: CodeSchema, Err: fmt.Errorf("node %s: %w", m.node.Name, outdated), Remedy: "omninode migrate up"}
	}
	if postgres.Refused(err) {
		return &Error{Code: CodeDatabase, Err: fmt.Errorf("node %s: %w", m.node.Name, err), Remedy: "omninode seed"}
	}
	return err
}

// register announces the node in Postgres and in the catalog.
func (m *member) register(ctx context.Context) (epoch int64, err error) {
	r, facts := m.registration()
	err = m.until(ctx, partDatabase, func(ctx context.Context) error {
		epoch, err = m.store.UpsertRegistration(ctx, r, facts, leaseTTL)
		return m.fatalDatabase(err)
	})
	if err != nil {
		return 0, err
	}
	err = m.until(ctx, partRegistration, func(ctx context.Context) error { return m.consul.Register(ctx, r) })
	if err == nil {
		m.log.InfoContext(ctx, "registered", "service_id", r.ID, "address", net.JoinHostPort(r.Address, strconv.Itoa(r.Port)), "epoch", epoch)
	}
	return epoch, err
}

func (m *member) registration() (registry.Registration, registry.Facts) {
	n := m.node
	facts := registry.Facts{
		NodeType: string(n.Kind), Version: n.Version, Capabilities: n.Capabilities, ContractSHA256: n.ContractSHA256,
	}
	for _, in := range n.Inputs {
		for _, t := range in.Types() {
			facts.EventsConsumed = append(facts.EventsConsumed, t.String())
		}
	}
	for _, out := range n.Outputs {
		facts.EventsEmitted = append(facts.EventsEmitted, out.Type.String())
	}
	url := "http://" + net.JoinHostPort(m.env.Advertise, strconv.Itoa(m.port)) + "/readyz?node=" + n.Name
	return registry.Registration{
		Service: n.Name, ID: registry.ServiceID(n.Name, m.env.Instance), Address: m.env.Advertise, Port: m.port,
		Tags: []string{string(n.Kind)}, Meta: registry.Meta(facts),
		CheckURL: url, CheckInterval: m.env.CheckInterval, DeregisterAfter: deregisterAfter,
	}, facts
}

// renew keeps the registration's lease and looks after the backends until ctx ends. The error says that it was superseded.
func (m *member) renew(ctx context.Context, epoch int64) error {
	id := registry.ServiceID(m.node.Name, m.env.Instance)
	ticker := time.NewTicker(renewInterval)
	defer ticker.Stop()
	for {
		err := m.store.Renew(ctx, id, epoch, leaseTTL)
		if err == nil {
			err = errors.Join(m.measure(ctx), m.store.Synchronize(ctx))
		}
		broker := m.kafka.Refresh(ctx, m.progress)
		if broker == nil {
			broker = m.lookAtTopics(ctx)
		}
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, postgres.ErrSuperseded) {
			return m.replaced(err)
		}
		m.answers(ctx, partDatabase, err)
		m.answers(ctx, partBroker, broker)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// answers makes the node ready or not by whether a backend answered.
func (m *member) answers(ctx context.Context, part string, err error) {
	switch {
	case err == nil && m.ready.set(m.node.Name, part, ""):
		m.log.InfoContext(ctx, "backend answers again", "part", part)
	case err != nil && m.ready.set(m.node.Name, part, err.Error()):
		m.log.WarnContext(ctx, "backend does not answer", "part", part, "err", err)
	}
}

func (m *member) measure(ctx context.Context) error {
	waiting, err := m.store.Depths(ctx)
	if err != nil {
		return err
	}
	m.observer.depths(waiting)
	halted, err := m.store.HaltedKeys(ctx)
	if err == nil {
		m.observer.halted(halted)
	}
	return err
}

func (m *member) replaced(err error) error {
	return &Error{
		Code: CodeReplaced, Err: fmt.Errorf("node %s: %w (%w)", m.node.Name, kafka.ErrReplaced, err),
		Remedy: "give each process its own ONEX_INSTANCE",
	}
}

// deregister takes back what register wrote; epoch is 0 if it did not come that far, and what the
// catalog then holds under the id is not ours.
func (m *member) deregister(ctx context.Context, epoch int64) {
	if epoch == 0 {
		return
	}
	ctx = bounded(ctx)
	id := registry.ServiceID(m.node.Name, m.env.Instance)
	if err := m.consul.Deregister(ctx, id); err != nil {
		m.log.WarnContext(ctx, "still in the catalog", "service_id", id, "err", err)
	}
	if err := m.store.Release(ctx, id, epoch); err != nil && !errors.Is(err, postgres.ErrSuperseded) {
		m.log.WarnContext(ctx, "registration was not released", "service_id", id, "err", err)
	}
	m.log.InfoContext(ctx, "deregistered", "service_id", id)
}

// awaitTopics creates the topics the node owns and waits for those of others.
func (m *member) awaitTopics(ctx context.Context) error {
	owned, foreign := m.node.WantedTopics()
	return m.until(ctx, partTopics, func(ctx context.Context) error {
		if m.node.Kind == Compute {
			if err := m.kafka.CheckExactlyOnce(ctx); err != nil {
				return m.fatalKafka(err)
			}
		}
		differences, err := m.kafka.EnsureTopics(ctx, owned)
		if err != nil {
			return err
		}
		m.drifted(ctx, differences)
		missing, err := m.kafka.Missing(ctx, foreign)
		if err != nil {
			return err
		}
		return missingTopics(missing)
	})
}

func (m *member) fatalKafka(err error) error {
	if _, ok := errors.AsType[*kafka.FeatureError](err); ok {
		return &Error{Code: CodeExactlyOnce, Err: fmt.Errorf("node %s: %w", m.node.Name, err)}
	}
	return err
}

func missingTopics(missing []string) error {
	if len(missing) == 0 {
		return nil
	}
	said := make([]string, 0, len(missing))
	for _, name := range missing {
		owner := "unknown"
		if t, err := event.ParseTopic(name); err == nil {
			owner = t.Ref.Node
		}
		said = append(said, fmt.Sprintf("topic %s does not exist; its owner is node %s", name, owner))
	}
	return errors.New(strings.Join(said, ", "))
}

// processor settles the node's inputs.
func (m *member) processor() *delivery.Processor {
	return &delivery.Processor{
		Core: m.core, Handlers: m.routes, Observer: m.observer, Log: m.log, Now: m.store.Now,
		Breakers: delivery.NewBreakers(m.node.Inputs, m.observer, m.log), Pauses: m.pauses, Budget: m.budget,
	}
}
