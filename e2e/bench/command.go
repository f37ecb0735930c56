package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/omninode-ai/omninode/internal/pipeline"
)

// e2e times the scenarios on embedded backends.
func (b *bench) e2e(ctx context.Context) error {
	return b.command(ctx, 3, "omninode e2e --on embedded", b.omninode("e2e", "--on", "embedded"))
}

// pipeline times the whole pipeline; the run that does not count fills the caches.
func (b *bench) pipeline(ctx context.Context) error {
	return b.command(ctx, 3, "omninode e2e --on real", b.omninode("e2e", "--on", "real"))
}

// airgap times the program that stands in for a container registry when it has nothing to do.
func (b *bench) airgap(ctx context.Context) error {
	program := filepath.Join(b.temp, "airgap")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, ".")
	build.Dir = filepath.Join(b.root, "ci", "airgap")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build ci/airgap: %w\n%s", err, out)
	}
	return b.command(ctx, 5, "airgap up", func(ctx context.Context) *exec.Cmd {
		c := exec.CommandContext(ctx, program, "up")
		c.Dir = build.Dir
		return c
	})
}

// dagger times a call of a function that starts no container.
func (b *bench) dagger(ctx context.Context) error {
	host := pipeline.Host{Root: b.root, Env: os.LookupEnv, Progress: io.Discard, Log: io.Discard}
	engine, err := host.Choose(ctx)
	if err != nil {
		return err
	}
	series, err := repeat(7, func() error {
		_, err := host.Call(ctx, engine, "versions")
		return err
	})
	if err != nil {
		return err
	}
	b.spread("dagger call versions", series)
	return nil
}

func (b *bench) omninode(args ...string) func(context.Context) *exec.Cmd {
	return func(ctx context.Context) *exec.Cmd {
		c := exec.CommandContext(ctx, filepath.Join(b.root, "bin", "omninode"), args...)
		c.Dir = b.root
		return c
	}
}

// command times a command n times; a failure shows what it printed.
func (b *bench) command(ctx context.Context, n int, what string, command func(context.Context) *exec.Cmd) error {
	series, err := repeat(n, func() error {
		c := command(ctx)
		var out bytes.Buffer
		c.Stdout, c.Stderr = &out, &out
		c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
		if err := c.Run(); err != nil {
			return fmt.Errorf("%s: %w\n%s", what, err, out.String())
		}
		return nil
	})
	if err != nil {
		return err
	}
	b.spread(what, series)
	return nil
}
