package e2e

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/internal/consul"
)

// Config is the addresses of a running stack. The environment variables it is read from are listed
// with FromEnv.
type Config struct {
	Brokers      []string
	DatabaseURL  string // of a role that reads all schemas and may change timers
	ConsulAddr   string
	ConsulToken  string
	GatewayURL   string
	GatewayToken string
	Contracts    string // folder of the fleet's contracts
	Omninode     string // path of the command; "" skips nothing: its scenario fails
	NodeBinary   string // path of the payment node or of the fleet
}

// FromEnv reads the addresses of a stack:
//
//	ONEX_KAFKA_BROKERS     host:port,…
//	E2E_DATABASE_URL       a role that may read all schemas and make timers due
//	CONSUL_HTTP_ADDR       host:port; CONSUL_HTTP_TOKEN
//	E2E_GATEWAY_URL        the sandbox of the card gateway
//	PAYMENT_GATEWAY_TOKEN  its bearer token
//	E2E_CONTRACTS          folder of the contracts, default nodes
//	E2E_OMNINODE           path of the command, default omninode
//	E2E_NODE_BINARY        path of the payment node or of the fleet
//
// The error names every variable that is missing.
func FromEnv(lookup func(string) (string, bool)) (Config, error) {
	var missing []string
	need := func(name string) string {
		v, _ := lookup(name)
		if v == "" {
			missing = append(missing, name)
		}
		return v
	}
	or := func(name, fallback string) string {
		v, _ := lookup(name)
		return cmp.Or(v, fallback)
	}
	c := Config{
		Brokers:     strings.Split(need("ONEX_KAFKA_BROKERS"), ","),
		DatabaseURL: need("E2E_DATABASE_URL"), ConsulAddr: need("CONSUL_HTTP_ADDR"), ConsulToken: or("CONSUL_HTTP_TOKEN", ""),
		GatewayURL: need("E2E_GATEWAY_URL"), GatewayToken: need("PAYMENT_GATEWAY_TOKEN"),
		Contracts: or("E2E_CONTRACTS", "nodes"), Omninode: or("E2E_OMNINODE", "omninode"),
		NodeBinary: or("E2E_NODE_BINARY", ""),
	}
	if len(missing) > 0 {
		return c, fmt.Errorf("the address of the stack is incomplete: %s not set", strings.Join(missing, ", "))
	}
	return c, nil
}

// Stack is a running stack as the scenarios see it.
type Stack struct {
	Config
	Fleet []*contract.Contract

	bus     *bus
	db      *pgxpool.Pool
	catalog *consul.Client
	patient time.Duration // how long a scenario waits for one thing
}

// DefaultPatience is how long a scenario waits for one thing to be seen.
const DefaultPatience = 30 * time.Second

// Open connects to a stack. patience 0 is DefaultPatience.
func Open(ctx context.Context, cfg Config, patience time.Duration) (*Stack, error) {
	fleet, err := contract.LoadFleet(cfg.Contracts)
	if err != nil {
		return nil, fmt.Errorf("read the contracts: %w", err)
	}
	s := &Stack{Config: cfg, Fleet: fleet.Contracts, patient: cmp.Or(patience, DefaultPatience)}
	if s.db, err = pgxpool.New(ctx, cfg.DatabaseURL); err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if s.catalog, err = consul.New(consul.Config{Address: cfg.ConsulAddr, Token: cfg.ConsulToken}); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if s.bus, err = openBus(ctx, cfg.Brokers); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close closes the connections.
func (s *Stack) Close() error {
	if s.bus != nil {
		s.bus.close()
	}
	if s.db != nil {
		s.db.Close()
	}
	return nil
}

// eventually polls f until it reports no problem. The error says what was awaited, for how long, and
// the last problem.
func (s *Stack) eventually(ctx context.Context, what string, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.patient)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		err := f(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: not seen within %s; last: %w", what, s.patient, last)
		case <-tick.C:
		}
	}
}
