// Command omninode turns contracts into running nodes: it validates and generates them, prepares the
// backends they need, runs them for development and tests, and plans their deployment.
//
// It is the outermost layer: flags, environment, signals and exit codes. What it does is done by the
// packages it calls.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the command at once
	code := run(ctx, os.Args[1:], os.LookupEnv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
