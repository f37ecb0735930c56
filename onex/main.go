package onex

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/omninode-ai/omninode/internal/rehearsal"
)

// Main is the main function of a node's program: it runs nodes in one process until SIGTERM or
// SIGINT and exits. A second signal ends the process at once. With --version it only says what it is, with verify whether the states of
// its reducers are the fold of their inputs, and with rehearse what it would do with records that it is given.
func Main(nodes ...Node) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	context.AfterFunc(ctx, stop)                                     // from here on a signal does what it does by default
	os.Exit(mainCode(ctx, os.Args[1:], os.Stdout, os.Stderr, nodes)) //nolint:forbidigo // Main is the main function
}

func mainCode(ctx context.Context, args []string, stdout, stderr io.Writer, nodes []Node) int {
	if slices.Contains(args, "--version") || slices.Contains(args, "-version") {
		for _, n := range nodes {
			fmt.Fprintf(stdout, "%s %s %s\n", n.Name, n.Version, n.Kind)
		}
		return 0
	}
	var err error
	switch {
	case len(args) == 1 && args[0] == "verify":
		err = verify(ctx, Config{Output: stderr}, stdout, nodes)
	case len(args) == 1 && args[0] == rehearsal.Argument:
		os.Stdout = os.Stderr // what a handler prints is no answer
		err = rehearse(ctx, Config{Output: stderr}, os.Stdin, stdout, nodes)
	case len(args) > 0:
		fmt.Fprintf(stderr, "error: unknown argument %q\nnext:  nodes are configured by environment variables; verify and --version are all they are told\n", args[0])
		return 2
	default:
		err = Run(ctx, Config{Output: stderr}, nodes...)
	}
	if err == nil {
		return 0
	}
	failure, ok := errors.AsType[*Error](err)
	if !ok {
		failure = &Error{Code: CodeInternal, Err: err}
	}
	fmt.Fprintf(stderr, "error: %s: %v\n", failure.Code, failure.Err)
	if failure.Remedy != "" {
		fmt.Fprintf(stderr, "next:  %s\n", failure.Remedy)
	}
	return 1
}
