// Command airgap gives a machine that reaches package registries but no
// container registry everything the pipeline would pull: Docker, Dagger's CLI
// and engine, the Go SDK image, and a mirror that answers for docker.io with a
// Go build image, Vault, Consul, Kafka and Postgres under their official names.
//
//	go run -C ci/airgap . up              make what is missing, start the engine
//	go run -C ci/airgap . status          one line for each thing made
//	eval "$(go run -C ci/airgap . env)"   let a shell use it; --json for programs
//	go run -C ci/airgap . lock            digests of the images in the mirror
//	go run -C ci/airgap . down            stop the engine, and dockerd if ours
//	go run -C ci/airgap . clean           remove all of it
//
// Each thing is a step (plan.go) with a key, the hash of all that goes into it.
// A step tells by itself whether its thing is there under that key, so `up` has
// no state of its own: it can be killed at any moment and started again. Steps
// run in two lanes, one that compiles and one that assembles, because a machine
// of two cores gains from no more.
//
// The pipeline does not know airgap: docs/airgap.md lists what of the official
// images' interface the stand-ins keep. Nothing here is shipped.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

const usage = `usage: go run -C ci/airgap . <command>

  up      make what is missing and start the engine and its mirror
  status  show each thing, its state, key and size, and what up would do
  env     print shell exports for eval (--json for programs)
  lock    print the digests of the images in the mirror
  down    stop the engine, and dockerd if up started it
  clean   down, then remove the images, the volume and the cache
`

// self is how a person runs this program, for the hints that errors give.
const self = "go run -C ci/airgap ."

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		reportFailure(os.Stderr, err)
		os.Exit(1)
	}
}

// run carries out one command line.
func run(ctx context.Context, args []string, stdout io.Writer) error {
	if len(args) == 0 {
		return &remedied{err: errors.New("no command given"), next: self + " up"}
	}
	if args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		_, err := io.WriteString(stdout, usage)
		return err
	}
	site, err := newSite(ctx)
	if err != nil {
		return err
	}
	switch args[0] {
	case "up":
		return site.up(ctx, stdout)
	case "status":
		return site.status(ctx, stdout)
	case "env":
		return site.env(stdout, len(args) > 1 && args[1] == "--json")
	case "lock":
		return site.lock(ctx, stdout)
	case "down":
		return site.down(ctx, stdout)
	case "clean":
		return site.clean(ctx, stdout)
	}
	return &remedied{err: fmt.Errorf("unknown command %q", args[0]), next: self + " help"}
}
