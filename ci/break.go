package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/omninode-ai/omninode/ci/internal/dagger"
)

// What can be broken on purpose, to see that a run goes red and says why.
const breakHandler = "handler"

func breakable() []string { return []string{"vault", "consul", "kafka", "postgres", breakHandler} }

func checkBreak(part string) error {
	if part == "" || slices.Contains(breakable(), part) {
		return nil
	}
	return fmt.Errorf("--break=%s: what can be broken is %s", part, strings.Join(breakable(), ", "))
}

// breakBackend kills a backend after everything was prepared on it and before the nodes start.
func (r *run) breakBackend(ctx context.Context) error {
	if r.broken == "" || r.broken == breakHandler {
		return nil
	}
	_, err := r.stack.named(r.broken).service.Stop(ctx, dagger.ServiceStopOpts{Kill: true})
	return err
}

// breakHandler makes pricing calculate with a wrong tax.
func (r *run) breakHandler(c *dagger.Container) *dagger.Container {
	if r.broken != breakHandler {
		return c
	}
	return c.WithEnvVariable("PRICING_TAX_PERCENT", "0")
}
