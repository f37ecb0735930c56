package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/omninode-ai/omninode/internal/process"
)

const (
	readyTimeout = 60 * time.Second
	drainGrace   = 15 * time.Second
)

// fleetProcess is the nodes' process.
type fleetProcess struct {
	*process.Process

	url string
}

// FleetError says that the nodes ended or did not become ready, with the last lines they wrote.
type FleetError struct {
	Err  error
	Tail []string
}

// Error begins with what the nodes themselves gave as the reason, if they did.
func (e *FleetError) Error() string {
	first := e.Err.Error()
	for _, line := range e.Tail {
		if reason, ok := strings.CutPrefix(line, "error: "); ok {
			first = fmt.Sprintf("%s: %s", first, reason)
			break
		}
	}
	return first + "\nlast lines of the nodes:\n  " + strings.Join(e.Tail, "\n  ")
}

func (e *FleetError) Unwrap() error { return e.Err }

// StartFleet starts the nodes and waits until all of them are ready.
func (s *Session) StartFleet(ctx context.Context) error {
	step := s.cfg.Console.Step("start nodes")
	return step.End(s.startFleet(ctx, step.Say))
}

func (s *Session) startFleet(ctx context.Context, say func(string)) error {
	addr, err := httpAddr(ctx, s.cfg.Ports.HTTP)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), s.Binary)
	cmd.Env = s.Env(addr)
	p, err := process.Start(cmd, process.Config{Log: s.cfg.Log})
	if err != nil {
		return err
	}
	s.process = &fleetProcess{Process: p, url: "http://" + addr}
	if err := s.process.waitReady(ctx, s.nodes(), say); err != nil {
		return errors.Join(err, s.StopFleet())
	}
	return nil
}

// StopFleet stops the nodes as an orchestrator would: SIGTERM, time to drain, then SIGKILL. An exit
// code other than 0 is an error. It is fine if no fleet runs.
func (s *Session) StopFleet() error {
	if s.process == nil {
		return nil
	}
	p := s.process
	s.process = nil
	if err := p.Stop(drainGrace, syscall.SIGTERM); err != nil {
		return &FleetError{Err: fmt.Errorf("stop the nodes: %w", err), Tail: p.Tail()}
	}
	return nil
}

// Done is closed when the nodes' process has ended; it blocks forever if there is none.
func (s *Session) Done() <-chan struct{} {
	if s.process == nil {
		return nil
	}
	return s.process.Done()
}

// httpAddr chooses the nodes' listen address; a wanted port must be free.
func httpAddr(ctx context.Context, port int) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return "", fmt.Errorf("port %d, wanted for the nodes, is occupied; stop what listens there or choose another port", port)
	}
	if err != nil {
		return "", fmt.Errorf("choose an address for the nodes: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// Env returns the environment of the nodes: the user's, without what would lead them away from the
// embedded backends.
func (s *Session) Env(addr string) []string {
	var env []string
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(name, "VAULT_") && !strings.HasPrefix(name, "ONEX_") && !strings.HasPrefix(name, "CONSUL_") {
			env = append(env, kv)
		}
	}
	env = append(env, s.Stack.Env()...)
	env = append(env, "ONEX_HTTP_ADDR="+addr, "ONEX_ADVERTISE_ADDR=127.0.0.1", "ONEX_INSTANCE=local", "ONEX_LOG_FORMAT=text")
	if level := s.lookup("ONEX_LOG_LEVEL"); level != "" {
		env = append(env, "ONEX_LOG_LEVEL="+level)
	}
	if s.Gateway != nil {
		env = append(env, "PAYMENT_GATEWAY_URL="+s.Gateway.URL)
	}
	return env
}

// waitReady polls the process until every node is ready. The error says which are not and why.
func (p *fleetProcess) waitReady(ctx context.Context, nodes []string, say func(string)) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	why := errors.New("it does not answer")
	for {
		ready, reason := p.ready(ctx)
		if ready {
			return nil
		}
		if reason != nil && ctx.Err() == nil {
			why = reason
			say(firstLine(reason))
		}
		select {
		case <-p.Done():
			return &FleetError{Err: fmt.Errorf("the nodes ended at start: %w", errors.Join(p.Err(), notRunning(p.Err()))), Tail: p.Tail()}
		case <-ctx.Done():
			return &FleetError{Err: fmt.Errorf("nodes %s are not ready after %s: %w", strings.Join(nodes, ", "), readyTimeout, why), Tail: p.Tail()}
		case <-tick.C:
		}
	}
}

// notRunning names an end that is no error to the operating system.
func notRunning(err error) error {
	if err == nil {
		return errors.New("exit code 0")
	}
	return nil
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

func (p *fleetProcess) ready(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/readyz", nil)
	if err != nil {
		return false, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false, nil // not listening yet
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode == http.StatusOK {
		return true, nil
	}
	return false, errors.New(reasons(body))
}

// reasons renders the JSON of /readyz in one line.
func reasons(body []byte) string {
	var compact any
	if json.Unmarshal(body, &compact) != nil {
		return strings.TrimSpace(string(body))
	}
	line, err := json.Marshal(compact)
	if err != nil {
		return strings.TrimSpace(string(body))
	}
	return string(line)
}
