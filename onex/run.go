package onex

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/omninode-ai/omninode/internal/consul"
	"github.com/omninode-ai/omninode/internal/delivery"
	"github.com/omninode-ai/omninode/internal/kafka"
	"github.com/omninode-ai/omninode/onex/event"
	"github.com/omninode-ai/omninode/onex/secret"
)

// Config adjusts Run; the zero value is what Main uses.
type Config struct {
	Lookup func(name string) (string, bool) // environment variables; nil: os.LookupEnv
	Output io.Writer                        // gets the log; nil: standard error
}

// Run runs nodes in one process until ctx ends and all of them have stopped in good order, which is
// no error. What people must mend before a start can succeed is returned as an *Error, everything at
// once; what may come by itself (a database, a broker, a topic that is not there yet) is waited for,
// and /readyz says what that is.
func Run(ctx context.Context, cfg Config, nodes ...Node) error {
	if err := checkNodes(nodes); err != nil {
		return &Error{Code: CodeNode, Err: err}
	}
	vars, err := readVariables(cfg)
	if err != nil {
		return err
	}
	env, err := readEnvironment(vars.lookup)
	if err != nil {
		return &Error{Code: CodeEnvironment, Err: err}
	}
	var out io.Writer = os.Stderr
	if cfg.Output != nil {
		out = cfg.Output
	}
	p := &process{
		env: env, variables: vars, log: newLogger(out, env), dial: dialer(env.Hosts),
		ready: newReadiness(nodes), metrics: newMetrics(), budget: delivery.NewBudget(delivery.BudgetBytes),
	}
	vars.warnUnknown(ctx, p.log, nodes)
	return p.run(ctx, nodes)
}

func newLogger(out io.Writer, env environment) *slog.Logger {
	opts := &slog.HandlerOptions{Level: env.LogLevel}
	if env.LogFormat == "text" {
		return slog.New(slog.NewTextHandler(out, opts))
	}
	return slog.New(slog.NewJSONHandler(out, opts))
}

// checkNodes refuses descriptions that could not run.
func checkNodes(nodes []Node) error {
	var errs []error
	if len(nodes) == 0 {
		errs = append(errs, errors.New("no node to run"))
	}
	seen := map[string]bool{}
	for _, n := range nodes {
		switch {
		case !event.ValidName(n.Name):
			errs = append(errs, fmt.Errorf("node name %q is not valid", n.Name))
		case seen[n.Name]:
			errs = append(errs, fmt.Errorf("node %s is given twice", n.Name))
		case n.Build == nil:
			errs = append(errs, fmt.Errorf("node %s has no Build function", n.Name))
		}
		seen[n.Name] = true
	}
	return errors.Join(errs...)
}

// process is what the nodes of one process share.
type process struct {
	env environment
	variables
	log     *slog.Logger
	dial    func(ctx context.Context, network, addr string) (net.Conn, error)
	ready   *readiness
	metrics *metrics
	port    int // of the HTTP server

	kafka   *kafka.Client
	consul  *consul.Client
	budget  *delivery.Budget
	secrets secret.Renewer // nil: secrets come from the environment alone
}

// run starts what the nodes share, runs them, and stops in reverse.
func (p *process) run(ctx context.Context, nodes []Node) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	work, finish := p.drainable(ctx)
	defer finish()
	defer p.paceCollector(work)()
	stopHTTP, err := p.serve(ctx)
	if err != nil {
		return err
	}
	defer stopHTTP()
	if p.kafka, err = kafka.Open(kafka.Config{Brokers: p.env.Brokers, ClientID: "onex", Log: p.log, Dial: p.dial}); err != nil {
		return &Error{Code: CodeEnvironment, Err: err}
	}
	defer p.kafka.Close()
	p.consul, err = consul.New(consul.Config{Address: p.env.Consul, Token: p.env.ConsulToken, Dial: p.dial, Log: p.log})
	if err != nil {
		return &Error{Code: CodeEnvironment, Err: err}
	}
	if err := p.consul.Start(work); err != nil {
		return fmt.Errorf("watch registrations: %w", err)
	}
	defer func() { _ = p.consul.Stop(bounded(work)) }()
	p.log.InfoContext(ctx, "starting", "brokers", strings.Join(p.env.Brokers, ","), "catalog", p.env.Consul,
		"advertise", net.JoinHostPort(p.env.Advertise, strconv.Itoa(p.port)), "instance", p.env.Instance,
		"drain_timeout", p.env.DrainTimeout.String(), "inbox_retention", p.env.InboxRetention.String(), "hosts", p.env.Hosts)
	members, closeSecrets, err := p.assemble(ctx, nodes)
	defer closeSecrets()
	if err != nil {
		return interrupted(ctx, err)
	}
	group, ctx := errgroup.WithContext(ctx)
	context.AfterFunc(ctx, stop) // a node that fails stops the others, within the drain timeout
	for _, m := range members {
		group.Go(func() error { return m.run(ctx, work) })
	}
	err = interrupted(ctx, group.Wait())
	p.log.InfoContext(work, "stopped")
	return err
}

// interrupted turns the end of a start that was told to stop into no error.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// drainable returns a context for work in hand: it outlives ctx by the drain timeout.
func (p *process) drainable(ctx context.Context) (context.Context, context.CancelFunc) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		p.log.InfoContext(work, "stopping", "drain_timeout", p.env.DrainTimeout.String())
		timer := time.NewTimer(p.env.DrainTimeout)
		defer timer.Stop()
		select {
		case <-work.Done():
		case <-timer.C:
			p.log.WarnContext(work, "drain timeout passed, giving up what is in hand")
			cancel()
		}
	})
	return work, func() {
		stop()
		cancel()
	}
}

const httpTimeout = 5 * time.Second

// serve answers health checks from the beginning, so that a start that waits can be asked why.
func (p *process) serve(ctx context.Context) (stop func(), err error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", p.env.HTTPAddr)
	if err != nil {
		return nil, &Error{
			Code: CodeAddress, Err: fmt.Errorf("listen on %s: %w", p.env.HTTPAddr, err),
			Remedy: "export ONEX_HTTP_ADDR=:8081 or stop what listens there",
		}
	}
	if tcp, ok := l.Addr().(*net.TCPAddr); ok {
		p.port = tcp.Port
	}
	server := &http.Server{Handler: p.ready.routes(p.metrics.handler()), ReadHeaderTimeout: httpTimeout}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			p.log.ErrorContext(ctx, "health server failed", "err", err)
		}
	}()
	return func() {
		_ = server.Close()
		<-done
	}, nil
}

// bounded returns a context for a last call after ctx may have ended.
func bounded(ctx context.Context) context.Context {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	context.AfterFunc(ctx, cancel)
	return ctx
}
