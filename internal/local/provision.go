package local

import (
	"cmp"
	"context"
	"crypto/rand"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/e2e"
	"github.com/omninode-ai/omninode/internal/provision"
	"github.com/omninode-ai/omninode/onex/secret"
)

// The shop's payment node is the one that asks for a card gateway.
const (
	gatewayNode   = "payment"
	gatewayURLKey = "gateway_url"
	gatewayToken  = "gateway_token"
)

// needsGateway reports whether a node wants a gateway whose address nobody gave.
func (s *Session) needsGateway() bool {
	c := s.Fleet.Contract(gatewayNode)
	if c == nil || s.lookup(contract.Env(gatewayNode, gatewayURLKey)) != "" {
		return false
	}
	for _, set := range c.Settings {
		if set.Key == gatewayURLKey {
			return true
		}
	}
	return false
}

// gatewayToken returns the token that payment has, or will be seeded with.
func (s *Session) gatewayToken(ctx context.Context) string {
	if f, err := secret.OpenFile(s.Stack.SecretsFile); err == nil {
		if kept, ok, err := f.Get(ctx, gatewayNode, gatewayToken); ok && err == nil {
			return kept
		}
	}
	return cmp.Or(s.lookup(contract.Env(gatewayNode, gatewayToken)), rand.Text())
}

// provision prepares the database and the secrets; what is there already is kept.
func (s *Session) provision(ctx context.Context) error {
	step := s.cfg.Console.Step("migrate")
	own, err := provision.OwnMigrations(s.cfg.Contracts)
	if err == nil {
		_, err = provision.Migrate(ctx, provision.MigrateConfig{
			AdminURL: s.Stack.AdminDatabaseURL, Nodes: s.nodes(), Direction: provision.Up, Own: own,
		})
	}
	if step.End(err) != nil {
		return err
	}
	step = s.cfg.Console.Step("seed")
	return step.End(s.seed(ctx))
}

// seed writes what is missing in the secrets file: from the environment, else random.
func (s *Session) seed(ctx context.Context) error {
	_, err := provision.Seed(ctx, provision.SeedConfig{
		AdminURL: s.Stack.AdminDatabaseURL, Nodes: provision.Nodes(s.Fleet), SecretsFile: s.Stack.SecretsFile,
		Generate: true,
		Lookup: func(name string) (string, bool) {
			if s.Gateway != nil && name == contract.Env(gatewayNode, gatewayToken) {
				return s.Gateway.Token, true
			}
			v := s.lookup(name)
			return v, v != ""
		},
	})
	return err
}

// E2E returns the addresses of the session for the scenarios; command is the path of omninode.
func (s *Session) E2E(command string) e2e.Config {
	c := e2e.Config{
		Brokers: []string{s.Stack.Brokers}, DatabaseURL: s.Stack.AdminDatabaseURL, ConsulAddr: s.Stack.ConsulAddr,
		Contracts: s.cfg.Contracts, Omninode: command, NodeBinary: s.Binary,
	}
	if s.Gateway != nil {
		c.GatewayURL, c.GatewayToken = s.Gateway.URL, s.Gateway.Token
	}
	return c
}

// StackEnv returns the variables with which the commands of omninode reach the session.
func (s *Session) StackEnv() []string {
	env := []string{
		"ONEX_KAFKA_BROKERS=" + s.Stack.Brokers,
		"CONSUL_HTTP_ADDR=" + s.Stack.ConsulAddr,
		"DATABASE_URL=" + s.Stack.AdminDatabaseURL,
		"E2E_DATABASE_URL=" + s.Stack.AdminDatabaseURL,
		"E2E_NODE_BINARY=" + s.Binary,
	}
	if s.Gateway != nil {
		env = append(env, "E2E_GATEWAY_URL="+s.Gateway.URL, "PAYMENT_GATEWAY_TOKEN="+s.Gateway.Token)
	}
	return env
}
