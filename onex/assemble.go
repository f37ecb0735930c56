package onex

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/omninode-ai/omninode/internal/delivery"
	"github.com/omninode-ai/omninode/internal/vault"
	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
	"github.com/omninode-ai/omninode/onex/secret"
)

// DatabaseURL is the key of the secret that every node has besides those of its contract.
const DatabaseURL = "database_url"

// assemble resolves the settings of all nodes and wires their handlers. What is missing or wrong is
// reported for all nodes at once.
func (p *process) assemble(ctx context.Context, nodes []Node) (members []*member, closeSecrets func(), err error) {
	sources, closeSecrets, err := p.sources(ctx, nodes)
	if err != nil {
		return nil, closeSecrets, err
	}
	var errs []error
	for _, n := range nodes {
		m, err := p.member(ctx, n, sources)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		members = append(members, m)
	}
	if len(errs) > 0 {
		return nil, closeSecrets, &Error{Code: codeOf(errs), Err: errors.Join(errs...)}
	}
	return members, closeSecrets, nil
}

func codeOf(errs []error) string {
	if e, ok := errors.AsType[*Error](errs[0]); ok {
		return e.Code
	}
	return CodeSettings
}

func (p *process) member(ctx context.Context, n Node, sources []config.Source) (*member, error) {
	settings := append(slices.Clone(n.Settings), config.Setting{
		Key: DatabaseURL, Env: envPrefix(n.Name) + "DATABASE_URL", Secret: true,
		Description: "Postgres URL of the node's own role.",
	})
	values, err := config.Resolve(ctx, n.Name, settings, sources...)
	if err != nil {
		return nil, err
	}
	for _, row := range values.Explain() {
		p.log.DebugContext(ctx, "setting", "node", n.Name, "key", row.Key, "source", row.Source, "value", row.Value)
	}
	flags, err := config.ResolveFlags(n.Name, n.Flags, p.lookup)
	if err != nil {
		return nil, err
	}
	values = values.WithFlags(flags)
	reader := config.Read(values)
	database := reader.Secret(DatabaseURL)
	if err := reader.Err(); err != nil {
		return nil, err
	}
	wiring, err := n.Build(ctx, values)
	if err != nil {
		return nil, fmt.Errorf("node %s: build: %w", n.Name, err)
	}
	if err := errors.Join(checkRoutes(n, wiring.Routes), checkChecks(n, wiring.Checks)); err != nil {
		return nil, err
	}
	core, err := engine.New(p.engineConfig(n))
	if err != nil {
		return nil, err
	}
	m := newMember(p, n, core, wiring, database)
	m.flags, m.values, m.sources = flags, values, sources
	if m.scheduler, err = delivery.NewScheduler(n.Name, n.Schedules, m.log); err != nil {
		return nil, &Error{Code: CodeNode, Err: err}
	}
	m.scheduler.Ticked = m.observer.ticked
	return m, nil
}

// envPrefix returns what the environment variables of a node begin with.
func envPrefix(node string) string { return strings.ToUpper(strings.ReplaceAll(node, "-", "_")) + "_" }

// checkRoutes wants exactly one route for each input.
func checkRoutes(n Node, routes Routes) error {
	var errs []error
	declared := map[event.Ref]bool{}
	for _, in := range n.Inputs {
		declared[in.Type] = true
		if routes[in.Type] == nil {
			errs = append(errs, fmt.Errorf("node %s: input %s has no route", n.Name, in.Type))
		}
	}
	for t := range routes {
		if !declared[t] {
			errs = append(errs, fmt.Errorf("node %s: route %s has no input", n.Name, t))
		}
	}
	return errors.Join(errs...)
}

// engineConfig describes a node to its delivery core.
func (p *process) engineConfig(n Node) engine.Config {
	cfg := engine.Config{
		Node: n.Name, Version: n.Version, Instance: p.env.Instance,
		Inputs: n.Inputs, Machine: n.Machine, Pure: n.Kind == Compute,
	}
	if n.Workflow != nil {
		cfg.Workflow = n.Workflow.Start
	}
	for _, o := range n.Outputs {
		cfg.Outputs = append(cfg.Outputs, o.Type)
	}
	return cfg
}

// sources chooses where settings come from and says why.
func (p *process) sources(ctx context.Context, nodes []Node) ([]config.Source, func(), error) {
	below := p.variables.sources()
	switch {
	case p.env.Vault.Address != "":
		login, chosenBy, err := p.env.Vault.Login()
		if err != nil {
			return nil, func() {}, &Error{Code: CodeEnvironment, Err: err, Remedy: "set the variables of exactly one login, or unset VAULT_ADDR"}
		}
		if len(nodes) > 1 {
			return nil, func() {}, &Error{
				Code:   CodeEnvironment,
				Err:    fmt.Errorf("VAULT_ADDR is set, but a login of Vault opens the secrets of one node and this process runs %d", len(nodes)),
				Remedy: "run each node in its own process, or unset VAULT_ADDR and export ONEX_SECRETS_FILE",
			}
		}
		store, err := p.openVault(ctx, nodes)
		if err != nil {
			return nil, func() {}, err
		}
		p.log.InfoContext(ctx, "secrets come from vault", "address", p.env.Vault.Address, "login", login, "why", "VAULT_ADDR and "+chosenBy+" are set")
		p.secrets = store
		return append([]config.Source{secret.Source("vault", store)}, below...), func() { _ = store.Stop(bounded(ctx)) }, nil
	case p.env.SecretsFile != "":
		file, err := secret.OpenFile(p.env.SecretsFile)
		if err != nil {
			return nil, func() {}, &Error{Code: CodeSecrets, Err: err}
		}
		p.log.InfoContext(ctx, "secrets come from a file", "file", p.env.SecretsFile, "why", "VAULT_ADDR is not set, ONEX_SECRETS_FILE is")
		p.secrets = file
		return append([]config.Source{secret.Source("secrets file", file)}, below...), func() {}, nil
	}
	p.log.InfoContext(ctx, "secrets come from the environment", "why", "neither VAULT_ADDR nor ONEX_SECRETS_FILE is set")
	return below, func() {}, nil
}

// openVault waits for a Vault that is sealed or not there yet; what it refuses ends the start.
func (p *process) openVault(ctx context.Context, nodes []Node) (*vault.Store, error) {
	c := p.env.Vault
	c.Dial, c.Log = p.dial, p.log
	c.Lost = func(role string, problem error) { p.credentials(ctx, nodes, role, problem) }
	for try := 0; ; try++ {
		store, err := vault.Open(ctx, c)
		if err == nil {
			err = store.Start(context.WithoutCancel(ctx))
		}
		if err == nil {
			for _, n := range nodes {
				p.ready.set(n.Name, partSecrets, "")
			}
			return store, nil
		}
		_, unreachable := errors.AsType[*url.Error](err)
		if !unreachable && !errors.Is(err, vault.ErrSealed) {
			return nil, &Error{Code: CodeSecrets, Err: err}
		}
		for _, n := range nodes {
			if p.ready.set(n.Name, partSecrets, err.Error()) {
				p.log.WarnContext(ctx, "waiting for secrets", "node", n.Name, "err", err)
			}
		}
		if err := backoff(ctx, try); err != nil {
			return nil, err
		}
	}
}

// credentials makes nodes ready or not by whether what Vault made for a database role lasts.
func (p *process) credentials(ctx context.Context, nodes []Node, role string, problem error) {
	for _, n := range nodes {
		part := "credentials of database role " + role
		switch {
		case problem == nil && p.ready.set(n.Name, part, ""):
			p.log.InfoContext(ctx, "database credentials are prolonged again", "node", n.Name, "role", role)
		case problem != nil && p.ready.set(n.Name, part, problem.Error()):
			p.log.ErrorContext(ctx, "database credentials end", "node", n.Name, "role", role, "err", problem)
		}
	}
}

// backoff waits before the next try of something that may come by itself.
func backoff(ctx context.Context, try int) error {
	return sleep(ctx, min(100*time.Millisecond<<min(try, 6), 3*time.Second))
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
