// Command rivals runs other libraries under the loads of e2e/bench. It is a module of its own so that
// the project does not depend on them. Each is set up as its authors do where they care for speed; the
// comments say where that is written.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// place is where a library reads and writes.
type place struct{ brokers, group, input, output, database string }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "rivals:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	roles := map[string]func(context.Context, place) error{
		"watermill-kafka": watermillRouter, "watermill-sql": watermillForwarder,
		"goka": gokaProcessor, "goka-table": gokaTable, "river": riverWork, "river-pickup": riverPickup, "workflows": goWorkflows,
	}
	if len(args) != 1 || roles[args[0]] == nil {
		return fmt.Errorf("want a role as the only argument, not %q", args)
	}
	return roles[args[0]](ctx, place{
		brokers: os.Getenv("BENCH_BROKERS"), group: os.Getenv("BENCH_GROUP"), input: os.Getenv("BENCH_INPUT"),
		output: os.Getenv("BENCH_OUTPUT"), database: os.Getenv("BENCH_DATABASE"),
	})
}
