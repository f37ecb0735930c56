// Package local runs a fleet on this machine without containers: it builds all nodes into one
// program, starts the embedded backends, prepares the database and the secrets, runs the program as
// a child process and watches it become ready. `omninode e2e --on embedded` and `omninode dev` are
// this package with a different ending.
package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/internal/console"
	"github.com/omninode-ai/omninode/onex/onextest/embedded"
)

// Config says what to run and where; Root, Contracts and Console are required.
type Config struct {
	Root      string // folder of go.mod
	Contracts string // folder of the fleet's contracts
	Console   *console.Console
	Env       func(string) (string, bool) // settings and secrets of the nodes; like os.LookupEnv

	Binary string          // a fleet that is built already; "" builds one
	Stack  embedded.Config // of the backends
	Ports  Ports
	Log    io.Writer // gets what the nodes write; nil: only the last lines are kept
}

// Ports on 127.0.0.1; 0 chooses a free one.
type Ports struct {
	HTTP    int // of the nodes
	Gateway int // of the card gateway's sandbox
}

// Session is a running fleet with its backends.
type Session struct {
	Stack   *embedded.Stack
	Gateway *Gateway // nil if no node asks for it
	Fleet   *contract.Fleet
	Binary  string

	cfg     Config
	process *fleetProcess
}

// Open starts everything and waits until every node is ready: the backends while the fleet is
// built, then the database and secrets, then the nodes. If a step fails everything is stopped.
func Open(ctx context.Context, cfg Config) (*Session, error) {
	s := &Session{cfg: cfg}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Session) open(ctx context.Context) error {
	if err := s.readContracts(); err != nil {
		return err
	}
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.Build(gctx) })
	g.Go(func() error { return s.backends(gctx) })
	if err := g.Wait(); err != nil {
		return err
	}
	return s.StartFleet(ctx)
}

func (s *Session) readContracts() error {
	fleet, err := contract.LoadFleet(s.cfg.Contracts)
	if err != nil {
		return err
	}
	if len(fleet.Contracts) == 0 {
		return fmt.Errorf("%s holds no contract; make a node with: omninode new", s.cfg.Contracts)
	}
	s.Fleet = fleet
	return nil
}

// Build compiles the fleet unless a binary was given.
func (s *Session) Build(ctx context.Context) error {
	if s.cfg.Binary != "" {
		s.Binary = s.cfg.Binary
		return nil
	}
	step := s.cfg.Console.Step("build the fleet")
	s.Binary = filepath.Join(s.cfg.Root, ".omninode", "bin", "fleet")
	return step.End(build(ctx, s.cfg.Root, filepath.Join(s.cfg.Contracts, "cmd"), s.Binary))
}

// Rebuild reads the contracts again and compiles; the running nodes are not touched.
func (s *Session) Rebuild(ctx context.Context) error {
	before := s.Fleet
	if err := s.readContracts(); err != nil {
		return err
	}
	if err := s.Build(ctx); err != nil {
		s.Fleet = before
		return err
	}
	return nil
}

// Restart replaces the running nodes by the program that was built last. New nodes get their schema
// and secrets first.
func (s *Session) Restart(ctx context.Context) error {
	if err := s.provision(ctx); err != nil {
		return err
	}
	step := s.cfg.Console.Step("stop nodes")
	if err := step.End(s.StopFleet()); err != nil {
		s.cfg.Console.Print("%v", err) // a fleet that ended badly is replaced as well
	}
	return s.StartFleet(ctx)
}

func (s *Session) backends(ctx context.Context) error {
	step := s.cfg.Console.Step("start backends")
	var err error
	if s.Stack, err = embedded.Start(ctx, s.cfg.Stack); err != nil {
		return step.End(err)
	}
	if s.needsGateway() {
		if s.Gateway, err = StartGateway(ctx, s.cfg.Ports.Gateway, s.gatewayToken(ctx)); err != nil {
			return step.End(err)
		}
	}
	_ = step.End(nil)
	return s.provision(ctx)
}

// Close stops everything in the reverse order. It may be called more than once.
func (s *Session) Close() error {
	var errs []error
	errs = append(errs, s.StopFleet())
	if s.Gateway != nil {
		errs = append(errs, s.Gateway.Stop())
	}
	if s.Stack != nil {
		errs = append(errs, s.Stack.Stop())
	}
	return errors.Join(errs...)
}

// URL returns the base address of the nodes' HTTP server.
func (s *Session) URL() string {
	if s.process == nil {
		return ""
	}
	return s.process.url
}

// nodes returns the names of the fleet's nodes, sorted.
func (s *Session) nodes() []string {
	names := make([]string, 0, len(s.Fleet.Contracts))
	for _, c := range s.Fleet.Contracts {
		names = append(names, c.Node)
	}
	return names
}

func (s *Session) lookup(name string) string {
	if s.cfg.Env == nil {
		return ""
	}
	v, _ := s.cfg.Env(name)
	return v
}
