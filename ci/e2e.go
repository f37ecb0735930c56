package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/omninode-ai/omninode/ci/internal/dagger"
	"github.com/omninode-ai/omninode/ci/report"
)

// Prove the whole on real backends and return the report, with the verdict on its last line.
//
// Starts Vault, Consul, Kafka and Postgres, migrates, seeds, regenerates, compiles, runs the images as
// services, runs the scenarios against them, stops the nodes and looks again. The function report
// exports the files of it, also when this failed.
func (m *Omninode) E2E(ctx context.Context, opts struct {
	// Scenarios to run; "list" prints what there is.
	// +optional
	Cases []string
	// Part to break on purpose: vault, consul, kafka, postgres or handler. The run must fail and name it.
	// +optional
	Break string
}) (string, error) {
	if err := checkBreak(opts.Break); err != nil {
		return "", err
	}
	if slices.Equal(opts.Cases, []string{"list"}) {
		return m.listCases(ctx)
	}
	r, err := m.newRun(ctx)
	if err != nil {
		return "", err
	}
	r.cases, r.broken = opts.Cases, opts.Break
	r.execute(ctx)
	return r.conclude(ctx)
}

func (m *Omninode) listCases(ctx context.Context) (string, error) {
	out, err := m.tool().WithExec([]string{"omninode", "e2e", "--cases", "list"}).Stdout(ctx)
	if err != nil {
		return "", explain("list the scenarios", "e2e", err)
	}
	return out, nil
}

// execute runs the steps. What goes wrong is kept in the run's report and failure.
func (r *run) execute(ctx context.Context) {
	defer r.stop(ctx)
	r.steps(ctx)
	if r.failure != nil {
		r.failure = r.diagnose(ctx, r.failure)
	}
}

func (r *run) steps(ctx context.Context) {
	if r.prepare(ctx) != nil {
		return
	}
	if err := r.breakBackend(ctx); err != nil {
		r.blame(explain("break "+r.broken, r.broken, err))
		return
	}
	if r.startFleet(ctx) == nil {
		r.scenarios(ctx, "running")
	}
	if r.stopNodes(ctx) == nil && r.failure == nil {
		r.scenarios(ctx, "stopped")
	}
}

// prepare brings up the backends while the code is compiled, and makes them ready for the nodes.
func (r *run) prepare(ctx context.Context) error {
	s := r.stack
	err := together(
		func() error {
			return r.step(ctx, "start the backends", "stack", func(ctx context.Context) error {
				return r.startBackends(ctx, s.all()...)
			})
		},
		func() error {
			return r.step(ctx, "compile the command", "build", func(ctx context.Context) error {
				_, err := r.m.cli().Sync(ctx)
				return err
			})
		},
	)
	if err != nil {
		return err
	}
	return together(
		func() error { return r.ready(ctx, s.consul) },
		func() error { return r.ready(ctx, s.kafka) },
		func() error { return r.provision(ctx) },
		func() error { return r.regenerate(ctx) },
		func() error { return r.compile(ctx) },
	)
}

// compile makes the images of the nodes.
func (r *run) compile(ctx context.Context) error {
	return r.step(ctx, "compile the nodes", "build", func(ctx context.Context) error {
		images, err := r.m.images(r.nodes).Sync(ctx)
		if err != nil {
			return err
		}
		r.images = images
		return nil
	})
}

// provision migrates the database and seeds it and Vault.
func (r *run) provision(ctx context.Context) error {
	err := together(
		func() error { return r.ready(ctx, r.stack.vault) },
		func() error {
			if err := r.ready(ctx, r.stack.postgres); err != nil {
				return err
			}
			return r.step(ctx, "migrate", "migrate", func(ctx context.Context) error {
				_, err := r.migrate(ctx, r.keys.databaseURL, "up")
				return err
			})
		},
	)
	if err != nil {
		return err
	}
	return r.step(ctx, "seed", "seed", func(ctx context.Context) error {
		_, err := r.seed(ctx)
		return err
	})
}

func (r *run) regenerate(ctx context.Context) error {
	return r.step(ctx, "regenerate without a difference", "generate", func(ctx context.Context) error {
		_, err := r.m.Generate(ctx)
		return err
	})
}

// startFleet starts the nodes at once, in no order: a node waits for what it needs.
func (r *run) startFleet(ctx context.Context) error {
	err := r.step(ctx, "start the card gateway", "gateway", r.startGateway)
	if err != nil {
		return err
	}
	var starts []func() error
	for _, node := range r.nodes {
		starts = append(starts, func() error { return r.startNode(ctx, node) })
	}
	return together(starts...)
}

// judge runs the scenarios of a phase. Their exit code goes to a file, because a failed exec would
// take the report with it.
const judge = `phase=$1 cases=$2
mkdir -p /out
{ omninode e2e --on stack --phase "$phase" --junit /out/junit.xml ${cases:+--cases "$cases"}; echo $? >/out/exit; } 2>&1 | tee /out/output`

// scenarios runs the scenarios of a phase and adds them to the report.
func (r *run) scenarios(ctx context.Context, phase string) {
	out := r.tool().
		WithMountedDirectory("/src/nodes", r.m.contracts()).
		WithMountedFile("/src/payment", r.m.binaries(r.nodes).File("payment")).
		WithEnvVariable("E2E_NODE_BINARY", "/src/payment").
		WithEnvVariable("ONEX_KAFKA_BROKERS", r.stack.kafka.address()).
		WithEnvVariable("CONSUL_HTTP_ADDR", r.stack.consulURL()).
		WithEnvVariable("E2E_GATEWAY_URL", r.gatewayURL()).
		WithSecretVariable("E2E_DATABASE_URL", r.keys.databaseURL).
		WithSecretVariable("PAYMENT_GATEWAY_TOKEN", r.keys.gatewayToken).
		WithExec([]string{"sh", "-c", judge, "judge", phase, strings.Join(r.cases, ",")}).
		Directory("/out")
	cases, err := readCases(ctx, out)
	if err != nil {
		r.blame(explain("scenarios, "+phase, "e2e", err))
		r.add(report.Case{Suite: "scenarios, " + phase, Name: "run", Failure: err.Error()})
		return
	}
	for i := range cases {
		cases[i].Suite = "scenarios, " + phase
		if cause := cases[i].Failure; cause != "" {
			// Backends and nodes were ready, so it is what the nodes do.
			r.blame(&report.Failure{Service: "handler", Step: "scenario " + cases[i].Name, Cause: cause})
		}
	}
	r.add(cases...)
}

// readCases reads what the scenarios left. A runner that ends without a report, or red without a
// red case, has failed.
func readCases(ctx context.Context, out *dagger.Directory) ([]report.Case, error) {
	exit, err := out.File("exit").Contents(ctx)
	if err != nil {
		return nil, err
	}
	exit = strings.TrimSpace(exit)
	junit, err := out.File("junit.xml").Contents(ctx)
	if err != nil {
		output, _ := out.File("output").Contents(ctx)
		return nil, fmt.Errorf("the scenarios left no report, exit code %s: %s", exit, report.Cause(output))
	}
	cases, err := report.ParseJUnit(junit)
	if err != nil {
		return nil, err
	}
	if _, red := (report.Report{Cases: cases}).FirstFailure(); exit != "0" && !red {
		return nil, errors.New("the scenarios ended with exit code " + exit + " although none failed")
	}
	return cases, nil
}
