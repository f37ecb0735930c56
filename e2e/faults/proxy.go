package main

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// proxy passes connections on to a server, with a delay if it is told to, until it is cut or frozen.
type proxy struct {
	listener net.Listener
	target   string
	done     chan struct{}
	delay    atomic.Int64 // nanoseconds that each piece waits
	delayed  atomic.Int64 // pieces that waited

	mu     sync.Mutex
	closed bool
	thaw   chan struct{} // not nil: nothing passes until it is closed
	conns  map[net.Conn]bool
}

func newProxy(ctx context.Context, target string) (*proxy, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: l, target: target, done: make(chan struct{}), conns: map[net.Conn]bool{}}
	go func() {
		defer close(p.done)
		p.serve()
	}()
	return p, nil
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

func (p *proxy) serve() {
	var passing sync.WaitGroup
	defer passing.Wait()
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", p.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		if !p.hold(client, server) {
			continue
		}
		passing.Go(func() { p.pass(client, server) })
		passing.Go(func() { p.pass(server, client) })
	}
}

func (p *proxy) hold(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		if p.closed {
			_ = c.Close()
		} else {
			p.conns[c] = true
		}
	}
	return !p.closed
}

// pass copies piece by piece; what arrives while the proxy is frozen waits with it.
func (p *proxy) pass(to, from net.Conn) {
	defer func() { _ = to.Close(); _ = from.Close() }()
	piece := make([]byte, 64<<10)
	for {
		n, err := from.Read(piece)
		if n > 0 {
			p.wait()
			if _, err := to.Write(piece[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return // io.EOF as well
		}
	}
}

func (p *proxy) wait() {
	p.mu.Lock()
	thaw := p.thaw
	p.mu.Unlock()
	if thaw != nil {
		<-thaw
	}
	if d := time.Duration(p.delay.Load()); d > 0 {
		p.delayed.Add(1)
		time.Sleep(d)
	}
}

// freeze stops all bytes, without closing anything, until melt.
func (p *proxy) freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.thaw = make(chan struct{})
}

func (p *proxy) melt() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.thaw != nil {
		close(p.thaw)
		p.thaw = nil
	}
}

// cut ends all connections and returns how many there were.
func (p *proxy) cut() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.conns) / 2
	for c := range p.conns {
		_ = c.Close()
	}
	clear(p.conns)
	return n
}

func (p *proxy) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	_ = p.listener.Close()
	p.melt()
	p.cut()
	<-p.done
}
