package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/internal/console"
	"github.com/omninode-ai/omninode/internal/local"
)

const codeDev = "ONEX_DEV_001_NOT_STARTED"

func newDevCommand(a *app) *cobra.Command {
	var free, fresh bool
	c := &cobra.Command{
		Use:   "dev",
		Short: "run the fleet on embedded backends and restart it when you edit",
		Long: "dev keeps Postgres, a Kafka-protocol broker, a catalog and all nodes running on this machine. When a\n" +
			"contract changes it regenerates; when code changes it rebuilds and restarts the nodes. What does not\n" +
			"validate or compile is told, and the nodes that run go on. Data is kept in .omninode/dev, with the\n" +
			"addresses in stack.env: set -a; . .omninode/dev/stack.env; omninode e2e --on stack",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.dev(c.Context(), free, fresh) },
	}
	c.Flags().BoolVar(&free, "free-ports", false, "choose free ports instead of the usual ones")
	c.Flags().BoolVar(&fresh, "fresh", false, "start without the data of earlier runs")
	return c
}

func (a *app) dev(ctx context.Context, free, fresh bool) error {
	module, err := findModule(a.nodes)
	if err != nil {
		return err
	}
	data := filepath.Join(module.Root, ".omninode", "dev")
	if fresh {
		if err := os.RemoveAll(data); err != nil {
			return mistake(codeUnwritable, err, "")
		}
	}
	out := console.New(console.Config{W: a.stdout, Env: a.env})
	defer out.Close()
	if err := a.generate(ctx, nil, false); err != nil {
		return err
	}
	watcher, err := local.NewWatcher(a.nodes)
	if err != nil {
		return unreadable(a.nodes, err)
	}
	cfg := local.Config{Root: module.Root, Contracts: a.nodes, Console: out, Env: a.env, Log: out}
	s, err := local.Open(ctx, cfg.Dev(data, free))
	if err != nil {
		return a.devFailed(ctx, err)
	}
	d := &developer{a: a, out: out, session: s, watcher: watcher}
	if err = d.greet(filepath.Join(data, "stack.env")); err == nil {
		d.loop(ctx)
	}
	step := out.Step("stop everything")
	return errors.Join(err, step.End(s.Close()))
}

func (a *app) devFailed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Canceled
	}
	return lacking(codeDev, err, "omninode doctor")
}

// developer is a running omninode dev.
type developer struct {
	a       *app
	out     *console.Console
	session *local.Session
	watcher *local.Watcher
}

// greet prints the addresses, and writes them with their secrets to a file for programs.
func (d *developer) greet(file string) error {
	s := d.session
	if err := os.WriteFile(file, []byte(strings.Join(s.StackEnv(), "\n")+"\n"), 0o600); err != nil {
		return mistake(codeUnwritable, err, "")
	}
	d.out.Print("")
	for _, line := range [][2]string{
		{"nodes", s.URL() + "/readyz"},
		{"metrics", s.URL() + "/metrics"},
		{"kafka", s.Stack.Brokers},
		{"catalog", "http://" + s.Stack.ConsulAddr + "/v1/catalog/services"},
		{"postgres", redacted(s.Stack.AdminDatabaseURL)},
		{"secrets", s.Stack.SecretsFile},
		{"for shells", file},
	} {
		d.out.Print("  %-10s %s", line[0], line[1])
	}
	if s.Gateway != nil {
		d.out.Print("  %-10s %s (sandbox)", "gateway", s.Gateway.URL)
	}
	d.out.Print("\nedit a contract or a handler; Ctrl-C stops everything\n")
	return nil
}

// redacted hides the password of a URL.
func redacted(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "(not a URL)"
	}
	return u.Redacted()
}

// loop restarts the nodes at each change until ctx ends: Ctrl-C is how one leaves.
func (d *developer) loop(ctx context.Context) {
	for {
		change, ok := d.next(ctx)
		if !ok {
			return
		}
		slices.Sort(change.Files)
		d.out.Print("%s %s", d.out.Paint(console.Bold, "changed:"), strings.Join(change.Files, ", "))
		if err := d.apply(ctx, change); err != nil && ctx.Err() == nil {
			d.out.Print("%s %v", d.out.Paint(console.Red, "not applied:"), err)
		}
	}
}

// next waits for a change and meanwhile says if the nodes end by themselves. It returns false when
// ctx ended.
func (d *developer) next(ctx context.Context) (local.Change, bool) {
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := d.session.Done()
	told := make(chan struct{})
	go func() {
		defer close(told)
		select {
		case <-ended:
			d.out.Print("%s waiting for a change", d.out.Paint(console.Red, "the nodes ended;"))
		case <-watching.Done():
		}
	}()
	c, err := d.watcher.Next(watching)
	cancel()
	<-told
	return c, err == nil
}

// apply regenerates if a contract changed, rebuilds and restarts. Until the new program is built the
// old one runs on.
func (d *developer) apply(ctx context.Context, change local.Change) error {
	if change.Contracts {
		if err := d.a.generate(ctx, nil, false); err != nil {
			return fmt.Errorf("the nodes go on as they were: %w", err)
		}
		if err := d.watcher.Forget(); err != nil {
			return err
		}
	}
	if err := d.session.Rebuild(ctx); err != nil {
		return fmt.Errorf("the nodes go on as they were: %w", err)
	}
	return d.session.Restart(ctx)
}
