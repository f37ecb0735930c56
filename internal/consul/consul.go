// Package consul registers instances with the local Consul agent and asks the catalog who is there.
// It implements onex/registry; it decides nothing about what a node says of itself.
//
// An agent can forget what it was told (its data may be wiped), so a started Client asks it
// periodically and registers again what is missing.
package consul

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/omninode-ai/omninode/onex/registry"
)

// Config opens a Client. Address is required.
type Config struct {
	Address string // host:port or URL of the agent (CONSUL_HTTP_ADDR)
	Token   string // ACL token; "" is the agent's default

	// Dial opens connections; nil is a net.Dialer. It is where host names are overridden.
	Dial    func(ctx context.Context, network, address string) (net.Conn, error)
	Timeout time.Duration // of each call; 0: 5s
	Recheck time.Duration // how often a started Client asks whether the agent still knows; 0: 5s
	Log     *slog.Logger  // nil: discarded
}

// Client talks to one agent. It is safe for concurrent use.
type Client struct {
	api       *api.Client
	transport *http.Transport
	address   string
	timeout   time.Duration
	recheck   time.Duration
	log       *slog.Logger

	turn      chan struct{}           // held while registrations change, so that a recheck cannot undo a Deregister
	announced map[string]announcement // by id; guarded by turn

	mu     sync.Mutex
	cancel context.CancelFunc // nil: not running
	done   chan struct{}
}

var (
	_ registry.Registrar = (*Client)(nil)
	_ registry.Catalog   = (*Client)(nil)
)

// New returns a Client. It opens no connection: an agent that cannot be reached shows in the calls.
func New(c Config) (*Client, error) {
	if c.Address == "" {
		return nil, errors.New("consul: no address; export CONSUL_HTTP_ADDR=host:port")
	}
	dial := c.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	transport := &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true}
	client, err := api.NewClient(&api.Config{Address: c.Address, Token: c.Token, Transport: transport})
	if err != nil {
		return nil, fmt.Errorf("consul: open client for %s: %w", c.Address, err)
	}
	log := c.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Client{
		api: client, transport: transport, address: c.Address, log: log,
		timeout: cmp.Or(c.Timeout, 5*time.Second), recheck: cmp.Or(c.Recheck, 5*time.Second),
		turn: make(chan struct{}, 1), announced: map[string]announcement{},
	}, nil
}

// Ping asks whether the agent answers and its cluster has a leader.
func (c *Client) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	leader, err := c.api.Status().LeaderWithQueryOptions((&api.QueryOptions{}).WithContext(ctx))
	if err != nil {
		return c.explain("ask for the leader", err)
	}
	if leader == "" {
		return c.explain("ask for the leader", errors.New("the cluster has none"))
	}
	return nil
}

// explain wraps an error of the agent with what was tried and where.
func (c *Client) explain(doing string, err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("no answer within %s: %w", c.timeout, err)
	}
	return fmt.Errorf("consul at %s: %s: %w", c.address, doing, err)
}

func isNotFound(err error) bool {
	var status api.StatusError
	return errors.As(err, &status) && status.Code == http.StatusNotFound
}
