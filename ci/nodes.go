package main

import (
	"context"
	"strconv"

	"github.com/omninode-ai/omninode/ci/internal/dagger"
)

const (
	gatewayPort = 8090
	nodeTimeout = "40s" // everything a node waits for is there before it starts
	toolPath    = "/usr/local/bin/omninode"
)

func (r *run) gatewayURL() string { return "http://gateway:" + strconv.Itoa(gatewayPort) }

// startGateway starts the sandbox of the card gateway, the one part of the outside world the shop
// talks to.
func (r *run) startGateway(ctx context.Context) error {
	r.gateway = r.tool().
		WithSecretVariable("PAYMENT_GATEWAY_TOKEN", r.keys.gatewayToken).
		WithExposedPort(gatewayPort).
		AsService(dagger.ContainerAsServiceOpts{
			Args: []string{"omninode", "e2e", "gateway", "--listen", ":" + strconv.Itoa(gatewayPort)},
		}).
		WithHostname("gateway")
	_, err := r.gateway.Start(ctx)
	return err
}

// startNode runs a node's image and waits until the node says that it is ready.
func (r *run) startNode(ctx context.Context, node string) error {
	return r.step(ctx, node+" is ready", node, func(ctx context.Context) error {
		service := r.nodeService(node)
		r.mu.Lock()
		r.fleet[node] = service
		r.mu.Unlock()
		_, err := service.Start(ctx)
		if err == nil {
			url := "http://" + node + ":" + strconv.Itoa(nodePort)
			_, err = r.tool().WithExec([]string{"omninode", "probe", "node", url, "--timeout", nodeTimeout}).Sync(ctx)
		}
		if err == nil {
			return nil
		}
		f := explain(node+" is ready", node, err)
		f.Log = r.m.tailLog(ctx, r.id, node)
		return f
	})
}

// nodeService is a node's image, untouched, as a service. The command is mounted into it only to
// keep what the node writes: the image has no shell that could.
func (r *run) nodeService(node string) *dagger.Service {
	return dag.Container().
		Import(r.images.File(node+".tar")).
		WithEnvVariable("ONEX_KAFKA_BROKERS", r.stack.kafka.address()).
		WithEnvVariable("CONSUL_HTTP_ADDR", r.stack.consulURL()).
		WithEnvVariable("VAULT_ADDR", r.stack.vaultURL()).
		WithEnvVariable("VAULT_ROLE_ID", "omninode-"+node).
		WithSecretVariable("VAULT_SECRET_ID", r.keys.secretIDs[node]).
		WithEnvVariable("PAYMENT_GATEWAY_URL", r.gatewayURL()).
		With(r.breakHandler).
		WithMountedFile(toolPath, r.m.cli()).
		WithMountedCache(logsDir, logs()).
		WithExposedPort(nodePort, dagger.ContainerWithExposedPortOpts{ExperimentalSkipHealthcheck: true}).
		AsService(dagger.ContainerAsServiceOpts{
			Args: []string{toolPath, "capture", "--log", logFile(r.id, node), "--", nodeMain},
		}).
		WithHostname(node)
}

// stopNodes ends the nodes the way a deployment does: SIGTERM, and time to say goodbye.
func (r *run) stopNodes(ctx context.Context) error {
	return r.step(ctx, "stop the nodes", "stop", func(ctx context.Context) error {
		var stops []func() error
		for node, service := range r.fleet {
			stops = append(stops, func() error {
				if _, err := service.Stop(ctx); err != nil {
					return explain("stop "+node, node, err)
				}
				return nil
			})
		}
		return together(stops...)
	})
}
