package onex_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// TestWaitsForBackends: what is not there yet is waited for and named; being told to stop meanwhile
// is no error.
func TestWaitsForBackends(t *testing.T) {
	t.Parallel()
	f := setup(t)
	nowhere := freeAddr(t)
	for name, test := range map[string]struct{ key, value, reason string }{
		"kafka":    {"ONEX_KAFKA_BROKERS", nowhere, "topics: reach kafka at " + nowhere},
		"consul":   {"CONSUL_HTTP_ADDR", nowhere, "registration: "},
		"postgres": {"", "postgres://nobody@" + nowhere + "/x", "database: "},
		"vault":    {"VAULT_ADDR", "http://" + nowhere, "secrets: vault at http://" + nowhere},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			node := echo(onex.Effect, f.name("effect"), engine.RetryPolicy{}, succeed)
			env := (&fixture{t: t, db: f.db}).env(nil, "a")
			env[envName(node)] = setup(t).migrate(node.Name)
			env["VAULT_ROLE_ID"], env["VAULT_SECRET_ID"] = "role", "secret"
			if test.key == "" {
				test.key = envName(node)
			}
			env[test.key] = test.value
			own := setup(t)
			r := own.launch(env, node)
			own.eventually("the reason is told", func() error {
				if status, body := r.read("/readyz"); status != 503 || !strings.Contains(body, test.reason) {
					return fmt.Errorf("answer %d %s, want %q", status, body, test.reason)
				}
				return nil
			})
			r.halt()
			if r.err != nil {
				t.Errorf("stop: %v", r.err)
			}
		})
	}
}

// proxy passes connections on to a server until it is cut.
type proxy struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	down  bool
	conns map[net.Conn]bool
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, target: target, conns: map[net.Conn]bool{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.serve()
	}()
	t.Cleanup(func() {
		_ = l.Close()
		p.cut(true)
		<-done
	})
	return p
}

func (p *proxy) serve() {
	var passing sync.WaitGroup
	defer passing.Wait()
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := (&net.Dialer{}).Dial("tcp", p.target)
		if err != nil || !p.keep(client, server) {
			_ = client.Close()
			continue
		}
		passing.Go(func() { p.pass(client, server) })
		passing.Go(func() { p.pass(server, client) })
	}
}

func (p *proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		if p.down {
			_ = c.Close()
		} else {
			p.conns[c] = true
		}
	}
	return !p.down
}

func (p *proxy) pass(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.Close()
	_ = from.Close()
}

// cut ends all connections, and refuses new ones if down.
func (p *proxy) cut(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
	for c := range p.conns {
		_ = c.Close()
	}
	clear(p.conns)
}

// TestDatabaseOutage: connections are cut at any moment, also between a commit and its answer, and
// the database is away for a while: not ready meanwhile, and nothing is lost or doubled.
func TestDatabaseOutage(t *testing.T) {
	t.Parallel()
	f := setup(t)
	node := echo(onex.Effect, f.name("effect"), engine.RetryPolicy{}, succeed)
	env := f.env([]onex.Node{node}, "a")
	u, err := url.Parse(env[envName(node)])
	if err != nil {
		t.Fatal(err)
	}
	p := newProxy(t, u.Host)
	u.Host = p.listener.Addr().String()
	env[envName(node)] = u.String()
	env["ONEX_LOG_LEVEL"] = "warn"
	r := f.launch(env, node)
	f.eventually("it is ready", func() error { return r.get("/readyz", 200) })
	const keys, each = 5, 60
	for i := range keys * each {
		f.produce(root(event.Command, ref(node.Name, "ask"), fmt.Sprint("k", i%keys), number{N: i / keys}))
		switch {
		case i == keys*each/2:
			p.cut(true)
			f.eventually("the outage is told", func() error {
				if status, body := r.read("/readyz"); status != 503 || !strings.Contains(body, "database: ") {
					return fmt.Errorf("answer %d %s", status, body)
				}
				return nil
			})
			p.cut(false)
		case i%10 == 0:
			p.cut(false)
		}
	}
	f.exactlyOnce(node, keys, each)
	f.eventually("it is ready again", func() error { return r.get("/readyz", 200) })
}

// TestDrain: what is in hand when the process is told to stop is finished; what takes longer than
// the drain timeout is left to the next process.
func TestDrain(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		timeout  string
		answered int
	}{"finishes": {"20s", 1}, "gives up": {"100ms", 0}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			begun, calls := make(chan struct{}, 10), 0
			node := echo(onex.Effect, f.name("effect"), engine.RetryPolicy{}, func(onex.Input[number]) error {
				calls++
				if calls == 1 {
					begun <- struct{}{}
					time.Sleep(500 * time.Millisecond) // work that takes its time
				}
				return nil
			})
			env := f.env([]onex.Node{node}, "a")
			env["ONEX_DRAIN_TIMEOUT"] = test.timeout
			r := f.launch(env, node)
			f.eventually("it is ready", func() error { return r.get("/readyz", 200) })
			f.produce(root(event.Command, ref(node.Name, "ask"), "k", number{}))
			<-begun
			r.halt()
			if r.err != nil {
				t.Errorf("stop: %v", r.err)
			}
			if test.answered > 0 {
				f.collect(test.answered, topicOf(event.Event, ref(node.Name, "answer")))
				return
			}
			f.start("a", node)
			f.collect(1, topicOf(event.Event, ref(node.Name, "answer")))
			if calls != 2 {
				t.Errorf("the record was handled in %d calls, want 2", calls)
			}
		})
	}
}

// TestFailedNodeEndsTheOthers: when one node of a process fails for good, the others have no longer
// than the drain timeout to finish.
func TestFailedNodeEndsTheOthers(t *testing.T) {
	t.Parallel()
	f := setup(t)
	begun := make(chan struct{}, 1)
	failing := echo(onex.Effect, f.name("failing"), engine.RetryPolicy{}, succeed)
	busy := echo(onex.Effect, f.name("busy"), engine.RetryPolicy{}, succeed)
	busy.Inputs[0].Timeout = time.Hour
	busy.Build = func(context.Context, *config.Values) (onex.Wiring, error) {
		return onex.Wiring{Routes: onex.Routes{ref(busy.Name, "ask"): func(ctx context.Context, _ engine.Call) engine.Outcome {
			begun <- struct{}{}
			<-ctx.Done()
			return engine.Outcome{Err: ctx.Err()}
		}}}, nil
	}
	env := f.env([]onex.Node{failing, busy}, "a")
	env["ONEX_DRAIN_TIMEOUT"] = "100ms"
	r := f.launch(env, failing, busy)
	f.eventually("it is ready", func() error { return r.get("/readyz", 200) })
	f.produce(root(event.Command, ref(busy.Name, "ask"), "k", number{}))
	<-begun
	f.start("a", failing) // takes the first one's place
	select {
	case <-r.done:
	case <-time.After(60 * time.Second):
		t.Fatal("the process still runs")
	}
	if failure, ok := errors.AsType[*onex.Error](r.err); !ok || failure.Code != onex.CodeReplaced {
		t.Errorf("the process ended with %v", r.err)
	}
}
