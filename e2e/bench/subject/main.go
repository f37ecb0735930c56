// Command subject is the process that the speed cases of e2e/bench measure: a node of one kind, or one
// of the loops it is compared with. It runs until SIGTERM. BENCH_PROFILE names a file for a CPU profile.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"strconv"
	"syscall"
	"time"

	"github.com/omninode-ai/omninode/e2e/bench/load"
	"github.com/omninode-ai/omninode/onex"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Getenv); err != nil {
		fmt.Fprintln(os.Stderr, "subject:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, env func(string) string) error {
	if len(args) != 1 {
		return fmt.Errorf("want the role as the only argument, not %q", args)
	}
	if file := env("BENCH_PROFILE"); file != "" {
		out, err := os.Create(file)
		if err != nil {
			return fmt.Errorf("keep the profile: %w", err)
		}
		if err := pprof.StartCPUProfile(out); err != nil {
			return fmt.Errorf("profile: %w", err)
		}
		defer func() {
			pprof.StopCPUProfile()
			_ = out.Close()
		}()
	}
	place := load.Place{Brokers: env("BENCH_BROKERS"), Group: env("BENCH_GROUP"), Input: env("BENCH_INPUT"), Output: env("BENCH_OUTPUT")}
	rows, _ := strconv.Atoi(env("BENCH_ROWS")) // only some roles want them
	keys, _ := strconv.Atoi(env("BENCH_KEYS"))
	wait, _ := time.ParseDuration(env("BENCH_WAIT"))
	states := load.States{Database: env("BENCH_DATABASE"), Rows: rows, Keys: keys}
	switch role := args[0]; role {
	case "upsert":
		return load.Upsert(ctx, states)
	case "copy":
		return load.Copy(ctx, states)
	case "fold":
		return load.Fold(ctx, place, states.Database)
	case "bare":
		return load.Bare(ctx, place)
	case "work":
		return load.Work(ctx, place)
	case "session":
		return load.Session(ctx, place)
	case "flow":
		return onex.Run(ctx, onex.Config{}, load.Waiting(wait, load.Flow(env("BENCH_NODE"))...)...)
	default:
		return onex.Run(ctx, onex.Config{}, load.Waiting(wait, load.Node(onex.Kind(role), env("BENCH_NODE")))...)
	}
}
