package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/omninode-ai/omninode/ci/internal/telemetry"
	"github.com/omninode-ai/omninode/ci/report"
)

// step runs one step of the pipeline: a span with its name for whoever watches, a line on stderr when
// it ends, and a case in the report. service is blamed if it fails.
func (r *run) step(ctx context.Context, name, service string, f func(context.Context) error) error {
	ctx, span := Tracer().Start(ctx, name)
	begin := time.Now()
	err := f(ctx)
	telemetry.End(span, func() error { return err })
	c := report.Case{Suite: "pipeline", Name: name, Took: time.Since(begin)}
	if err != nil {
		failure := explain(name, service, err)
		c.Failure = failure.Cause
		r.blame(failure)
		err = failure
	}
	r.add(c)
	return err
}

// add records cases as they end.
func (r *run) add(cases ...report.Case) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range cases {
		word := "ok"
		if c.Failure != "" {
			word = "FAILED"
		}
		fmt.Fprintf(os.Stderr, "%6.1fs  %-6s %s (%.1fs)\n", time.Since(r.start).Seconds(), word, c.Name, c.Took.Seconds())
	}
	r.report.Cases = append(r.report.Cases, cases...)
}

// blame keeps the first failure: later ones are mostly its consequences.
func (r *run) blame(f *report.Failure) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failure == nil {
		r.failure = f
	}
}

// together runs steps at the same time and waits for all: one that fails does not cancel the others.
func together(steps ...func() error) error {
	errs := make([]error, len(steps))
	var wg sync.WaitGroup
	for i, f := range steps {
		wg.Add(1)
		go func() {
			defer wg.Done()
			errs[i] = f()
		}()
	}
	wg.Wait()
	return errors.Join(errs...)
}
