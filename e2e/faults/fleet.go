package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/omninode-ai/omninode/e2e/faults/failpoint"
	"github.com/omninode-ai/omninode/e2e/faults/roles"
	"github.com/omninode-ai/omninode/e2e/servers"
	"github.com/omninode-ai/omninode/internal/process"
	"github.com/omninode-ai/omninode/internal/provision"
)

// spec says how a node runs as a process.
type spec struct {
	role     roles.Role
	instance string            // default "a"
	label    string            // of what it notes; default the node's name
	patched  bool              // with failpoints
	database string            // host:port in place of the server's, for a proxy
	env      map[string]string // besides what every node needs
}

// proc is one life of a node's process.
type proc struct {
	h      *harness
	spec   spec
	number int // told to the database, so that a history says who wrote
	url    string
	p      *process.Process
	log    *os.File
	begun  time.Time
}

// prepare makes the node's schema and role, and the history of its fence.
func (h *harness) prepare(ctx context.Context, nodes ...string) error {
	_, err := provision.Migrate(ctx, provision.MigrateConfig{AdminURL: h.AdminURL, Nodes: nodes, Direction: provision.Up})
	if err != nil {
		return err
	}
	return h.database(ctx, func(conn *pgx.Conn) error {
		for _, n := range nodes {
			role := provision.Schema(n)
			if _, err := conn.Exec(ctx, fmt.Sprintf(`ALTER ROLE %q LOGIN PASSWORD 'faults'`, role)); err != nil {
				return fmt.Errorf("let %s log in: %w", role, err)
			}
			if err := auditFence(ctx, conn, role); err != nil {
				return err
			}
		}
		return nil
	})
}

// database lends a connection of the administrator.
func (h *harness) database(ctx context.Context, use func(conn *pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, h.AdminURL)
	if err != nil {
		return fmt.Errorf("reach the database: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return use(conn)
}

// launch starts a node's process; it dies with this one.
func (h *harness) launch(ctx context.Context, s spec) (*proc, error) {
	if s.instance == "" {
		s.instance = "a"
	}
	if s.label == "" {
		s.label = s.role.Name
	}
	program, err := h.builds.program(ctx, s.patched || h.twin != "")
	if err != nil {
		return nil, err
	}
	port, err := servers.FreePort(ctx)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	h.names++
	p := &proc{h: h, spec: s, number: h.names, url: "http://127.0.0.1:" + port, begun: time.Now()}
	h.mu.Unlock()
	cmd := exec.CommandContext(context.WithoutCancel(ctx), program) // ended by kill
	if cmd.Env, err = p.environment(port); err != nil {
		return nil, err
	}
	if p.log, err = os.Create(filepath.Join(h.temp, fmt.Sprintf("%s-%s-%d.log", s.role.Name, s.instance, p.number))); err != nil {
		return nil, err
	}
	if p.p, err = process.Start(cmd, process.Config{Death: syscall.SIGKILL, Log: p.log}); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.processes = append(h.processes, p)
	return p, nil
}

func (p *proc) environment(port string) ([]string, error) {
	role, err := json.Marshal(p.spec.role)
	if err != nil {
		return nil, err
	}
	schema := provision.Schema(p.spec.role.Name)
	addr := p.h.DatabaseAddr
	if p.spec.database != "" {
		addr = p.spec.database
	}
	db := url.URL{Scheme: "postgres", User: url.UserPassword(schema, "faults"), Host: addr, Path: "/omninode"}
	db.RawQuery = fmt.Sprintf("options=-cfaults.process%%3D%d", p.number)
	env := map[string]string{
		"ONEX_KAFKA_BROKERS": p.h.Brokers, "CONSUL_HTTP_ADDR": p.h.catalog.Addr(), "ONEX_HTTP_ADDR": "127.0.0.1:" + port,
		"ONEX_ADVERTISE_ADDR": "127.0.0.1", "ONEX_INSTANCE": p.spec.instance, "ONEX_LOG_FORMAT": "text", "ONEX_LOG_LEVEL": "info",
		strings.ToUpper(schema) + "_DATABASE_URL": db.String(),
		roles.Env:         string(role),
		roles.ProcessEnv:  strconv.Itoa(p.number),
		failpoint.HitsEnv: p.h.hitsFile(p.spec.label),
		failpoint.TwinEnv: p.h.twin,
		"HOME":            os.Getenv("HOME"), "PATH": os.Getenv("PATH"),
	}
	maps.Copy(env, p.spec.env)
	var list []string
	for k, v := range env {
		list = append(list, k+"="+v)
	}
	return list, nil
}

// ready asks the node whether it works.
func (p *proc) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/readyz", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("/readyz answers %d", resp.StatusCode)
	}
	return nil
}

// awaitReady waits until the node works; one that ended is told with its last lines.
func (p *proc) awaitReady(ctx context.Context) error {
	ended := errors.New("process ended")
	err := eventually(ctx, time.Minute, "node "+p.spec.role.Name+" is ready", func(ctx context.Context) error {
		if p.ended() {
			return ended
		}
		return p.ready(ctx)
	})
	if err != nil {
		return fmt.Errorf("%w\n%s", err, strings.Join(p.p.Tail(), "\n"))
	}
	return nil
}

func (p *proc) ended() bool {
	select {
	case <-p.p.Done():
		return true
	default:
		return false
	}
}

// broken returns how a process ended that was not killed: then the run proves nothing.
func (p *proc) broken() error {
	exit, ok := errors.AsType[*exec.ExitError](p.p.Err())
	if p.ended() && ok && exit.Exited() {
		return fmt.Errorf("node %s ended by itself: %w\n%s", p.spec.role.Name, exit, strings.Join(p.p.Tail(), "\n"))
	}
	return nil
}

// kill ends the process without a warning and waits until it is gone.
func (p *proc) kill() {
	_ = p.p.Stop(0)
	_ = p.log.Close()
}

// again ends the process and starts its next life.
func (p *proc) again(ctx context.Context) (*proc, error) {
	p.kill()
	return p.h.launch(ctx, p.spec)
}

// leave asks the process to stop in good order and returns how long it took.
func (p *proc) leave() (time.Duration, error) {
	begun := time.Now()
	err := p.p.Stop(leaveBound, syscall.SIGTERM)
	_ = p.log.Close()
	if err != nil {
		return time.Since(begun), fmt.Errorf("node %s did not stop in good order: %w\n%s", p.spec.role.Name, err, strings.Join(p.p.Tail(), "\n"))
	}
	return time.Since(begun), nil
}

// leaveBound is how long a process may take to stop before it is killed.
const leaveBound = 20 * time.Second

// signal sends the process a signal.
func (p *proc) signal(s syscall.Signal) error { return syscall.Kill(p.p.Pid(), s) }

// stopped reports whether the process is held by SIGSTOP.
func (p *proc) stopped() bool {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.p.Pid()))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(raw), ") ")
	return strings.HasPrefix(after, "T")
}
