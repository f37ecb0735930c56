package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/internal/console"
	"github.com/omninode-ai/omninode/internal/local"
)

const (
	starts = 20
	settle = 5 * time.Second // from ready to the reading of an idle process's memory
)

// image prints the size of each node's program, built as the pipeline builds it.
func (b *bench) image(ctx context.Context) error {
	fleet, err := contract.LoadFleet(filepath.Join(b.root, "nodes"))
	if err != nil {
		return err
	}
	for _, c := range fleet.Contracts {
		program, err := b.build(ctx, "./nodes/"+c.Node+"/cmd", c.Node)
		if err != nil {
			return err
		}
		info, err := os.Stat(program)
		if err != nil {
			return err
		}
		b.bytes(c.Node, info.Size())
	}
	return nil
}

// build compiles a static, stripped program.
func (b *bench) build(ctx context.Context, pkg, name string) (string, error) {
	to := filepath.Join(b.temp, name)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", to, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return to, nil
}

// node times the start of one node of each kind against embedded backends, while no other node runs,
// and of an empty program in turn with it.
func (b *bench) node(ctx context.Context) error {
	session, err := b.backends(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = session.Close() }()
	empty, err := b.empty(ctx)
	if err != nil {
		return err
	}
	var reference []time.Duration
	for _, c := range session.Fleet.Contracts {
		program, err := b.build(ctx, "./nodes/"+c.Node+"/cmd", c.Node)
		if err != nil {
			return err
		}
		var series []time.Duration
		var resident int64
		for i := range starts {
			took, rss, err := startOnce(ctx, session, program, i == starts-1)
			if err != nil {
				return fmt.Errorf("start %s: %w", c.Node, err)
			}
			series, resident = append(series, took), rss
			start := time.Now()
			if err := exec.CommandContext(ctx, empty).Run(); err != nil {
				return err
			}
			reference = append(reference, time.Since(start))
		}
		b.spread(fmt.Sprintf("%s (%s), start to ready", c.Node, c.Kind), series)
		b.bytes(fmt.Sprintf("%s, resident %s after ready", c.Node, settle), resident)
	}
	b.spread("an empty static Go program, start to end", reference)
	return nil
}

// backends starts the embedded backends, once with the whole fleet so that every topic exists.
func (b *bench) backends(ctx context.Context) (*local.Session, error) {
	quiet := console.New(console.Config{W: io.Discard, Quiet: true})
	defer quiet.Close()
	session, err := local.Open(ctx, local.Config{
		Root: b.root, Contracts: filepath.Join(b.root, "nodes"), Console: quiet, Env: os.LookupEnv,
	})
	if err != nil {
		return nil, err
	}
	return session, session.StopFleet()
}

func (b *bench) empty(ctx context.Context) (string, error) {
	source := filepath.Join(b.temp, "empty.go")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
		return "", err
	}
	return b.build(ctx, source, "empty")
}

// startOnce starts a node, waits until it is ready, reads its memory if idle is wanted, and stops it.
func startOnce(ctx context.Context, s *local.Session, program string, idle bool) (took time.Duration, resident int64, err error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, 0, err
	}
	addr := l.Addr().String()
	_ = l.Close()
	cmd := exec.CommandContext(ctx, program)
	cmd.Env = s.Env(addr)
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	err = awaitReady(ctx, "http://"+addr+"/readyz")
	took = time.Since(start)
	if err == nil && idle {
		time.Sleep(settle)
		resident, err = residentBytes(cmd.Process.Pid)
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if ended := cmd.Wait(); err == nil && ended != nil {
		err = fmt.Errorf("stop: %w", ended)
	}
	return took, resident, err
}

func awaitReady(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not ready: %w", ctx.Err())
		case <-tick.C:
		}
	}
}
