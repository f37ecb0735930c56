package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omninode-ai/omninode/ci/internal/dagger"
	"github.com/omninode-ai/omninode/ci/report"
)

// run is one run of the pipeline: its services, its secrets and what became of it.
type run struct {
	m     *Omninode
	id    string // unlike any other run's
	execs atomic.Int64
	start time.Time
	nodes []string
	keys  *keys
	stack *stack
	fleet map[string]*dagger.Service // running nodes

	images  *dagger.Directory // of the nodes, as tarballs
	gateway *dagger.Service
	cases   []string // scenarios to run; none means all
	broken  string   // part to break

	mu      sync.Mutex
	report  report.Report
	failure *report.Failure
}

func (m *Omninode) newRun(ctx context.Context) (*run, error) {
	nodes, err := m.nodes(ctx)
	if err != nil {
		return nil, err
	}
	id := rand.Text()[:12]
	k := newKeys(id, nodes)
	return &run{
		m: m, id: id, start: time.Now(), nodes: nodes, keys: k,
		stack:  m.backends(id, k.vaultToken, k.postgresPassword),
		fleet:  map[string]*dagger.Service{},
		report: report.Report{Title: "pipeline"},
	}, nil
}

// tool is a container with the command for one exec that must really run: it is unlike any other of
// this run and of all others, so that no cache has its answer.
func (r *run) tool() *dagger.Container {
	return r.m.tool().WithEnvVariable("OMNINODE_EXEC", fmt.Sprintf("%s-%d", r.id, r.execs.Add(1)))
}

// startBackends starts the services without waiting for them to be ready.
func (r *run) startBackends(ctx context.Context, backends ...*backend) error {
	if err := r.m.prepareLogs(ctx, r.id); err != nil {
		return err
	}
	var starts []func() error
	for _, b := range backends {
		starts = append(starts, func() error {
			if _, err := b.service.Start(ctx); err != nil {
				return explain("start "+b.name, b.name, err)
			}
			return nil
		})
	}
	return together(starts...)
}

// ready waits until a backend answers as it should; the step fails with the last lines it wrote.
func (r *run) ready(ctx context.Context, b *backend) error {
	return r.step(ctx, b.name+" is ready", b.name, func(ctx context.Context) error {
		err := r.probe(ctx, b, readyTimeout)
		if err == nil {
			return nil
		}
		f := explain(b.name+" is ready", b.name, err)
		f.Log = r.m.tailLog(ctx, r.id, b.name)
		return f
	})
}

// probe asks a backend once, or until the timeout.
func (r *run) probe(ctx context.Context, b *backend, timeout string) error {
	address := b.address()
	c := r.tool()
	switch b {
	case r.stack.vault, r.stack.consul:
		address = "http://" + address
	case r.stack.postgres:
		address = "env:DATABASE_URL"
		c = c.WithSecretVariable("DATABASE_URL", r.keys.databaseURL)
	}
	_, err := c.WithExec([]string{"omninode", "probe", b.name, address, "--timeout", timeout}).Sync(ctx)
	return err
}

// diagnose looks for a backend that is gone and, if there is one, makes it the culprit of a failure
// that was seen elsewhere.
func (r *run) diagnose(ctx context.Context, f *report.Failure) *report.Failure {
	if f.Service == "build" || r.stack.named(f.Service) != nil {
		return f
	}
	backends := r.stack.all()
	errs := make([]error, len(backends))
	var probes []func() error
	for i, b := range backends {
		probes = append(probes, func() error {
			errs[i] = r.probe(ctx, b, "2s")
			return nil
		})
	}
	_ = together(probes...)
	for i, b := range backends {
		if errs[i] != nil {
			found := explain(f.Step, b.name, errs[i])
			return &report.Failure{
				Service: b.name, Step: f.Step, Next: f.Next,
				Cause: fmt.Sprintf("%s\nseen as: %s: %s", found.Cause, f.Service, f.Cause),
				Log:   r.m.tailLog(ctx, r.id, b.name),
			}
		}
	}
	return f
}

// stop stops what still runs. The nodes were stopped gently before, if the run came that far; nothing
// else has anything to lose.
func (r *run) stop(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	services := []*dagger.Service{}
	for _, s := range r.fleet {
		services = append(services, s)
	}
	if r.gateway != nil {
		services = append(services, r.gateway)
	}
	for _, b := range r.stack.all() {
		services = append(services, b.service)
	}
	var stops []func() error
	for _, s := range services {
		stops = append(stops, func() error {
			_, err := s.Stop(ctx, dagger.ServiceStopOpts{Kill: true})
			return err
		})
	}
	_ = together(stops...)
}
