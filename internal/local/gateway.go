package local

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/omninode-ai/omninode/e2e/gateway"
)

// Gateway is the sandbox of the card gateway as a server on 127.0.0.1.
type Gateway struct {
	URL    string
	Token  string
	server *http.Server
	served sync.WaitGroup
}

// StartGateway starts the sandbox.
func StartGateway(ctx context.Context, port int, token string) (*Gateway, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("start the gateway's sandbox: %w; stop what listens there or choose another port", err)
	}
	g := &Gateway{
		URL: "http://" + l.Addr().String(), Token: token,
		server: &http.Server{Handler: gateway.New(token), ReadHeaderTimeout: 5 * time.Second},
	}
	g.served.Go(func() { _ = g.server.Serve(l) }) // ends with ErrServerClosed, by Stop
	return g, nil
}

// Stop ends the sandbox; what is under way gets a second. It may be called more than once.
func (g *Gateway) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := g.server.Shutdown(ctx)
	if err != nil {
		err = g.server.Close()
	}
	g.served.Wait()
	return err
}
