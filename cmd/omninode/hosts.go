package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"strings"
)

const codeHosts = "ONEX_CLI_010_HOSTS"

// dial connects to an address.
type dial = func(ctx context.Context, network, address string) (net.Conn, error)

// dialer connects to other hosts in place of those that ONEX_HOSTS names, as nodes do:
// "kafka=127.0.0.1,postgres=127.0.0.1". Without the variable it is nil.
func (a *app) dialer() (dial, error) {
	text, _ := a.env("ONEX_HOSTS")
	if text == "" {
		return nil, nil
	}
	hosts := map[string]string{}
	for pair := range strings.SplitSeq(text, ",") {
		from, to, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok || from == "" || to == "" {
			return nil, mistake(codeHosts, fmt.Errorf("ONEX_HOSTS: %q is not of the form host=address", pair), "export ONEX_HOSTS=kafka=127.0.0.1")
		}
		hosts[from] = to
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		var d net.Dialer
		return d.DialContext(ctx, network, net.JoinHostPort(cmp.Or(hosts[host], host), port))
	}, nil
}
