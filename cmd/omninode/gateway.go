package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/e2e/gateway"
)

const (
	codeNoToken   = "ONEX_E2E_003_NO_TOKEN"
	codeListening = "ONEX_E2E_004_LISTEN"
)

// newGatewayCommand serves the sandbox of the shop's card gateway; the pipeline runs it as a service.
func newGatewayCommand(a *app) *cobra.Command {
	var listen string
	c := &cobra.Command{
		Use:    "gateway",
		Short:  "serve the sandbox of the card gateway the shop pays with",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			token, _ := a.env("PAYMENT_GATEWAY_TOKEN")
			if token == "" {
				return lacking(codeNoToken, errors.New("the gateway needs the token that payment will send"), "export PAYMENT_GATEWAY_TOKEN=…")
			}
			return a.serveGateway(c.Context(), listen, gateway.New(token))
		},
	}
	c.Flags().StringVar(&listen, "listen", ":8090", "address to listen on")
	return c
}

func (a *app) serveGateway(ctx context.Context, listen string, h http.Handler) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", listen)
	if err != nil {
		return lacking(codeListening, err, "choose another address with --listen")
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	fmt.Fprintf(a.stdout, "the gateway's sandbox listens on %s\n", l.Addr())
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return lacking(codeListening, err, "")
	}
	return nil
}
